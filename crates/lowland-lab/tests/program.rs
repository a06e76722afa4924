//! The program itself: arguments, exit codes, files, signals.

mod common;

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use common::{SMALL, assert_picture, metrics, run_json};

fn lowland(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lowland"));
    command.current_dir(folder).args(arguments).stdin(Stdio::null());
    command
}

fn output(folder: &Path, arguments: &[&str]) -> Output {
    lowland(folder, arguments).output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// A folder with the small experiment in `small.toml`.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("small.toml"), SMALL).unwrap();
    folder
}

#[test]
fn every_command_explains_itself() {
    let folder = folder();
    let commands: [&[&str]; 19] = [
        &[],
        &["train"],
        &["experiment"],
        &["runs"],
        &["runs", "list"],
        &["runs", "show"],
        &["runs", "compare"],
        &["runs", "export"],
        &["report"],
        &["demo"],
        &["data"],
        &["data", "list"],
        &["data", "import"],
        &["data", "info"],
        &["bench"],
        &["figures"],
        &["flatness"],
        &["lr-range"],
        &["tables"],
    ];
    for command in commands {
        let output = output(folder.path(), &[command, &["--help"]].concat());
        assert_eq!(output.status.code(), Some(0), "{command:?}");
        let text = stdout(&output);
        let usage = format!("Usage: lowland {}", command.join(" "));
        assert!(text.contains(usage.trim_end()), "{text}");
        assert!(command.is_empty() || text.contains("Examples:\n  lowland "), "{text}");
    }
    let output = output(folder.path(), &["tarin"]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn training_prints_lines_and_a_table() {
    let folder = folder();
    let output = output(folder.path(), &["train", "small.toml", "--out", "run", "--threads", "2"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let text = stdout(&output);
    assert!(text.starts_with("small: resnet-tiny with "), "{text}");
    assert_eq!(text.lines().filter(|line| line.starts_with("epoch ")).count(), 2, "{text}");
    for part in ["final", "validation-selected", "best test (upper bound)", "n = 1", "curves.png"] {
        assert!(text.contains(part), "`{part}` is not in {text}");
    }
    assert_eq!(run_json(&folder.path().join("run"))["status"], "finished");
    assert_picture(&folder.path().join("run/curves.png"));
}

#[test]
fn json_is_all_there_is_on_standard_output() {
    let folder = folder();
    let arguments = ["train", "small.toml", "--set", "train.epochs=1", "--json", "--workers", "0"];
    let output = output(folder.path(), &arguments);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let text = stdout(&output);
    let objects: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(objects.len(), 2);
    assert_eq!((&objects[0]["event"], &objects[0]["epoch"]), (&"epoch".into(), &1.into()));
    assert_eq!(
        (&objects[1]["event"], &objects[1]["status"]),
        (&"result".into(), &"finished".into())
    );
    assert_eq!(objects[1]["results"]["final_epoch"]["test_acc"], objects[0]["test_acc"]);
    // Without --out, the directory is named after experiment and seed.
    let run = folder.path().join(objects[1]["folder"].as_str().unwrap());
    assert!(run.starts_with(folder.path().join("runs")));
    assert!(run.file_name().unwrap().to_string_lossy().starts_with("small-seed3-2"), "{run:?}");
    assert_eq!(metrics(&run).len(), 1);
    assert!(stderr(&output).contains("final"), "people read standard error");
}

#[test]
fn the_instruction_set_is_chosen_by_the_environment_and_recorded() {
    let folder = folder();
    let train = |isa: &str, out: &str| {
        let arguments = ["train", "small.toml", "--set", "train.epochs=1", "--out", out];
        lowland(folder.path(), &arguments).env("LOWLAND_CPU_ISA", isa).output().unwrap()
    };
    let output = train("portable", "run");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(run_json(&folder.path().join("run"))["run"]["instruction_set"], "portable");
    let output = train("abacus", "none");
    assert_ne!(output.status.code(), Some(0));
    assert!(stderr(&output).contains("LOWLAND_CPU_ISA=abacus"), "{}", stderr(&output));
    assert!(!folder.path().join("none").exists());
}

#[test]
fn mistakes_are_told_with_exit_code_2_and_leave_nothing() {
    let folder = folder();
    fs::write(folder.path().join("file"), "").unwrap();
    fs::create_dir(folder.path().join("full")).unwrap();
    fs::write(folder.path().join("full/file"), "").unwrap();
    let cases: [(&[&str], &[&str]); 18] = [
        (&["train", "none.toml"], &["none.toml", "check the path"]),
        (&["train", "small.toml", "--set", "epochs=1"], &["--set epochs=1", "`train.epochs`"]),
        (&["train", "small.toml", "--set", "train.epochs=0"], &["`train.epochs`", "at least 1"]),
        (&["train", "small.toml", "--out", "file/run"], &["file/run"]),
        (&["train", "small.toml", "--out", "full"], &["`full` is not empty", "--out"]),
        (&["train", "small.toml", "--out", "/proc/lowland"], &["/proc/lowland"]),
        (&["train", "small.toml", "--threads", "0"], &["1 to 1024"]),
        (&["train", "small.toml", "--device", "gpu"], &["cpu, cuda:N"]),
        (&["train", "small.toml", "--device", "cuda:999999"], &["cuda:999999"]),
        (&["bench", "--device", "cuda:999999"], &["cuda:999999"]),
        (&["demo", "--out", "full"], &["`full` is not empty"]),
        (&["data", "info", "digit"], &["did you mean `digits`?"]),
        (&["data", "import", "x", "--from", "none", "--to", "data"], &["none"]),
        (&["train", "small.toml", "--set", "optimizer.learning_rate=1e300"], &["1e300", "f32"]),
        (&["bench", "--model", "resnet21"], &["resnet21", "resnet20"]),
        (&["bench", "--iterations", "1000000000000000000"], &["--iterations", "1,000,000"]),
        (&["bench", "--warmup", "1000000000000000000"], &["--warmup", "1,000,000"]),
        (&["bench", "--batch", "18446744073709551615"], &["--batch", "65,536"]),
    ];
    for (arguments, parts) in cases {
        let output = output(folder.path(), arguments);
        let text = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {text}");
        assert!(text.starts_with("error: "), "{text}");
        for part in parts {
            assert!(text.contains(part), "`{part}` is not in {text}");
        }
    }
    let mut left: Vec<_> =
        fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["file", "full", "small.toml"]);
}

/// Where there is a driver, tests of lowland-cuda take the device.
#[test]
fn without_a_driver_a_gpu_is_told_to_be_missing_in_one_sentence() {
    let folder = folder();
    let output = output(folder.path(), &["train", "small.toml", "--device", "cuda:0"]);
    let text = stderr(&output);
    if !text.contains("libcuda.so.1") {
        println!("SKIP: this machine has NVIDIA's driver");
        return;
    }
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.starts_with("error: cuda:0: the NVIDIA driver was not found: "), "{text}");
    assert_eq!(text.trim_end().lines().count(), 1, "{text}");
    for part in ["LD_LIBRARY_PATH", "580 or newer", "or use the CPU"] {
        assert!(text.contains(part), "`{part}` is not in {text}");
    }
    assert_eq!(stdout(&output), "");
}

#[test]
fn a_mistake_in_a_file_names_its_line() {
    let folder = folder();
    fs::write(
        folder.path().join("bad.toml"),
        SMALL.replace("batch_size = 16", "batch_size = \"x\""),
    )
    .unwrap();
    let output = output(folder.path(), &["train", "bad.toml"]);
    assert_eq!(output.status.code(), Some(2));
    let line = 1 + SMALL.lines().position(|line| line.starts_with("batch_size")).unwrap();
    let want =
        format!("error: bad.toml, line {line}, column 14: field `train.batch_size`: found string");
    assert!(stderr(&output).starts_with(&want), "{}", stderr(&output));
}

#[test]
fn a_loss_that_is_not_finite_ends_with_exit_code_1() {
    let folder = folder();
    let arguments =
        ["train", "small.toml", "--out", "run", "--set", "optimizer.learning_rate=1e30"];
    let output = output(folder.path(), &arguments);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("the loss is "), "{}", stderr(&output));
    assert_eq!(run_json(&folder.path().join("run"))["status"], "failed");
}

#[test]
fn data_is_listed_and_described() {
    let folder = folder();
    let list = output(folder.path(), &["data", "list"]);
    let text = stdout(&list);
    for part in ["digits", "built-in", "cifar10", "not imported", "https://", "data import NAME"] {
        assert!(text.contains(part), "`{part}` is not in {text}");
    }
    let list = output(folder.path(), &["data", "list", "--json"]);
    let list: serde_json::Value = serde_json::from_str(&stdout(&list)).unwrap();
    assert_eq!((&list[0]["name"], &list[0]["state"]), (&"digits".into(), &"built-in".into()));
    let info = output(folder.path(), &["data", "info", "digits", "--json"]);
    let info: serde_json::Value = serde_json::from_str(&stdout(&info)).unwrap();
    assert_eq!(info["shape"], serde_json::json!([8, 8, 1]));
    assert_eq!(info["splits"][0]["images"], 1437);
    let text = stdout(&output(folder.path(), &["data", "info", "digits"]));
    assert!(text.contains("1,437") && text.contains("checksum"), "{text}");
}

#[test]
fn images_are_imported_and_trained_on() {
    let folder = folder();
    for (split, images) in [("train", 12), ("test", 4)] {
        for class in ["dark", "light"] {
            let to = folder.path().join("source").join(split).join(class);
            fs::create_dir_all(&to).unwrap();
            for i in 0..images {
                let base = if class == "dark" { 40 } else { 200 };
                let pixel = |x, y| image::Rgb([(base + (x * 3 + y + i) % 20) as u8; 3]);
                image::RgbImage::from_fn(8, 8, pixel).save(to.join(format!("{i:02}.png"))).unwrap();
            }
        }
    }
    let import = ["data", "import", "shades", "--from", "source", "--to", "data/shades"];
    let output = output(folder.path(), &import);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stdout(&output).contains("shades.lldata"));
    let arguments = [
        "train",
        "small.toml",
        "--out",
        "run",
        "--set",
        "data={dataset='shades', validation_fraction=0.25}",
        "--set",
        "train.batch_size=4",
    ];
    let output = self::output(folder.path(), &arguments);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let json = run_json(&folder.path().join("run"));
    assert_eq!(
        (&json["run"]["data"]["name"], &json["run"]["data"]["classes"]),
        (&"shades".into(), &2.into())
    );
}

