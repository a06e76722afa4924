//! `flatness` as people call it: what it prints and writes, and what it refuses.

mod common;

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use common::SMALL;

fn lowland(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lowland"));
    command.current_dir(folder).args(arguments).stdin(Stdio::null()).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A folder with runs `a` and `b` of two seeds, and `narrow` of another network.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("small.toml"), SMALL).unwrap();
    let narrow = "model={name=\"resnet-tiny\", widths=[4, 8]}";
    for (out, set) in [("a", "seed=1"), ("b", "seed=2"), ("narrow", narrow)] {
        let kept = ["--set", "record.weights_every_epochs=1", "--set", set];
        let output =
            lowland(folder.path(), &[&["train", "small.toml", "--out", out][..], &kept].concat());
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    }
    folder
}

#[test]
fn a_table_for_people_and_an_object_for_programs() {
    let folder = folder();
    let few = ["--images", "64", "--lanczos-steps", "6", "--trace-probes", "2", "--threads", "1"];
    let more = ["--eigenvalues", "2", "--along", "--density-probes", "1"];
    let arguments = [&["flatness", "a"][..], &few, &more].concat();
    let output = lowland(folder.path(), &arguments);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let printed = text(&output.stdout);
    for part in [
        "small, seed 1: resnet-tiny after epoch 2; loss ",
        " on 64 training images by the statistics of each batch",
        "largest eigenvalue of the Hessian",
        "eigenvalue 2",
        "trace of the Hessian",
        "growth of the loss within 0.05",
        "final learning rate",
        "peak learning rate",
        "descent is stable below 2",
        "Recorded in a/flatness.json",
    ] {
        assert!(printed.contains(part), "`{part}` is not in {printed}");
    }
    let along = printed.lines().skip_while(|line| !line.starts_with("epoch"));
    assert_eq!(along.skip(2).take_while(|line| !line.is_empty()).count(), 2, "{printed}");

    let output = lowland(folder.path(), &[&arguments[..], &["--json"]].concat());
    let object: serde_json::Value = serde_json::from_str(&text(&output.stdout)).unwrap();
    assert_eq!((&object["event"], &object["folder"]), (&"result".into(), &"a".into()));
    assert!(object["interpolation"].is_null());
    let read = |path: &str| -> serde_json::Value {
        serde_json::from_str(&fs::read_to_string(folder.path().join(path)).unwrap()).unwrap()
    };
    assert_eq!(object["flatness"], read("a/flatness.json"));
    let value = object["flatness"]["eigenvalues"][0]["value"].as_f64().unwrap();
    assert!(value > 0.1 && printed.contains(&format!("{value:.2}")), "{value} in {printed}");
    assert!(text(&output.stderr).contains("trace of the Hessian"), "people read standard error");

    let between = ["--against", "b", "--landscape", "3", "--surface-images", "32"];
    let output = lowland(folder.path(), &[&["flatness", "a"][..], &few, &between].concat());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let printed = text(&output.stdout);
    let said = "on 32 training images by statistics estimated at each point: ";
    assert!(printed.contains(said) && printed.contains("the highest between them is"), "{printed}");
    assert_eq!(read("a/interpolation.json")["line"]["at"], serde_json::json!([0.0, 0.5, 1.0]));
    assert_eq!(read("a/flatness.json")["plane"]["losses"].as_array().unwrap().len(), 3);
}

#[test]
fn what_cannot_be_measured_is_said_before_anything_is_written() {
    let folder = folder();
    let says = |arguments: &[&str], part: &str| {
        let output = lowland(folder.path(), &[&["flatness"][..], arguments].concat());
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let message = text(&output.stderr);
        assert!(message.contains(part), "`{part}` is not in {message}");
    };
    says(&["nowhere"], "nowhere/config.toml");
    says(&["a", "--landscape", "4"], "field `flatness.landscape.points`: 4 is not possible");
    says(&["a", "--trace-probes", "1"], "field `flatness.trace_probes`: 1 is not possible");
    says(&["a", "--statistics", "re-estimated"], "[possible values: batch, running]");
    says(&["a", "--against", "narrow"], "their networks are different");
    says(&["a", "--threads", "0"], "0 threads are not possible");
    assert!(!folder.path().join("a/flatness.json").exists());
    assert!(!folder.path().join("a/interpolation.json").exists());
}
