//! Experiments as the program runs them: files, search, grid, going on, budgets.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use common::metrics;
use lowland_lab::PastRun;
use lowland_lab::experiment::{ExperimentRecord, State};

/// Two arms at two levels with two seeds, a search and small measurements: 4 trials and 8 runs of a
/// tenth of a second.
const TINY: &str = r#"
name = "tiny"
question = "Is Adam better than SGD?"
seeds = [1, 2]

[base]
data = { dataset = "digits", subset = 200, validation_fraction = 0.2 }
model.name = "resnet-tiny"
train = { epochs = 2, batch_size = 32 }
optimizer = { learning_rate = 0.05, sgd = { momentum = 0.9 } }

[[arm]]
name = "sgd"
label = "SGD"

[[arm]]
name = "adam"
set.optimizer = { learning_rate = 3e-3, adam = {} }

[[factor]]
name = "label noise"
key = "data.label_noise"
levels = [0.0, 0.5]

[tune]
trials = 2
epochs = 1
seed = 1000
[tune.fields]
"optimizer.learning_rate" = { log_uniform = [1e-3, 1e-1] }

[flatness]
images = 40
lanczos_steps = 2
trace_probes = 0
sharpness_radius = 0.0
[flatness.landscape]
points = 3
images = 20
"#;

fn folder(text: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("tiny.toml"), text).unwrap();
    folder
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lowland"));
    let program = command.current_dir(folder).args(["experiment", "tiny.toml"]).args(arguments);
    program.stdin(Stdio::null());
    command
}

fn output(folder: &Path, arguments: &[&str]) -> Output {
    command(folder, arguments).output().unwrap()
}

/// What a successful call printed.
#[track_caller]
fn run(folder: &Path, arguments: &[&str]) -> String {
    let output = output(folder, arguments);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    String::from_utf8(output.stdout).unwrap()
}

/// The message of a call that ends with exit code 2.
#[track_caller]
fn mistake(folder: &Path, arguments: &[&str]) -> String {
    let output = output(folder, arguments);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    stderr
}

fn record(folder: &Path) -> ExperimentRecord {
    serde_json::from_str(&fs::read_to_string(folder.join("experiment.json")).unwrap()).unwrap()
}

/// Everything below a folder that results stand in, without what depends on the clock.
fn results(folder: &Path) -> BTreeMap<PathBuf, String> {
    fn collect(at: &Path, root: &Path, into: &mut BTreeMap<PathBuf, String>) {
        for entry in fs::read_dir(at).unwrap().map(|entry| entry.unwrap().path()) {
            let name = entry.file_name().unwrap().to_string_lossy().into_owned();
            if entry.is_dir() {
                // A checkpoint is of a moment, which the time decides.
                if name != "checkpoints" {
                    collect(&entry, root, into);
                }
                continue;
            }
            let json = || {
                let text = fs::read_to_string(&entry).unwrap();
                serde_json::from_str::<serde_json::Value>(&text).unwrap()
            };
            let text = match name.as_str() {
                "metrics.jsonl" => format!("{:?}", metrics(at)),
                "flatness.json" => without(json(), &["seconds"]),
                "experiment.json" => without(json(), &["started", "updated", "command", "program"]),
                "run.json" => {
                    let whole =
                        ["status", "results", "calibration", "epochs_done", "weights_epoch"];
                    let json = json();
                    whole.map(|key| json[key].to_string()).join("\n")
                }
                "interpolation.json" | "config.toml" => fs::read_to_string(&entry).unwrap(),
                "weights.safetensors" | "measurements.safetensors" => {
                    format!("{:?}", fs::read(&entry).unwrap())
                }
                _ => continue,
            };
            into.insert(entry.strip_prefix(root).unwrap().to_path_buf(), text);
        }
    }
    let mut all = BTreeMap::new();
    collect(folder, folder, &mut all);
    all
}

fn without(mut json: serde_json::Value, keys: &[&str]) -> String {
    for key in keys {
        assert!(json.as_object_mut().unwrap().remove(*key).is_some(), "{key}");
    }
    json.to_string()
}

