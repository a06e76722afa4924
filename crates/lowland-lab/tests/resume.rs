//! Runs that are interrupted and gone on with: they come to the same bits, whatever they are made of and
//! wherever they were stopped, and what is damaged is told and not gone on from.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::{SMALL, metrics, run_json};
use lowland_lab::checkpoint::{Checkpoint, Found, folder_of};
use lowland_lab::{
    Change, ConfigFile, Ended, Error, Observer, Options, Outcome, PastRun, Plan, Position, Record,
    Result, Resumed, Run, Stop,
};

/// A run of 3 epochs of 8 steps.
const SHORT: [&str; 3] = ["data.subset=140", "train.epochs=3", "record.checkpoints_kept=2"];

fn new_run(sets: &[&str], options: &Options) -> Result<Run> {
    let sets: Vec<Change> = SHORT.iter().chain(sets).map(|set| Change::from(*set)).collect();
    let plan = Plan::new(ConfigFile::parse("small.toml", SMALL, &sets)?, Path::new("none"))?;
    Run::new(plan, options)
}

fn options(threads: usize, workers: usize) -> Options {
    Options { threads, workers, ..Options::default() }
}

/// Wishes to stop after so many steps.
struct StopAfter(usize, Stop);

impl Observer for StopAfter {
    fn stepped(&mut self, _: &Position) {
        self.0 -= 1;
        if self.0 == 0 {
            self.1.wish();
        }
    }
}

/// Goes on with a run, or begins it, for so many steps.
fn go_on(
    folder: &Path,
    sets: &[&str],
    options: &Options,
    steps: usize,
) -> Result<(Outcome, Resumed)> {
    let mut run = new_run(sets, options)?;
    let (mut record, resumed) = Record::resume(folder, &mut run)?;
    let stop = Stop::default();
    let outcome = run.execute(&mut record, &mut StopAfter(steps, stop.clone()), &stop)?;
    Ok((outcome, resumed))
}

fn newest(folder: &Path) -> (PathBuf, Checkpoint) {
    Found::in_run(folder).unwrap().checkpoint.unwrap()
}

fn fingerprint(folder: &Path) -> String {
    newest(folder).1.fingerprint().unwrap()
}

fn checkpoints(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder_of(folder)).unwrap();
    let mut names: Vec<String> =
        entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

const FOREVER: usize = 1_000_000;

#[test]
fn whatever_a_run_is_made_of_it_comes_to_the_same_bits() {
    let trained = "model={name='zerosnet20', variant='tra', widths=[4, 4, 4]}";
    let cases: [(&str, &[&str]); 9] = [
        (
            "sgd",
            &["data.horizontal_flip=true", "data.cutout_pixels=3", "train.label_smoothing=0.1"],
        ),
        ("adam", &["optimizer={learning_rate=0.005, adam={}, clip={norm=0.5}}"]),
        (
            "miadam",
            &[
                "optimizer={learning_rate=0.01, miadam={step_scale='unit-gain', switch={fraction=0.5}}}",
            ],
        ),
        ("adai", &["optimizer={learning_rate=0.05, adai={}}"]),
        ("swats", &["optimizer={learning_rate=0.005, swats={}}"]),
        (
            "gaf",
            &[
                "optimizer={learning_rate=0.05, sgd={momentum=0.9}, activation={adaptive_atan={shrink=1.5, gamma=1.0}}}",
            ],
        ),
        ("vdm", &["deformation={normalise=true, log_exp={a=1.0, b=0.5, c=1.0}}"]),
        (
            "cdg",
            &[
                "optimizer={learning_rate=0.05, sgd={momentum=0.9}, channel_directed={metric='h1', lambda=0.1}}",
            ],
        ),
        ("zerosnet", &[trained, "data.label_noise=0.2"]),
    ];
    let folder = tempfile::tempdir().unwrap();
    for (name, sets) in cases {
        let (whole, parts) =
            (folder.path().join(name), folder.path().join(format!("{name}-parts")));
        let (outcome, resumed) = go_on(&whole, sets, &options(2, 1), FOREVER).unwrap();
        assert_eq!((outcome.ended, resumed.from), (Ended::Finished, None), "{name}");
        // Stopped after the first step, in the middle of an epoch and at its end, on other threads.
        for (i, steps) in [1, 6, 1, 5, 4, 3, FOREVER].into_iter().enumerate() {
            let (outcome, resumed) =
                go_on(&parts, sets, &options(1 + i % 3, i % 4), steps).unwrap();
            assert_eq!(resumed.from.is_none(), i == 0, "{name}");
            assert!(resumed.damaged.is_empty() && resumed.differing.is_empty());
            assert_eq!(outcome.ended == Ended::Finished, steps == FOREVER, "{name}");
        }
        assert_eq!(fingerprint(&whole), fingerprint(&parts), "{name}");
        assert_eq!(metrics(&whole), metrics(&parts), "{name}");
        for file in ["weights.safetensors", "config.toml"] {
            let read = |folder: &Path| fs::read(folder.join(file)).unwrap();
            assert!(read(&whole) == read(&parts), "{name}: {file}");
        }
        let json = |folder: &Path| {
            let json = run_json(folder);
            ["results", "calibration", "initial_loss", "schemes", "epochs_done"]
                .map(|field| json[field].clone())
        };
        assert_eq!(json(&whole), json(&parts), "{name}");
        assert_eq!(run_json(&parts)["resumed"].as_array().unwrap().len(), 6);
    }
}

