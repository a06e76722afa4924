//! Runs that are interrupted and gone on with: they come to the same bits, whatever they are made of and
//! wherever they were stopped.

mod common;

use std::fs;
use std::path::Path;

use common::interrupted::{FOREVER, checkpoints, fingerprint, go_on, options};
use common::{metrics, run_json};
use lowland_lab::checkpoint::{Checkpoint, folder_of};
use lowland_lab::{Ended, PastRun};

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
    assert!(PastRun::finished(&killed).unwrap().is_none());
    let (outcome, resumed) = go_on(&killed, &sets, &options(1, 0), FOREVER).unwrap();
    assert!(resumed.from.unwrap().ends_with("epoch-0004-batch-00000"));
    assert_eq!((outcome.ended, outcome.input_noise.len()), (Ended::Finished, 1));
    assert_eq!(run_json(&whole)["input_noise"], run_json(&killed)["input_noise"]);
    assert!(PastRun::finished(&killed).unwrap().is_some());
    assert_eq!(fingerprint(&whole), fingerprint(&killed));
    assert_eq!(metrics(&whole), metrics(&killed));
}