#[test]
fn an_experiment_searches_runs_measures_and_concludes() {
    let folder = folder(TINY);
    let text = run(folder.path(), &["--out", "out"]);
    assert!(text.contains("4 of 4 trials of the search") && text.contains("8/8  "), "{text}");
    let out = folder.path().join("out");
    assert_eq!(fs::read_to_string(out.join("experiment.toml")).unwrap(), TINY);
    let record = record(&out);
    assert_eq!((record.title.as_str(), record.baseline.as_str()), ("tiny", "sgd"));
    assert_eq!((record.arms[0].label.as_str(), record.arms[1].label.as_str()), ("SGD", "adam"));
    assert_eq!(record.factors[0].levels, ["0.0", "0.5"]);
    let cells: Vec<_> = record.cells.iter().map(|cell| cell.folder.as_str()).collect();
    assert_eq!(cells.len(), 8);
    assert_eq!(cells[1], "runs/sgd-label-noise-0.0/seed-2");
    assert_eq!(cells[6], "runs/adam-label-noise-0.5/seed-1");
    assert!(record.cells.iter().all(|cell| cell.state == State::Finished));

    // The first trial is the arm's own value, and the best one is that of all runs.
    for (tuned, own) in record.tuned.iter().zip([0.05, 3e-3]) {
        let key = "optimizer.learning_rate";
        assert_eq!((tuned.trials, tuned.tried[0].values[key].as_f64()), (2, Some(own)));
        let drawn = tuned.tried[1].values[key].as_f64().unwrap();
        assert!((1e-3..=1e-1).contains(&drawn) && drawn != own, "{drawn}");
        let scores = tuned.tried.iter().map(|trial| trial.val_acc.unwrap());
        assert_eq!(tuned.val_acc, scores.fold(0.0, f64::max));
        for cell in record.cells.iter().filter(|cell| cell.arm == tuned.arm) {
            let run = PastRun::read(&out.join(&cell.folder)).unwrap();
            assert_eq!(Some(run.config.optimizer.learning_rate), tuned.values[key].as_f64());
            let noise = cell.levels[0].parse::<f64>().unwrap();
            assert_eq!((run.config.seed, run.config.data.label_noise), (cell.seed, noise));
            assert!(run.is_finished() && run.epochs.len() == 2);
        }
    }
    let trial = PastRun::read(&out.join("tune/adam/trial-02")).unwrap();
    assert_eq!((trial.config.seed, trial.epochs.len()), (1000, 1));
    assert_eq!(trial.config.data.label_noise, 0.0);

    // Surfaces belong to the first seed at the first levels.
    let surfaces = record.cells.iter().filter(|cell| {
        let flatness = lowland_lab::flatness::read(&out.join(&cell.folder)).unwrap();
        flatness.plane.is_some()
    });
    let surfaces: Vec<_> = surfaces.map(|cell| cell.folder.as_str()).collect();
    assert_eq!(surfaces, ["runs/sgd-label-noise-0.0/seed-1", "runs/adam-label-noise-0.0/seed-1"]);
    let between = lowland_lab::flatness::read_interpolation(&out).unwrap();
    assert_eq!([&between.from, &between.to], [surfaces[0], surfaces[1]]);
    assert!(out.join("statistics.json").exists());
}

#[test]
fn results_do_not_depend_on_how_many_runs_are_made_at_once() {
    let folder = folder(TINY);
    run(folder.path(), &["--out", "one", "--jobs", "1", "--threads", "2"]);
    run(folder.path(), &["--out", "three", "--jobs", "3", "--threads", "1"]);
    let [one, three] = ["one", "three"].map(|out| results(&folder.path().join(out)));
    // Trials and runs with their flatness, the record with its copy among the tables and their arrays,
    // the interpolation.
    assert_eq!(one.len(), 4 * 4 + 8 * 5 + 3 + 1);
    assert!(one == three, "the results differ");
}

/// Killed between and within runs and started again, the same records come out.
#[cfg(unix)]
#[test]
fn a_killed_experiment_goes_on_to_the_same_records() {
    let folder = folder(TINY);
    run(folder.path(), &["--out", "whole"]);
    let killed = folder.path().join("killed");
    // In the search, in the grid, and later in the grid.
    for epochs in [2, 8, 13] {
        let mut child = command(folder.path(), &["--out", "killed", "--jobs", "1"]);
        let mut child = child.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        while lines_of_metrics(&killed) < epochs && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(2));
        }
        child.kill().unwrap();
        assert!(!child.wait().unwrap().success(), "it had ended before it was killed");
    }
    let waiting = record(&killed).cells.iter().filter(|c| c.state == State::Waiting).count();
    assert!(waiting > 0);
    run(folder.path(), &["--out", "killed"]);
    let [whole, killed] = [&folder.path().join("whole"), &killed].map(|out| results(out));
    assert!(whole.keys().eq(killed.keys()), "{:?} {:?}", whole.keys(), killed.keys());
    for (file, text) in &whole {
        assert!(killed[file] == *text, "{} differs", file.display());
    }
}