#[test]
fn a_fingerprint_tells_runs_apart_but_not_their_times() {
    let folder = tempfile::tempdir().unwrap();
    let run = |name: &str, sets: &[&str], steps| {
        let folder = folder.path().join(name);
        go_on(&folder, sets, &options(1, 0), steps).unwrap();
        fingerprint(&folder)
    };
    let first = run("a", &[], 5);
    assert_eq!(first, run("b", &[], 5));
    assert_ne!(first, run("c", &[], 6));
    assert_ne!(first, run("d", &["seed=4"], 5));
    assert_ne!(first, run("e", &["optimizer.sgd.momentum=0.91"], 5));
}

#[test]
fn the_newest_and_the_best_checkpoints_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let sets =
        ["train.epochs=6", "record.checkpoint_every_steps=3", "data.validation_fraction=0.3"];
    let (outcome, _) = go_on(folder.path(), &sets, &options(1, 0), FOREVER).unwrap();
    let best = outcome.results.unwrap().validation_selected_epoch.unwrap().epoch;
    // 98 images train in 7 steps an epoch, 42 in all: one every third, and one at the end.
    let mut want = vec!["epoch-0006-batch-00007".into(), "epoch-0007-batch-00000".into()];
    if best < 6 {
        want.insert(0, format!("epoch-{:04}-batch-00000", best + 1));
    }
    assert_eq!(checkpoints(folder.path()), want);
    let of_best = folder_of(folder.path()).join(format!("epoch-{:04}-batch-00000", best + 1));
    let checkpoint = Checkpoint::read(&of_best).unwrap();
    assert_eq!(checkpoint.manifest.progress.epochs.len(), best);
    assert_eq!(checkpoint.manifest.progress.epochs[..], outcome.epochs[..best]);

    let none = folder.path().join("none");
    go_on(&none, &["record.checkpoints_kept=0"], &options(1, 0), 4).unwrap();
    assert!(!folder_of(&none).exists());
    let (outcome, resumed) =
        go_on(&none, &["record.checkpoints_kept=0"], &options(1, 0), FOREVER).unwrap();
    assert!(outcome.ended == Ended::Finished && resumed.from.is_none(), "it began anew");
}

/// Flips one bit of a file.
fn flip(path: &Path, byte: usize) {
    let mut bytes = fs::read(path).unwrap();
    let at = byte % bytes.len();
    bytes[at] ^= 1 << (byte % 8);
    fs::write(path, bytes).unwrap();
}

/// What is done to a file.
enum Do {
    Flip(usize),
    Empty,
    Remove,
}