#[test]
fn bench_measures() {
    let folder = folder();
    let arguments = ["bench", "--model", "resnet8", "--batch", "4", "--iterations", "2", "--json"];
    let output = output(folder.path(), &arguments);
    let report: serde_json::Value = serde_json::from_str(&stdout(&output)).unwrap();
    for step in ["train", "inference"] {
        for field in ["median_ms", "p5_ms", "p95_ms", "images_per_s"] {
            assert!(report[step][field].as_f64() > Some(0.0), "{step}.{field} in {report}");
        }
    }
    assert_eq!(report["batch"], serde_json::json!([4, 32, 32, 3]));
    assert_eq!(report["memory"]["fresh_allocations_after_first_epoch"], 0);
}

/// Starts a run that would take hours, and waits until it has recorded an epoch.
#[cfg(unix)]
fn long_run(folder: &Path) -> std::process::Child {
    let arguments = ["train", "small.toml", "--out", "run", "--set", "train.epochs=100000"];
    let mut command = lowland(folder, &arguments);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let began = Instant::now();
    let lines = || fs::read_to_string(folder.join("run/metrics.jsonl")).unwrap_or_default();
    while !lines().contains('\n') {
        assert!(began.elapsed() < Duration::from_secs(60), "no epoch within a minute");
        std::thread::sleep(Duration::from_millis(20));
    }
    child
}

