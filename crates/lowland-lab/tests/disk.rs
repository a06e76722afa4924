//! Disks that are full or may not be written, as file systems in memory: what is told, that nothing is
//! lost, and that a run goes on once there is room.
#![cfg(target_os = "linux")]

mod common;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use common::SMALL;

/// Runs a script with a file system of its own, of so many kibibytes, at `disk`. None where this system
/// allows none.
fn on_a_disk(folder: &Path, kibibytes: usize, script: &str) -> Option<Output> {
    let mount = format!("mount -t tmpfs -o size={kibibytes}k tmpfs disk");
    let run = |script: &str| {
        let mut command = Command::new("unshare");
        command.args(["--map-root-user", "--mount", "sh", "-c", script]).current_dir(folder);
        command.env("LOWLAND", env!("CARGO_BIN_EXE_lowland")).output()
    };
    if !run(&mount).is_ok_and(|output| output.status.success()) {
        assert!(
            std::env::var_os("LOWLAND_REQUIRE_DISKS").is_none(),
            "no file system can be mounted"
        );
        eprintln!("skipped: this system allows no file systems in memory");
        return None;
    }
    Some(run(&format!("{mount} && {script}")).unwrap())
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("disk")).unwrap();
    let text = SMALL.replace("subset = 800", "subset = 200").replace("epochs = 2", "epochs = 4");
    let record = "[record]\ncheckpoint_every_steps = 4\nweights_every_epochs = 1\n";
    fs::write(folder.path().join("small.toml"), format!("{text}{record}")).unwrap();
    folder
}

#[test]
fn a_run_on_a_full_disk_says_so_and_goes_on_when_there_is_room() {
    let folder = folder();
    let whole = Command::new(env!("CARGO_BIN_EXE_lowland"))
        .args(["train", "small.toml", "--out", "whole"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(whole.status.success());
    let mut full = 0;
    for kibibytes in [4, 60, 220, 400, 700, 1000] {
        let script = "$LOWLAND train small.toml --out disk/run >&2; echo first $?; \
                      find disk -name '.writing-*'; mount -o remount,size=40M disk && \
                      $LOWLAND train small.toml --resume disk/run >&2; echo second $?; cp -r disk/run .";
        let Some(output) = on_a_disk(folder.path(), kibibytes, script) else { return };
        let text = String::from_utf8(output.stdout).unwrap();
        let messages = String::from_utf8(output.stderr).unwrap();
        assert!(text.ends_with("second 0\n"), "{kibibytes}: {text}{messages}");
        if text.starts_with("first 2\n") {
            full += 1;
            assert!(messages.contains("No space left") && messages.contains("free some space"));
            assert_eq!(text, "first 2\nsecond 0\n", "something half-written is left");
        }
        for file in ["weights.safetensors", "weights/epoch-0002.safetensors"] {
            let read = |run: &str| fs::read(folder.path().join(run).join(file)).unwrap();
            assert!(read("whole") == read("run"), "{kibibytes}: {file} differs");
        }
        let lines = |run: &str| common::metrics(&folder.path().join(run));
        assert_eq!(lines("whole"), lines("run"));
        fs::remove_dir_all(folder.path().join("run")).unwrap();
    }
    assert!(full >= 4, "the disk was full {full} times");
}

#[test]
fn a_disk_that_may_not_be_written_is_told_before_anything_is_trained() {
    let folder = folder();
    let script = "timeout -s INT 0.5 $LOWLAND train small.toml --out disk/run --set train.epochs=9999 >&2; \
         mount -o remount,ro disk && \
         $LOWLAND train small.toml --out disk/other; echo $?; \
         $LOWLAND train --resume disk/run; echo $?";
    let Some(output) = on_a_disk(folder.path(), 8000, script) else { return };
    let text = String::from_utf8(output.stdout).unwrap();
    let messages = String::from_utf8(output.stderr).unwrap();
    assert_eq!(text, "2\n2\n", "{messages}");
    assert_eq!(messages.matches("Read-only file system").count(), 2, "{messages}");
    assert!(messages.contains("choose a place that you may use"), "{messages}");
}