#[test]
fn a_damaged_checkpoint_is_put_aside_and_the_one_before_is_gone_on_from() {
    let folder = tempfile::tempdir().unwrap();
    let whole = folder.path().join("whole");
    go_on(&whole, &[], &options(1, 0), FOREVER).unwrap();
    let damages = [
        ("manifest.json", Do::Flip(700)),
        ("weights.safetensors", Do::Flip(12_345)),
        ("optimizer.safetensors", Do::Flip(3)),
        ("config.toml", Do::Flip(40)),
        ("B3SUMS", Do::Flip(100)),
        ("weights.safetensors", Do::Empty),
        ("optimizer.safetensors", Do::Remove),
    ];
    for (i, (file, damage)) in damages.iter().enumerate() {
        let run = folder.path().join(i.to_string());
        go_on(&run, &[], &options(1, 0), 10).unwrap();
        go_on(&run, &[], &options(1, 0), 3).unwrap();
        let (newest, _) = newest(&run);
        let path = newest.join(file);
        match damage {
            Do::Flip(byte) => flip(&path, *byte),
            Do::Empty => fs::write(path, "").unwrap(),
            Do::Remove => fs::remove_file(path).unwrap(),
        }
        let (outcome, resumed) = go_on(&run, &[], &options(1, 0), FOREVER).unwrap();
        assert_eq!(outcome.ended, Ended::Finished);
        assert_eq!(resumed.damaged.len(), 1, "{file}");
        assert!(resumed.damaged[0].problem.contains(file), "{}", resumed.damaged[0].problem);
        assert_ne!(resumed.from.as_ref(), Some(&newest));
        assert!(resumed.damaged[0].folder.ends_with("damaged-epoch-0002-batch-00005"));
        assert_eq!(fingerprint(&whole), fingerprint(&run), "{file}");
        assert_eq!(metrics(&whole), metrics(&run));
    }
}

#[test]
fn a_run_without_a_whole_checkpoint_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path();
    go_on(run, &[], &options(1, 0), 5).unwrap();
    let (newest, _) = newest(run);
    flip(&newest.join("manifest.json"), 99);
    let error = go_on(run, &[], &options(1, 0), 5).unwrap_err();
    assert!(matches!(error, Error::NoCheckpoint { damaged: 1, .. }), "{error}");
    assert_eq!(error.exit_code(), 2);
    assert!(error.to_string().contains("delete that folder to begin the run anew"), "{error}");
    assert!(newest.exists() && run_json(run)["status"] == "interrupted");
    fs::remove_dir_all(folder_of(run)).unwrap();
    let (outcome, resumed) = go_on(run, &[], &options(1, 0), FOREVER).unwrap();
    assert!(outcome.ended == Ended::Finished && resumed.from.is_none());
}

#[test]
fn what_differs_from_the_run_that_began_is_told_exactly() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path();
    go_on(run, &[], &options(1, 0), 5).unwrap();
    for (sets, says) in [
        (
            &["train.batch_size=20", "seed=5"] as &[&str],
            &["`seed` is 3 there and 5 now", "`train.batch_size` is 16 there and 20 now"]
                as &[&str],
        ),
        (
            &["optimizer={learning_rate=0.005, adam={}}"],
            &["`optimizer.sgd.momentum` is 0.9 there and not set now", "`optimizer.adam."],
        ),
    ] {
        let error = go_on(run, sets, &options(1, 0), 5).unwrap_err();
        assert!(matches!(error, Error::OtherConfig { .. }) && error.exit_code() == 2, "{error}");
        for part in says {
            assert!(error.to_string().contains(part), "`{part}` is not in {error}");
        }
    }
    // The config agrees, but not what was saved.
    let (path, mut checkpoint) = newest(run);
    checkpoint.manifest.run.run.data.checksum = "another".into();
    checkpoint.manifest.run.run.model.parameters += 1;
    fs::remove_dir_all(&path).unwrap();
    checkpoint.write(&folder_of(run)).unwrap();
    let text = go_on(run, &[], &options(1, 0), 5).unwrap_err().to_string();
    assert!(text.contains("`data.checksum` is \"another\" there and "), "{text}");
    assert!(text.contains("`model.parameters` is "), "{text}");

    checkpoint.manifest.run.run = new_run(&[], &options(1, 0)).unwrap().info().clone();
    let lost = checkpoint.weights.tensors.remove("fc.bias").unwrap();
    fs::remove_dir_all(&path).unwrap();
    checkpoint.write(&folder_of(run)).unwrap();
    let text = go_on(run, &[], &options(1, 0), 5).unwrap_err().to_string();
    assert!(text.contains("1 missing (fc.bias)") || text.contains("fc.bias"), "{text}");

    checkpoint.weights.tensors.insert("fc.bias".into(), lost);
    let slot = checkpoint.optimizer.tensors.keys().find(|key| key.starts_with("fc.bias/")).unwrap();
    let slot = slot.clone();
    checkpoint.optimizer.tensors.remove(&slot);
    fs::remove_dir_all(&path).unwrap();
    checkpoint.write(&folder_of(run)).unwrap();
    let text = go_on(run, &[], &options(1, 0), 5).unwrap_err().to_string();
    assert!(text.contains("fc.bias") && text.contains("missing"), "{text}");
    assert_eq!(run_json(run)["status"], "interrupted", "nothing has changed");
}

