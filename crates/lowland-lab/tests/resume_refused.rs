//! What is not gone on with: damage is told, put aside or made again, what differs is told exactly, and
//! nothing else in a folder is touched.

mod common;

use std::fs;
use std::path::Path;

use common::interrupted::{FOREVER, fingerprint, go_on, new_run, newest, options};
use common::{metrics, run_json};
use lowland_lab::checkpoint::folder_of;
use lowland_lab::{Ended, Error, PastRun, Record};

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
    assert!(text.contains("`fc.bias` lacks the slot `momentum.momentum_buffer`"), "{text}");
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
    let error = Record::create(&other, &run).unwrap_err();
    assert!(matches!(error, Error::OutputExists { .. }), "{error}");
    assert_eq!(fs::read_dir(&other).unwrap().count(), 1, "nothing was put into it");
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
fn a_config_that_was_edited_or_damaged_is_told_by_the_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path();
    go_on(run, &[], &options(1, 0), 5).unwrap();
    let path = run.join("config.toml");
    let before = fs::read_to_string(&path).unwrap();
    fs::write(&path, before.replace("learning_rate = 0.05", "learning_rate = 0.06")).unwrap();
    // The run is made of the folder's own config, as `train --resume DIR` does.
    let error = go_on(run, &["optimizer.learning_rate=0.06"], &options(1, 0), 5).unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, Error::OtherConfig { .. }), "{text}");
    for part in
        ["checkpoints/epoch-0001-batch-00005", "`optimizer.learning_rate` is 0.05 there and 0.06"]
    {
        assert!(text.contains(part), "`{part}` is not in {text}");
    }
    fs::write(&path, &before).unwrap();
    // A comment is no config, and what is said of checkpoints may change.
    fs::write(&path, format!("# a note\n{before}")).unwrap();
    let sets = ["record.checkpoint_every_steps=2"];
    let (_, resumed) = go_on(run, &sets, &options(1, 0), 5).unwrap();
    assert!(resumed.from.is_some());
    assert!(fs::read_to_string(&path).unwrap().contains("checkpoint_every_steps = 2"));
}

#[test]
fn a_finished_record_that_is_damaged_is_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path();
    let sets = ["record.weights_every_epochs=2"];
    go_on(run, &sets, &options(1, 0), FOREVER).unwrap();
    let before =
        (fingerprint(run), metrics(run), fs::read(run.join("weights.safetensors")).unwrap());
    for file in ["run.json", "metrics.jsonl", "weights.safetensors", "config.toml", "B3SUMS"] {
        for lost in [false, true] {
            assert!(PastRun::finished(run).unwrap().is_some(), "{file}");
            match lost {
                true => fs::remove_file(run.join(file)).unwrap(),
                false if file == "config.toml" => continue,
                false => flip(&run.join(file), 700),
            }
            assert!(PastRun::finished(run).unwrap().is_none(), "{file}");
            let (outcome, resumed) = go_on(run, &sets, &options(1, 0), FOREVER).unwrap();
            assert!(outcome.ended == Ended::Finished && resumed.from.is_some(), "{file}");
            let weights = fs::read(run.join("weights.safetensors")).unwrap();
            assert!((fingerprint(run), metrics(run), weights) == before, "{file}");
        }
    }
    // No checkpoint has the weights of other epochs.
    flip(&run.join("weights/epoch-0002.safetensors"), 700);
    let error = PastRun::finished(run).unwrap_err();
    assert!(error.to_string().contains("weights/epoch-0002.safetensors` is damaged"), "{error}");
}

#[test]
fn a_run_that_begins_anew_says_so_and_removes_only_its_own_files() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path();
    let sets = ["record.checkpoints_kept=0", "record.weights_every_epochs=1"];
    go_on(run, &sets, &options(1, 0), 20).unwrap();
    assert!(run.join("weights/epoch-0002.safetensors").exists());
    fs::write(run.join("weights/pretrained.bin"), "mine").unwrap();
    fs::write(run.join("notes.txt"), "mine").unwrap();
    let (outcome, resumed) = go_on(run, &sets, &options(1, 0), 10).unwrap();
    assert_eq!((resumed.from, resumed.anew, outcome.epochs.len()), (None, 2, 1));
    assert!(!run.join("weights/epoch-0002.safetensors").exists());
    assert!(run.join("weights/pretrained.bin").exists() && run.join("notes.txt").exists());
    // A finished run whose record is not whole is not thrown away.
    go_on(run, &sets, &options(1, 0), FOREVER).unwrap();
    fs::remove_file(run.join("run.json")).unwrap();
    let error = go_on(run, &sets, &options(1, 0), FOREVER).unwrap_err();
    assert!(matches!(error, Error::Damaged { .. }), "{error}");
    assert_eq!(metrics(run).len(), 3);
    // A config beside something else is no run.
    let other = run.join("other");
    fs::create_dir(&other).unwrap();
    fs::copy(run.join("config.toml"), other.join("config.toml")).unwrap();
    fs::write(other.join("metrics.jsonl"), "mine").unwrap();
    let error = go_on(&other, &sets, &options(1, 0), 5).unwrap_err();
    assert!(matches!(error, Error::OutputExists { .. }), "{error}");
    assert_eq!(fs::read_dir(&other).unwrap().count(), 2);
}