/// The epochs that all runs below a folder have recorded.
#[cfg(unix)]
fn lines_of_metrics(folder: &Path) -> usize {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let count = |path: PathBuf| match path.file_name().and_then(|name| name.to_str()) {
        Some("metrics.jsonl") => fs::read_to_string(&path).unwrap_or_default().lines().count(),
        _ => lines_of_metrics(&path),
    };
    entries.flatten().map(|entry| count(entry.path())).sum()
}

#[test]
fn what_is_done_is_not_done_again_and_what_has_changed_is_refused() {
    let folder = folder(TINY);
    run(folder.path(), &["--out", "out"]);
    let out = folder.path().join("out");
    let before = fs::read_to_string(out.join("runs/adam-label-noise-0.5/seed-2/run.json")).unwrap();
    let first = record(&out);
    fs::remove_file(out.join("runs/sgd-label-noise-0.0/seed-2/flatness.json")).unwrap();
    fs::remove_dir_all(out.join("runs/sgd-label-noise-0.5/seed-1")).unwrap();
    let text = run(folder.path(), &["--out", "out"]);
    assert!(text.contains("2 of 8 runs") && !text.contains("trials of the search"), "{text}");
    assert!(out.join("runs/sgd-label-noise-0.0/seed-2/flatness.json").exists());
    let after = fs::read_to_string(out.join("runs/adam-label-noise-0.5/seed-2/run.json")).unwrap();
    assert_eq!(before, after);
    assert_eq!((record(&out).started, record(&out).tuned), (first.started, first.tuned));

    // A seed more is a run more for each cell; another batch size is another experiment.
    fs::write(folder.path().join("tiny.toml"), TINY.replace("[1, 2]", "[1, 2, 3]")).unwrap();
    let text = run(folder.path(), &["--out", "out"]);
    assert!(text.contains("4 of 12 runs"), "{text}");
    fs::write(folder.path().join("tiny.toml"), TINY.replace("batch_size = 32", "batch_size = 16"))
        .unwrap();
    let files = || ["experiment.toml", "experiment.json"].map(|f| fs::read(out.join(f)).unwrap());
    let before = files();
    let text = mistake(folder.path(), &["--out", "out"]);
    assert!(files() == before, "a refusal changes nothing");
    let parts = ["out/tune/sgd/trial-01", "`train.batch_size` is 32 there and 16 now", "--out"];
    for part in parts {
        assert!(text.contains(part), "`{part}` is not in {text}");
    }
}

/// An experiment of two runs without a search, and its directory after it has ended.
fn two_runs() -> (tempfile::TempDir, PathBuf) {
    let text = TINY[..TINY.find("[[factor]]").unwrap()].replace("[1, 2]", "[1]")
        + &TINY[TINY.find("[flatness]").unwrap()..];
    let folder = folder(&text);
    run(folder.path(), &["--out", "out"]);
    let out = folder.path().join("out");
    (folder, out)
}

/// Replaces a text in a file that holds it.
#[track_caller]
fn replace(path: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains(from), "`{from}` is not in {text}");
    fs::write(path, text.replace(from, to)).unwrap();
}

/// Removes what a run could be checked against and made again from.
fn forget_how_it_was(run: &Path) {
    fs::remove_file(run.join("B3SUMS")).unwrap();
    fs::remove_dir_all(run.join("checkpoints")).unwrap();
}