#[test]
fn a_checkpoint_of_another_format_is_not_taken_for_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path();
    go_on(run, &[], &options(1, 0), 5).unwrap();
    let (path, mut checkpoint) = newest(run);
    checkpoint.manifest.format = 2;
    fs::remove_dir_all(&path).unwrap();
    checkpoint.write(&folder_of(run)).unwrap();
    let error = go_on(run, &[], &options(1, 0), 5).unwrap_err();
    assert!(matches!(error, Error::OtherFormat { format: 2, reads: 1, .. }), "{error}");
}

#[test]
fn one_process_at_a_time_fills_a_run_directory() {
    let folder = tempfile::tempdir().unwrap();
    let run = new_run(&[], &options(1, 0)).unwrap();
    let record = Record::create(&folder.path().join("run"), &run).unwrap();
    let error = go_on(&folder.path().join("run"), &[], &options(1, 0), 5).unwrap_err();
    assert!(matches!(error, Error::Busy { .. }) && error.exit_code() == 2, "{error}");
    drop(record);
    go_on(&folder.path().join("run"), &[], &options(1, 0), 5).unwrap();
    let other = folder.path().join("letters");
    fs::create_dir(&other).unwrap();
    fs::write(other.join("letter.txt"), "").unwrap();
    let error = go_on(&other, &[], &options(1, 0), 5).unwrap_err();
    assert!(matches!(error, Error::OutputExists { .. }), "{error}");
}

#[test]
fn a_finished_run_is_checked_when_it_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path();
    go_on(run, &["train.epochs=1"], &options(1, 0), FOREVER).unwrap();
    PastRun::read(run).unwrap();
    for file in ["run.json", "metrics.jsonl", "config.toml"] {
        let before = fs::read(run.join(file)).unwrap();
        flip(&run.join(file), 57);
        let error = PastRun::read(run).unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, Error::Damaged { .. }) && text.contains(file), "{text}");
        fs::write(run.join(file), before).unwrap();
    }
    let past = PastRun::read(run).unwrap();
    past.file("weights.safetensors".as_ref()).unwrap();
    flip(&run.join("weights.safetensors"), 5000);
    let error = past.file("weights.safetensors".as_ref()).unwrap_err();
    assert!(error.to_string().contains("weights.safetensors` is damaged"), "{error}");
}

#[test]
fn a_run_that_was_killed_after_its_last_epoch_ends_as_it_would_have() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, killed) = (folder.path().join("whole"), folder.path().join("killed"));
    let sets = ["evaluate.input_noise=[{kind='normal'}]"];
    go_on(&whole, &sets, &options(1, 0), FOREVER).unwrap();
    go_on(&killed, &sets, &options(1, 0), FOREVER).unwrap();
    // As if it had been killed before it could write how it ended.
    for file in ["B3SUMS", "curves.png"] {
        fs::remove_file(killed.join(file)).unwrap();
    }
    let config = new_run(&sets, &options(1, 0)).unwrap().plan().config().clone();
    assert!(PastRun::finished(&killed, &config).unwrap().is_none());
    let (outcome, resumed) = go_on(&killed, &sets, &options(1, 0), FOREVER).unwrap();
    assert!(resumed.from.unwrap().ends_with("epoch-0004-batch-00000"));
    assert_eq!((outcome.ended, outcome.input_noise.len()), (Ended::Finished, 1));
    assert_eq!(run_json(&whole)["input_noise"], run_json(&killed)["input_noise"]);
    assert!(PastRun::finished(&killed, &config).unwrap().is_some());
    assert_eq!(fingerprint(&whole), fingerprint(&killed));
    assert_eq!(metrics(&whole), metrics(&killed));
}
