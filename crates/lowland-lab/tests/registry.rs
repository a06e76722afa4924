//! Runs found again: listed, shown, compared, exported.

mod common;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use common::SMALL;
use serde_json::Value;

fn lowland(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_lowland"))
        .current_dir(folder)
        .args(arguments)
        .output()
        .unwrap()
}

#[track_caller]
fn stdout(folder: &Path, arguments: &[&str]) -> String {
    let output = lowland(folder, arguments);
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    String::from_utf8(output.stdout).unwrap()
}

#[track_caller]
fn json(folder: &Path, arguments: &[&str]) -> Value {
    serde_json::from_str(&stdout(folder, arguments)).unwrap()
}

/// A finished run, one that has failed deeper down, and one whose record is damaged.
fn three_runs() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("small.toml"), SMALL).unwrap();
    let train = |out: &str, set: &str| {
        let set = ["--set", set, "--set", "data.subset=200", "--out", out];
        lowland(folder.path(), &[&["train", "small.toml"], &set[..]].concat()).status.code()
    };
    assert_eq!(train("runs/a", "seed=1"), Some(0));
    assert_eq!(train("runs/deep/er/b", "optimizer.learning_rate=1e30"), Some(1));
    assert_eq!(train("runs/c", "train.epochs=1"), Some(0));
    fs::write(folder.path().join("runs/c/run.json"), "{").unwrap();
    folder
}

#[test]
fn runs_are_listed_compared_and_exported_and_a_damaged_one_is_told() {
    let folder = three_runs();
    let folder = folder.path();
    let list = json(folder, &["runs", "list", "--json"]);
    let of = |key: &str| list.as_array().unwrap().iter().map(|run| run[key].clone()).collect();
    let folders: Vec<Value> = of("folder");
    assert_eq!(folders, ["runs/a", "runs/c", "runs/deep/er/b"]);
    let statuses: Vec<Value> = of("status");
    assert_eq!(statuses, ["finished", "damaged", "failed"]);
    let record: Value =
        serde_json::from_str(&fs::read_to_string(folder.join("runs/a/run.json")).unwrap()).unwrap();
    let accuracy = &record["results"]["final_epoch"]["test_acc"];
    assert_eq!((&list[0]["final_test_acc"], &list[0]["epochs_done"]), (accuracy, &2.into()));
    let text = stdout(folder, &["runs", "list"]);
    assert!(text.contains("damaged: `runs/c/run.json` is damaged"), "{text}");

    // Chosen by status and by config, numbers as numbers.
    let failed = json(folder, &["runs", "list", "--json", "--status", "failed"]);
    assert_eq!(failed.as_array().unwrap().len(), 1);
    let arguments = ["runs", "list", "--json", "--where", "optimizer.learning_rate=5e-2"];
    assert_eq!(json(folder, &arguments)[0]["folder"], "runs/a");
    let output = lowland(folder, &["runs", "list", "--where", "optimizer.learning_rat=1"]);
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("did you mean `optimizer.learning_rate`?"), "{text}");

    let arguments = ["runs", "compare", "runs/a", "runs/deep/er/b", "--json"];
    let comparison = json(folder, &arguments);
    let differing = comparison["config"].as_array().unwrap();
    let keys: Vec<&Value> = differing.iter().map(|line| &line["key"]).collect();
    assert_eq!(keys, ["optimizer.learning_rate", "seed"]);
    assert_eq!(differing[0]["values"], serde_json::json!([0.05, 1e30]));
    assert!(stdout(folder, &arguments[..4]).contains("final_test_acc"));

    let rows = json(folder, &["runs", "export", "--json"]);
    assert_eq!((rows.as_array().unwrap().len(), &rows[0]["config.seed"]), (3, &1.into()));
    stdout(folder, &["runs", "export", "--csv", "--status", "finished", "--out", "runs.csv"]);
    let csv = fs::read_to_string(folder.join("runs.csv")).unwrap();
    let lines: Vec<&str> = csv.lines().collect();
    let column = lines[0].split(',').position(|name| name == "final_test_acc").unwrap();
    // No value before that column holds a comma but those that are quoted.
    let unquoted = lines[1].split('"').step_by(2).collect::<Vec<_>>().join("");
    assert_eq!(unquoted.split(',').nth(column), Some(accuracy.to_string().as_str()));
    assert_eq!(lines.len(), 2);
}

#[test]
fn a_run_is_shown_with_its_results_and_its_whole_config() {
    let folder = three_runs();
    let text = stdout(folder.path(), &["runs", "show", "runs/a"]);
    for part in
        ["small, seed 1: finished", "validation-selected", "optimizer.sgd.momentum", "n = 1"]
    {
        assert!(text.contains(part), "`{part}` is not in {text}");
    }
    let text = stdout(folder.path(), &["runs", "show", "runs/deep/er/b"]);
    assert!(text.contains("failed: the loss is "), "{text}");
    let shown = json(folder.path(), &["runs", "show", "runs/a", "--json"]);
    assert_eq!(
        (&shown["run"]["status"], &shown["config"]["seed"]),
        (&"finished".into(), &1.into())
    );
    assert_eq!(shown["epochs"].as_array().unwrap().len(), 2);
    let output = lowland(folder.path(), &["runs", "show", "runs/c"]);
    assert_eq!(output.status.code(), Some(2));
}