#[test]
fn torn_files_of_a_killed_run_are_no_obstacle_and_lost_epochs_of_a_finished_one_are() {
    let (folder, out) = two_runs();
    let [sgd, adam] = ["sgd", "adam"].map(|arm| out.join(format!("runs/{arm}/seed-1")));
    replace(&sgd.join("run.json"), "\"finished\"", "\"running\"");
    fs::write(sgd.join("metrics.jsonl"), "{\"epoch\": 1, \"tr").unwrap();
    fs::remove_dir_all(&adam).unwrap();
    fs::create_dir(&adam).unwrap();
    fs::write(adam.join(".writing-x1y2"), "na").unwrap();
    let text = run(folder.path(), &["--out", "out"]);
    assert!(text.contains("2 of 2 runs"), "{text}");
    assert_eq!(PastRun::read(&sgd).unwrap().epochs.len(), 2);
    assert!(!adam.join(".writing-x1y2").exists());
    let lines = fs::read_to_string(sgd.join("metrics.jsonl")).unwrap();
    fs::write(sgd.join("metrics.jsonl"), format!("{}\n", lines.lines().next().unwrap())).unwrap();
    // They are made again from the last checkpoint, which is said; without one they are lost.
    let text = run(folder.path(), &["--out", "out"]);
    assert!(text.contains("1 of 2 runs") && text.contains("Going on from "), "{text}");
    assert_eq!(fs::read_to_string(sgd.join("metrics.jsonl")).unwrap().lines().count(), 2);
    fs::write(sgd.join("metrics.jsonl"), format!("{}\n", lines.lines().next().unwrap())).unwrap();
    fs::remove_dir_all(sgd.join("checkpoints")).unwrap();
    let text = mistake(folder.path(), &["--out", "out"]);
    assert!(text.contains("sgd/seed-1/metrics.jsonl` is damaged: its "), "{text}");
    fs::remove_file(sgd.join("B3SUMS")).unwrap();
    let text = mistake(folder.path(), &["--out", "out"]);
    assert!(text.contains("sgd/seed-1/metrics.jsonl` is damaged: it has 1 epochs"), "{text}");
}

#[test]
fn runs_of_one_experiment_learn_from_the_same_data() {
    let (folder, out) = two_runs();
    let adam = out.join("runs/adam/seed-1");
    let checksum = PastRun::read(&adam).unwrap().json.run.data.checksum;
    replace(&adam.join("run.json"), &checksum, "another");
    forget_how_it_was(&adam);
    fs::remove_dir_all(out.join("runs/sgd")).unwrap();
    let text = mistake(folder.path(), &["--out", "out"]);
    for part in ["`digits`", "`runs/adam/seed-1`", "`runs/sgd/seed-1`", "--out"] {
        assert!(text.contains(part), "`{part}` is not in {text}");
    }
}

#[test]
fn what_is_measured_anew_is_what_another_flatness_changes() {
    let (folder, out) = two_runs();
    let file = folder.path().join("tiny.toml");
    // Which arms have surfaces is of no network.
    replace(&file, "points = 3", "points = 3\narms = [\"sgd\", \"adam\"]\ninterpolate = false");
    let text = run(folder.path(), &["--out", "out"]);
    assert!(!text.contains("at once"), "{text}");
    replace(&file, "[\"sgd\", \"adam\"]", "[\"sgd\"]");
    replace(&file, "points = 3", "points = 5");
    let text = run(folder.path(), &["--out", "out"]);
    assert!(text.contains("1 of 2 runs"), "only that of SGD has other surfaces: {text}");
    // Networks whose loss is not finite cannot be measured: that is found once.
    for arm in ["sgd", "adam"] {
        let run = out.join(format!("runs/{arm}/seed-1"));
        let weights = run.join("weights.safetensors");
        let mut bytes = fs::read(&weights).unwrap();
        let header = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        for number in bytes[header..].chunks_exact_mut(4) {
            number.copy_from_slice(&f32::NAN.to_le_bytes());
        }
        fs::write(&weights, bytes).unwrap();
        forget_how_it_was(&run);
    }
    replace(&file, "images = 40", "images = 50");
    let text = run(folder.path(), &["--out", "out"]);
    assert!(text.contains("2 of 2 runs") && text.contains("cannot be measured"), "{text}");
    assert!(record(&out).cells.iter().all(|cell| cell.state == State::Finished));
    let sgd = out.join("runs/sgd/seed-1");
    assert!(!sgd.join("flatness.json").exists(), "what was measured before is of another question");
    let unmeasured = lowland_lab::flatness::read_unmeasured(&sgd).unwrap().unwrap();
    assert!(unmeasured.reason.contains("finite"), "{}", unmeasured.reason);
    let text = run(folder.path(), &["--out", "out"]);
    assert!(text.contains("2 runs are finished") && !text.contains("at once"), "{text}");
}

#[test]
fn a_budget_of_no_time_starts_nothing_and_says_how_to_go_on() {
    let folder = folder(TINY);
    let text = run(folder.path(), &["--out", "out", "--max-hours", "0"]);
    assert!(text.contains("12 runs are left. To go on: lowland experiment tiny.toml"), "{text}");
    let text = mistake(folder.path(), &["--out", "out", "--max-hours=-1"]);
    assert!(text.contains("--max-hours -1"), "{text}");
    // A run that would take hours is stopped when the time is up.
    fs::write(folder.path().join("tiny.toml"), TINY.replace("epochs = 1\n", "epochs = 90000\n"))
        .unwrap();
    let text = run(folder.path(), &["--out", "long", "--max-hours", "0.0001"]);
    assert!(text.contains("12 runs are left"), "{text}");
}