#[cfg(unix)]
fn signal(child: &std::process::Child, name: &str) {
    let status = Command::new("kill").args([name, &child.id().to_string()]).status().unwrap();
    assert!(status.success());
}

#[cfg(unix)]
#[test]
fn signals_end_a_run_with_everything_saved() {
    for name in ["-INT", "-TERM"] {
        let folder = folder();
        let child = long_run(folder.path());
        signal(&child, name);
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
        let text = stdout(&output);
        assert!(text.contains("What was done is saved in run\n"), "{text}");
        assert!(text.contains("To go on: lowland train --resume run\n"), "{text}");
        let run = folder.path().join("run");
        let json = run_json(&run);
        assert_eq!(json["status"], "interrupted");
        assert!(json["batches_done"].is_u64() && json["epoch"].is_u64());
        assert_eq!(metrics(&run).len() as u64, json["epochs_done"].as_u64().unwrap());
        let weights = fs::read(run.join("weights.safetensors")).unwrap();
        safetensors::SafeTensors::deserialize(&weights).unwrap();
        assert_picture(&run.join("curves.png"));
    }
}

#[cfg(unix)]
#[test]
fn a_run_that_is_killed_leaves_whole_files() {
    let folder = folder();
    let child = long_run(folder.path());
    signal(&child, "-KILL");
    child.wait_with_output().unwrap();
    let run = folder.path().join("run");
    assert!(!metrics(&run).is_empty());
    assert_eq!(run_json(&run)["status"], "running");
    let config = fs::read_to_string(run.join("config.toml")).unwrap();
    assert!(config.contains("epochs = 100000"));
}

/// Without `--out` the folder has the time in its name: the command that goes on must say it.
#[test]
fn a_demo_that_is_stopped_goes_on_in_its_folder() {
    let folder = folder();
    let mut demo = lowland(folder.path(), &["demo", "--jobs", "1"]);
    let mut child = demo.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let started = || fs::read_dir(folder.path().join("runs")).ok()?.next()?.ok();
    let out = loop {
        match started().filter(|entry| entry.path().join("experiment.json").exists()) {
            Some(entry) => break entry.path(),
            None => assert!(child.try_wait().unwrap().is_none(), "it has ended"),
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    child.kill().unwrap();
    child.wait().unwrap();
    let record = fs::read_to_string(out.join("experiment.json")).unwrap();
    let record: serde_json::Value = serde_json::from_str(&record).unwrap();
    let name = out.file_name().unwrap().to_str().unwrap();
    let want = format!("lowland demo --jobs 1 --out runs/{name}");
    assert_eq!(record["command"], want.as_str());
}
