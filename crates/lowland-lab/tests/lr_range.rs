//! The learning-rate range test, as the program runs it.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

mod common;
use common::SMALL;
use lowland_lab::range_test::{Ended, RangeReport};

fn lr_range(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lowland"));
    command.current_dir(folder).args(["lr-range", "small.toml"]).args(arguments);
    command.output().unwrap()
}

#[test]
fn a_test_of_a_hundred_steps_finds_the_rates_between_which_a_network_learns() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("small.toml"), SMALL).unwrap();
    let output = lr_range(folder.path(), &["--out", "a", "--threads", "2"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.starts_with("step   learning rate"), "{text}");
    assert!(text.contains("\nA learning rate to begin with: "), "{text}");
    let out = folder.path().join("a");
    let text = fs::read_to_string(out.join("lr-range.json")).unwrap();
    let report: RangeReport = serde_json::from_str(&text).unwrap();
    assert_eq!((report.name.as_str(), report.seed), ("small", 3));
    assert!(matches!(report.ended, Ended::Range | Ended::Diverged | Ended::NotFinite));
    // SGD with momentum on this network: 1e-4 does next to nothing, 10 breaks it.
    let (steepest, minimum) = (report.steepest.unwrap(), report.minimum.unwrap());
    assert!(1e-3 < steepest && steepest <= minimum && minimum < 3.0, "{steepest}, {minimum}");
    assert_eq!(report.suggestion, Some(minimum / 10.0));
    assert_eq!(report.points[0].lr, 1e-5);
    let lowest = report.points.iter().map(|point| point.mean).fold(f64::INFINITY, f64::min);
    assert!(lowest < 0.9 * report.points[0].loss, "it learns: {lowest}");
    let svg = fs::read_to_string(out.join("lr-range.svg")).unwrap();
    assert!(svg.contains("learning rate") && svg.contains("steepest descent"));
    assert!(fs::metadata(out.join("lr-range.png")).unwrap().len() > 5000);
    assert_eq!(fs::read_dir(&out).unwrap().count(), 3, "no run directory");

    // The same bits with other threads, as JSON.
    let output =
        lr_range(folder.path(), &["--out", "b", "--threads", "1", "--workers", "0", "--json"]);
    let json: RangeReport = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json, report);
    let output = lr_range(folder.path(), &["--out", "b"]);
    assert_eq!(output.status.code(), Some(2), "a folder that holds something is left alone");
}

#[test]
fn a_range_that_cannot_be_is_refused_and_one_that_is_too_low_suggests_nothing() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("small.toml"), SMALL).unwrap();
    let output = lr_range(folder.path(), &["--from", "1", "--to", "0.1"]);
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), folder.path().join("runs").exists()), (Some(2), false));
    assert!(text.starts_with("error: --to 1e-1 is not possible; it must be above 1e0"), "{text}");
    let range = ["--from", "1e-3", "--to", "0.02", "--steps", "60", "--out", "low"];
    let output = lr_range(folder.path(), &range);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("go on with a larger --to"), "{text}");
}