#[test]
fn a_run_whose_loss_is_not_finite_is_recorded_and_the_others_go_on() {
    let wild = "[[arm]]\nname = \"wild\"\nset.optimizer.learning_rate = 1e30\n\n[[factor]]";
    let start = TINY.find("[tune]").unwrap();
    let folder = folder(&TINY[..start].replace("[[factor]]", wild));
    let text = run(folder.path(), &["--out", "out", "--subset", "120", "--json"]);
    let events: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(events.len(), 13, "{text}");
    assert_eq!((&events[12]["finished"], &events[12]["failed"]), (&8.into(), &4.into()));
    let record = record(&folder.path().join("out"));
    let failed = record.cells.iter().filter(|cell| cell.state == State::Failed);
    assert!(failed.clone().count() == 4 && failed.clone().all(|cell| cell.arm == "wild"));
    assert!(record.changes[0].contains("--subset 120"), "{:?}", record.changes);
    let text = run(folder.path(), &["--out", "out", "--subset", "120"]);
    assert!(text.contains("8 runs are finished, 4 failed. "), "{text}");
    assert!(!text.contains("at once"), "nothing is run again: {text}");
}

#[test]
fn a_search_whose_trials_all_fail_is_an_error() {
    let folder = folder(&TINY.replace("[1e-3, 1e-1]", "[1e29, 1e30]").replace("0.05", "1e30"));
    let text = mistake(folder.path(), &["--out", "out"]);
    assert!(text.contains("every trial for arm `sgd` failed") && text.contains("the loss is "));
}

#[test]
fn one_process_at_a_time_works_in_a_directory() {
    let folder = folder(&TINY.replace("epochs = 1\n", "epochs = 90000\n"));
    let mut child = command(folder.path(), &["--out", "out"]);
    let mut child = child.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while !folder.path().join("out/experiment.json").exists() {
        assert!(child.try_wait().unwrap().is_none());
        std::thread::sleep(Duration::from_millis(5));
    }
    let text = mistake(folder.path(), &["--out", "out"]);
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(text.contains("another process works in `out`"), "{text}");
}

#[test]
fn a_directory_of_something_else_is_left_alone() {
    let folder = folder(TINY);
    fs::create_dir(folder.path().join("full")).unwrap();
    fs::write(folder.path().join("full/letter.txt"), "").unwrap();
    let text = mistake(folder.path(), &["--out", "full"]);
    assert!(text.contains("`full` is not empty"), "{text}");
    assert_eq!(fs::read_dir(folder.path().join("full")).unwrap().count(), 1);
}

