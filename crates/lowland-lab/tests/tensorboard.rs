//! The event file of a run, as TensorBoard itself reads it.

mod common;
#[path = "common/python.rs"]
mod python;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use common::SMALL;
use lowland_lab::{Change, ConfigFile, Options, PastRun, Plan, Record, Run, Stop, tensorboard};
use serde::Deserialize;

/// Prints all that TensorBoard finds in a folder. Its reader stops at a wrong checksum.
const READ: &str = r#"
import json, sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.io_wrapper import IsSummaryEventsFile, ListRecursivelyViaGlobbing

folder = sys.argv[1]
files = [f for _, found in ListRecursivelyViaGlobbing(folder) for f in found if IsSummaryEventsFile(f)]
events = EventAccumulator(folder)
events.Reload()
tags = events.Tags()
json.dump({
    "files": len(files),
    "version": events.file_version,
    "scalars": {tag: [[e.step, e.value] for e in events.Scalars(tag)] for tag in tags["scalars"]},
    "times": sorted({e.wall_time for tag in tags["scalars"] for e in events.Scalars(tag)}),
    "text": events.Tensors("config")[0].tensor_proto.string_val[0].decode(),
    "plugin": events.SummaryMetadata("config").plugin_data.plugin_name,
}, sys.stdout)
"#;

#[derive(Deserialize)]
struct Found {
    files: usize,
    version: f64,
    scalars: BTreeMap<String, Vec<(usize, f64)>>,
    times: Vec<f64>,
    text: String,
    plugin: String,
}

fn run(sets: &[&str], out: &Path) {
    let sets: Vec<Change> = sets.iter().map(|set| (*set).into()).collect();
    let plan = Plan::new(ConfigFile::parse("small.toml", SMALL, &sets).unwrap(), Path::new(""));
    let mut run = Run::new(plan.unwrap(), &Options::default()).unwrap();
    let mut record = Record::create(out, &run).unwrap();
    run.execute(&mut record, &mut (), &Stop::default()).unwrap();
}

/// What the epochs say under a tag.
fn wanted(past: &PastRun, tag: &str) -> Vec<(usize, f64)> {
    let (set, name) = tag.split_once('/').unwrap();
    let field = |name: &str, i: Option<usize>| {
        let value = |epoch| {
            let value = serde_json::to_value(epoch).unwrap()[name].clone();
            i.map_or(value.clone(), |i| value[i].clone()).as_f64().unwrap()
        };
        // A scalar of an event file is an f32.
        past.epochs.iter().map(|e| (e.epoch, f64::from(value(e) as f32))).collect()
    };
    match name.split_once('/') {
        Some((list, i)) => field(list, Some(i.parse().unwrap())),
        None if matches!(name, "loss" | "acc") => field(&format!("{set}_{name}"), None),
        None => field(name, None),
    }
}

fn read(folder: &Path) -> Option<Found> {
    let modules = ["tensorboard.backend.event_processing.event_accumulator"];
    let text = python::run(READ, &modules, &[folder.to_str().unwrap()], "")?;
    Some(serde_json::from_str(&text).unwrap())
}

#[test]
fn tensorboard_reads_every_number_of_every_epoch() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    run(&["deformation={linear_quadratic={a=0.5}}", "data.subset=200"], &out);
    let past = PastRun::read(&out).unwrap();
    assert!(fs::metadata(out.join(tensorboard::FILE)).unwrap().len() > 500);
    let Some(found) = read(folder.path().join("run").as_path()) else { return };
    assert_eq!((found.files, found.version, found.plugin.as_str()), (1, 2.0, "text"));
    let tags: Vec<&str> = found.scalars.keys().map(String::as_str).collect();
    let want = [
        "test/acc",
        "test/loss",
        "train/acc",
        "train/deformation_slope",
        "train/images_per_s",
        "train/loss",
        "train/lr",
        "train/seconds",
        "val/acc",
        "val/loss",
    ];
    assert_eq!(tags, want);
    for (tag, values) in &found.scalars {
        assert_eq!(values, &wanted(&past, tag), "{tag}");
        assert_eq!(values.len(), 2, "{tag}");
    }
    assert_eq!(found.times.len(), 2, "an event an epoch");
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs_f64();
    assert!(found.times.iter().all(|time| (now - 60.0..=now).contains(time)), "{:?}", found.times);
    let config = fs::read_to_string(out.join("config.toml")).unwrap();
    let shown: Vec<&str> = found.text.lines().map(|line| &line[4..]).collect();
    assert_eq!(shown, config.lines().collect::<Vec<_>>());

    // A file that breaks off, as that of a run that was killed, is read as far as it goes.
    let path = out.join(tensorboard::FILE);
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() - 5]).unwrap();
    let cut = read(&out).unwrap();
    assert_eq!(cut.scalars["train/loss"], found.scalars["train/loss"][..1]);
}

#[test]
fn what_blocks_train_has_an_index_and_what_was_not_measured_is_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let sets = [
        "model={name='zerosnet20', variant='tra', blocks=[3, 1], widths=[4, 8]}",
        "data.validation_fraction=0",
        "data.subset=100",
        "train.epochs=1",
    ];
    run(&sets, &folder.path().join("run"));
    let past = PastRun::read(&folder.path().join("run")).unwrap();
    let coefficients = past.epochs[0].block_coefficients.as_ref().unwrap().len();
    let Some(found) = read(&folder.path().join("run")) else { return };
    assert!(found.scalars.keys().all(|tag| !tag.starts_with("val/")));
    for i in 0..coefficients {
        let tag = format!("train/block_coefficients/{i}");
        assert_eq!(found.scalars[&tag], wanted(&past, &tag));
    }
}