#[test]
fn mistakes_name_their_arm_their_key_and_their_line_before_anything_runs() {
    let cases: [(&str, &str, &[&str]); 28] = [
        ("learning_rate = 3e-3", "learning_rate = 0", &["arm `adam`", "optimizer.learning_rate"]),
        ("adam = {}", "adam = { beta = 1 }", &["arm `adam`", "unknown field"]),
        ("adam = {}", "adam = {}, sgd = {}", &["arm `adam`", "2 methods"]),
        ("label = \"SGD\"", "unset = [\"deformation\"]", &["arm `sgd`", "no such key to unset"]),
        ("label = \"SGD\"", "set.seed = 3", &["arm.0.set.seed", "leave it out"]),
        ("label = \"SGD\"", "colour = 3", &["unknown field", "`label`"]),
        ("name = \"adam\"", "name = \"sgd\"", &["two arms are called `sgd`"]),
        ("name = \"adam\"", "name = \"a b\"", &["`arm.1.name`", "letters"]),
        ("levels = [0.0, 0.5]", "levels = [0.0, 2.0]", &["arm `sgd`", "`data.label_noise`: 2.0"]),
        ("levels = [0.0, 0.5]", "levels = [0.5, 0.5]", &["would have one folder"]),
        ("levels = [0.0, 0.5]", "levels = []", &["there is no level"]),
        ("key = \"data.label_noise\"", "key = \"seed\"", &["given by `seed` already"]),
        ("seeds = [1, 2]", "seeds = [1, 1]", &["the seed 1 is there twice"]),
        ("seeds = [1, 2]", "seeds = []", &["there is no seed"]),
        (
            "seeds = [1, 2]",
            "measure = \"final_acc\"\nseeds = [1, 2]",
            &["no measure `final_acc`", "final_test_acc, "],
        ),
        ("seed = 1000", "seed = 2", &["`tune.seed`", "a seed of its own"]),
        ("trials = 2", "trials = 0", &["`tune.trials`", "at least 1"]),
        ("learning_rate\" = {", "momentum\" = {", &["no such field", "own value"]),
        ("[1e-3, 1e-1]", "[1e-1, 1e-3]", &["the range is empty"]),
        (
            "\"optimizer.learning_rate\" =",
            "\"train.epochs\" =",
            &["`train.epochs` cannot be searched"],
        ),
        (
            "\"optimizer.learning_rate\" =",
            "\"data.subset\" =",
            &["`data.subset` cannot be searched"],
        ),
        (
            "validation_fraction = 0.2",
            "validation_fraction = 0",
            &["arm `sgd`", "validation images"],
        ),
        (
            "seeds =",
            "measure = \"final_test_ac\"\nseeds =",
            &["mean `final_test_acc`?", "sharpness"],
        ),
        ("seeds =", "measure = \"hessian_trace\"\nseeds =", &["trace_probes above 0"]),
        ("seeds =", "measure = \"sharpness\"\nseeds =", &["a sharpness_radius above 0"]),
        ("seeds =", "measure = \"noise_normal_0.2_acc\"\nseeds =", &["evaluate.input_noise"]),
        ("points = 3", "points = 4", &["`flatness.landscape.points`", "odd"]),
        ("points = 3", "points = 3\narms = [\"x\"]", &["there is no arm `x`", "`adam`"]),
    ];
    for (from, to, parts) in cases {
        assert!(TINY.contains(from), "{from}");
        let folder = folder(&TINY.replacen(from, to, 1));
        let text = mistake(folder.path(), &["--out", "out"]);
        let line = 1 + TINY[..TINY.find(from).unwrap()].matches('\n').count();
        assert!(text.starts_with("error: tiny.toml, "), "{text}");
        let on_its_line = text.contains(&format!("line {line}, "));
        // What is not written is pointed at where it would be.
        let missing = ["trials", "points = 3\n"].iter().any(|part| to.starts_with(part));
        assert!(on_its_line || missing, "line {line}: {text}");
        for part in parts {
            assert!(text.contains(part), "`{part}` is not in {text}");
        }
        assert!(!folder.path().join("out").exists(), "{to}");
    }
    let own = TINY.replace("name = \"adam\"", "name = \"adam\"\nset.data.subset = 100");
    let text = mistake(folder(&own).path(), &["--out", "out", "--subset", "120"]);
    assert!(text.contains("`arm.1.set.data.subset`") && text.contains("--subset 120"), "{text}");
    let folder = folder(TINY);
    let text = mistake(folder.path(), &["--out", "out", "--subset", "5000"]);
    assert!(text.contains("data.subset=5000") && text.contains("1437 training images"), "{text}");
}

/// The example of the book can be run.
#[test]
fn the_file_of_the_chapter_is_an_experiment() {
    let chapter = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/src/experiments.md");
    let chapter = fs::read_to_string(chapter).unwrap();
    let text = chapter.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    let folder = folder(text);
    let json = run(folder.path(), &["--dry-run", "--json"]);
    let overview: serde_json::Value = serde_json::from_str(&json).unwrap();
    let parts = overview["parts"].as_array().unwrap();
    let runs: Vec<(&str, u64)> = parts
        .iter()
        .map(|part| (part["folder"].as_str().unwrap(), part["runs"].as_u64().unwrap()))
        .collect();
    let want = [
        ("tune/adam", 4),
        ("tune/miadam", 4),
        ("runs/adam-label-noise-0.0", 3),
        ("runs/adam-label-noise-0.2", 3),
        ("runs/miadam-label-noise-0.0", 3),
        ("runs/miadam-label-noise-0.2", 3),
    ];
    assert_eq!(runs, want);
    assert!(parts.iter().all(|part| part["seconds"].as_f64() > Some(0.0)));
    assert_eq!((&parts[0]["epochs"], &parts[2]["epochs"]), (&4.into(), &10.into()));
    assert!(!folder.path().join("runs").exists(), "nothing is run");
    // The mistake that the chapter shows is told as it says.
    fs::write(folder.path().join("first.toml"), text.replace("order = 1", "order = 0")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_lowland"));
    let output =
        command.current_dir(folder.path()).args(["experiment", "first.toml"]).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(chapter.contains(stderr.trim_end()), "{stderr}");
}
