//! Runs through the library: what is recorded, that bits do not depend on threads, that warm steps
//! take no memory, and what happens where a run cannot go on.

mod common;

use std::fs;
use std::path::Path;

use common::{SMALL, assert_picture, metrics, run_json};
use lowland_lab::{
    Change, ConfigFile, Ended, EpochMetrics, Error, Fault, NotFinite, Observer, Options, Outcome,
    PastRun, Plan, Position, Record, Result, Run, SkippedStep, Stop, weights_of,
};

fn run(
    sets: &[&str],
    options: &Options,
    folder: &Path,
    observer: &mut dyn Observer,
) -> Result<Outcome> {
    run_until(sets, options, folder, observer, &Stop::default())
}

fn run_until(
    sets: &[&str],
    options: &Options,
    folder: &Path,
    observer: &mut dyn Observer,
    stop: &Stop,
) -> Result<Outcome> {
    let sets: Vec<Change> = sets.iter().map(|set| Change::from(*set)).collect();
    let plan =
        Plan::new(ConfigFile::parse("small.toml", SMALL, &sets)?, Path::new("no-such-folder"))?;
    let mut run = Run::new(plan, options)?;
    let mut record = Record::create(folder, &run)?;
    run.execute(&mut record, observer, stop)
}

fn options(threads: usize, workers: usize) -> Options {
    Options { threads, workers, ..Options::default() }
}

#[test]
fn a_run_records_what_it_did() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("deep/run");
    let outcome = run(&[], &options(2, 1), &out, &mut ()).unwrap();
    assert_eq!(outcome.ended, Ended::Finished);
    let lines = metrics(&out);
    assert_eq!(lines.len(), 2);
    for (line, epoch) in lines.iter().zip(&outcome.epochs) {
        for field in
            ["train_loss", "train_acc", "val_loss", "val_acc", "test_loss", "test_acc", "lr"]
        {
            assert!(line[field].is_f64(), "{field} in {line}");
        }
        for field in ["train_acc", "val_acc", "test_acc"] {
            assert!((0.0..=1.0).contains(&line[field].as_f64().unwrap()));
        }
        assert_eq!(line["epoch"], epoch.epoch);
        assert_eq!(line["test_acc"], epoch.test_acc);
    }
    let accuracy = |e: &EpochMetrics| e.train_acc;
    assert!(accuracy(&outcome.epochs[1]) > 0.3, "it learns: {:?}", outcome.epochs);
    assert!(outcome.epochs[1].train_loss < outcome.epochs[0].train_loss);

    let json = run_json(&out);
    assert_eq!(json["status"], "finished");
    assert_eq!(json["run"]["seed"], 3);
    assert_eq!(json["run"]["data"]["train_images"], 720);
    assert_eq!(json["run"]["data"]["validation_images"], 80);
    assert_eq!(json["results"]["final_epoch"]["epoch"], 2);
    assert!(json["results"]["validation_selected_epoch"]["test_acc"].is_f64());
    assert!(json["results"]["best_test_epoch"]["test_acc"].is_f64());
    assert_eq!(json["seeds"], 1);
    assert_eq!(json["run"]["threads"], 2);
    assert_eq!(json["run"]["instruction_set"], lowland_cpu::Isa::from_env().unwrap().name());
    assert!(json["run"]["model"]["parameters"].as_u64() > Some(1000));

    // The resolved config runs again.
    let again = Plan::read(&out.join("config.toml"), &[], Path::new("")).unwrap();
    assert_eq!(again.config().train.epochs, 2);

    let weights = fs::read(out.join("weights.safetensors")).unwrap();
    let weights = safetensors::SafeTensors::deserialize(&weights).unwrap();
    assert_eq!(weights.tensor("stem.weight").unwrap().shape(), [16, 1, 3, 3]);
    assert_eq!(weights.tensor("fc.weight").unwrap().shape()[0], 10);
    assert!(weights.names().iter().any(|name| name.ends_with("running_var")));
    assert_picture(&out.join("curves.png"));
    let svg = fs::read_to_string(out.join("curves.svg")).unwrap();
    assert!(svg.starts_with("<svg") && svg.contains("test accuracy after epoch 2"));
    let mut names: Vec<_> = fs::read_dir(&out).unwrap().map(|e| e.unwrap().file_name()).collect();
    names.sort();
    let want = [
        "B3SUMS",
        "checkpoints",
        "config.toml",
        "curves.png",
        "curves.svg",
        "events.out.tfevents.lowland",
        "metrics.jsonl",
        "run.json",
        "run.lock",
        "weights.safetensors",
    ];
    assert_eq!(names, want);

    let error = run(&[], &options(1, 0), &out, &mut ()).unwrap_err();
    assert!(matches!(error, Error::OutputExists { .. }) && error.exit_code() == 2, "{error}");
}

#[test]
fn weights_of_epochs_are_kept_on_request_and_a_run_can_be_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let sets = ["record.weights_every_epochs=2", "train.epochs=3", "data.subset=200"];
    let outcome = run(&sets, &options(1, 0), folder.path(), &mut ()).unwrap();
    let kept = |epoch| fs::read(folder.path().join(weights_of(epoch)));
    assert_eq!(fs::read_dir(folder.path().join("weights")).unwrap().count(), 2);
    assert_ne!(kept(2).unwrap(), kept(3).unwrap());
    assert_eq!(kept(3).unwrap(), fs::read(folder.path().join("weights.safetensors")).unwrap());

    let past = PastRun::read(folder.path()).unwrap();
    assert!(past.is_finished());
    assert_eq!(past.epochs, outcome.epochs);
    assert_eq!(past.json.results, outcome.results);
    let calibration = past.json.calibration.unwrap();
    assert_eq!(Some(&calibration), outcome.calibration.as_ref());
    let images: usize = calibration.bins.iter().map(|bin| bin.images).sum();
    assert_eq!(images, past.json.run.data.test_images);
    let right = calibration.bins.iter().map(|bin| bin.accuracy * bin.images as f64).sum::<f64>();
    assert!((right / images as f64 - past.epochs[2].test_acc).abs() < 1e-12);

    fs::remove_file(folder.path().join("B3SUMS")).unwrap();
    let path = folder.path().join("metrics.jsonl");
    fs::write(&path, fs::read_to_string(&path).unwrap().replacen("\"epoch\":2", "\"epoch\":", 1))
        .unwrap();
    let error = PastRun::read(folder.path()).unwrap_err();
    assert!(error.to_string().contains("metrics.jsonl` is damaged: line 2: "), "{error}");
    assert_eq!(error.exit_code(), 2);
}

#[test]
fn bits_depend_on_neither_threads_nor_workers() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = None;
    for (threads, workers) in [(1, 0), (2, 1), (2, 3), (1, 3), (3, 0)] {
        let out = folder.path().join(format!("{threads}-{workers}"));
        run(&["train.label_smoothing=0.1"], &options(threads, workers), &out, &mut ()).unwrap();
        let found = (fs::read(out.join("weights.safetensors")).unwrap(), metrics(&out));
        assert!(first.get_or_insert_with(|| found.clone()) == &found, "{threads}, {workers}");
    }
    let other = folder.path().join("seed");
    run(&["seed=4", "train.label_smoothing=0.1"], &options(2, 1), &other, &mut ()).unwrap();
    assert!(first.unwrap().0 != fs::read(other.join("weights.safetensors")).unwrap());
}

#[test]
fn every_method_learns_and_takes_no_memory_when_warm() {
    let folder = tempfile::tempdir().unwrap();
    let methods = [
        ("sgd", "optimizer={learning_rate=0.05, sgd={momentum=0.9}}"),
        ("adam", "optimizer={learning_rate=0.005, adam={}}"),
        ("adamw", "optimizer={learning_rate=0.005, weight_decay_on='weights', adamw={}}"),
        (
            "miadam",
            "optimizer={learning_rate=0.01, miadam={step_scale='unit-gain', switch={fraction=0.5}}}",
        ),
    ];
    for (name, method) in methods {
        let out = folder.path().join(name);
        let outcome = run(&[method, "train.epochs=3"], &options(2, 1), &out, &mut ()).unwrap();
        let losses: Vec<f64> = outcome.epochs.iter().map(|e| e.train_loss).collect();
        assert!(losses[2] < 0.8 * losses[0], "{name}: {losses:?}");
        assert_eq!(outcome.memory.fresh_allocations_after_first_epoch, Some(0), "{name}");
        assert!(outcome.memory.fresh_allocations > 0);
        assert_eq!(run_json(&out)["memory"]["fresh_allocations_after_first_epoch"], 0);
    }
}

#[test]
fn without_validation_images_nothing_is_selected_by_them() {
    let folder = tempfile::tempdir().unwrap();
    let sets = ["data.validation_fraction=0", "train.epochs=1"];
    let outcome = run(&sets, &options(1, 0), folder.path(), &mut ()).unwrap();
    assert_eq!(outcome.results.unwrap().validation_selected_epoch, None);
    assert_eq!(outcome.memory.fresh_allocations_after_first_epoch, None, "nothing was measured");
    assert!(run_json(folder.path())["memory"]["fresh_allocations_after_first_epoch"].is_null());
    let lines = metrics(folder.path());
    assert!(lines[0]["val_acc"].is_null() && lines[0]["val_loss"].is_null());
    assert_picture(&folder.path().join("curves.png"));
}

/// What a run of these changes stopped at.
fn not_finite(sets: &[&str], folder: &Path) -> (NotFinite, Error) {
    let error = run(sets, &options(1, 0), folder, &mut ()).unwrap_err();
    let Error::NotFinite(found) = &error else { panic!("{error}") };
    (NotFinite::clone(found), error)
}

#[test]
fn a_number_that_is_not_finite_stops_the_run_and_names_the_step() {
    let folder = tempfile::tempdir().unwrap();
    let sets = ["optimizer.learning_rate=1e30", "schedule=constant"];
    let (NotFinite { step, epoch, batch, images, .. }, error) = not_finite(&sets, folder.path());
    assert_eq!((images, epoch, step), ("training", 1, batch as u64));
    assert!(step >= 2, "{error}");
    assert_eq!(error.exit_code(), 1);
    assert!(
        error.to_string().contains(&format!(" step {step} (epoch 1, batch {step})")),
        "{error}"
    );
    let json = run_json(folder.path());
    assert_eq!((&json["status"], &json["diverged"]), (&"failed".into(), &true.into()));
    assert_eq!(json["reason"], error.to_string());
    assert_eq!(json["epochs_done"], 0);
    assert!(metrics(folder.path()).is_empty());
}

#[test]
fn a_last_step_that_breaks_the_network_is_not_scored() {
    for (images, fraction) in [("test", "0"), ("validation", "0.25")] {
        let folder = tempfile::tempdir().unwrap();
        let fraction = format!("data.validation_fraction={fraction}");
        let sets = [
            "data.subset=64",
            fraction.as_str(),
            "train.batch_size=64",
            "train.epochs=1",
            "optimizer.learning_rate=1e30",
            "schedule=constant",
        ];
        let (found, error) = not_finite(&sets, folder.path());
        assert!(matches!(found.fault, Fault::Loss(loss) if !loss.is_finite()), "{error}");
        assert_eq!((found.step, found.images), (1, images));
        assert_eq!(error.exit_code(), 1);
        let json = run_json(folder.path());
        assert_eq!((&json["status"], &json["epochs_done"]), (&"failed".into(), &0.into()));
        assert!(json["results"].is_null() && json["weights_epoch"].is_null());
        assert!(metrics(folder.path()).is_empty());
        assert!(!folder.path().join("weights.safetensors").exists());
    }
}

#[test]
fn a_failure_after_warm_epochs_keeps_what_was_measured() {
    let folder = tempfile::tempdir().unwrap();
    // The rate jumps to 1e30 after the second of three epochs.
    let sets = [
        "train.epochs=3",
        "optimizer.learning_rate=1e-3",
        "schedule={multi_step={milestones=[{epochs=2}], gamma=1e33}}",
    ];
    let error = run(&sets, &options(1, 0), folder.path(), &mut ()).unwrap_err();
    assert!(matches!(&error, Error::NotFinite(found) if found.epoch == 3), "{error}");
    let json = run_json(folder.path());
    assert_eq!((&json["epochs_done"], &json["weights_epoch"]), (&2.into(), &2.into()));
    assert_eq!(json["memory"]["fresh_allocations_after_first_epoch"], 0);
}

/// Takes down what was skipped, and the learning rate of every epoch.
#[derive(Default)]
struct Skipped {
    steps: Vec<SkippedStep>,
    made: usize,
}

impl Observer for Skipped {
    fn stepped(&mut self, at: &Position) {
        assert!(at.train_loss > 0.0);
        self.made += 1;
    }

    fn skipped(&mut self, skipped: &SkippedStep) {
        self.steps.push(skipped.clone());
    }
}

#[test]
fn steps_are_skipped_and_the_learning_rate_lowered_where_the_config_wants_that() {
    let folder = tempfile::tempdir().unwrap();
    // Where the loss of a batch is in this window, the gradients of the deformed loss overflow.
    let sets = [
        "train.on_non_finite={skip_and_lower={factor=0.9, at_most=60}}",
        "deformation={windowed_linear={a=1e300, lo=1.9, hi=2.1}}",
        "schedule=constant",
    ];
    let mut observer = Skipped::default();
    let outcome = run(&sets, &options(1, 0), folder.path(), &mut observer).unwrap();
    assert_eq!(outcome.ended, Ended::Finished);
    let steps = &observer.steps;
    assert!((1..60).contains(&steps.len()), "{steps:?}");
    let mut lr_factor = 1.0;
    for step in steps {
        lr_factor *= 0.9;
        assert_eq!(step.lr_factor, lr_factor);
        assert_eq!(step.step, 45 * (step.epoch as u64 - 1) + step.batch as u64);
        assert!(step.reason.starts_with("the gradient of `"), "{}", step.reason);
    }
    assert_eq!(observer.made, 2 * 45 - steps.len());
    let lines = metrics(folder.path());
    for (line, epoch) in lines.iter().zip(1..) {
        let skipped = steps.iter().filter(|step| step.epoch == epoch).count();
        assert_eq!(line.get("skipped_steps").map_or(0, |n| n.as_u64().unwrap()), skipped as u64);
        assert_eq!(line["deformation_slope"], 1.0);
    }
    assert_eq!(lines[1]["lr"], 0.05 * lr_factor);
    assert_eq!(run_json(folder.path())["skipped_steps"], serde_json::json!(steps));
    assert_eq!(PastRun::read(folder.path()).unwrap().json.skipped_steps, *steps);
    assert_eq!(outcome.memory.fresh_allocations_after_first_epoch, Some(0));
    assert!(outcome.epochs[1].train_loss < 1.8, "it goes on learning: {:?}", outcome.epochs);
}

#[test]
fn a_run_that_cannot_be_saved_by_skipping_stops_and_says_how_often_it_tried() {
    let folder = tempfile::tempdir().unwrap();
    let sets = [
        "optimizer.learning_rate=1e30",
        "schedule=constant",
        "train.on_non_finite={skip_and_lower={at_most=3}}",
    ];
    let (found, error) = not_finite(&sets, folder.path());
    assert_eq!((found.skipped, found.at_most), (3, 3));
    let message = error.to_string();
    assert!(
        message.contains("; 3 steps were skipped before it, of 3 that train.on_non_finite allows"),
        "{message}"
    );
    assert_eq!(found.lr, 1e30 * 0.125);
    let json = run_json(folder.path());
    assert_eq!((&json["status"], &json["diverged"]), (&"failed".into(), &true.into()));
    assert_eq!(json["skipped_steps"].as_array().unwrap().len(), 3);

    // An epoch of one step that is not made has nothing to report.
    let folder = tempfile::tempdir().unwrap();
    let sets = [
        "data.subset=64",
        "data.validation_fraction=0",
        "train={epochs=3, batch_size=64, on_non_finite='skip_and_lower'}",
        "deformation={atan_power={a=0.0, b=1.0, g=1.0, z=3e38}}",
        "optimizer={learning_rate=1e30, sgd={}}",
        "schedule=constant",
    ];
    let (found, error) = not_finite(&sets, folder.path());
    assert_eq!((found.skipped, found.at_most), (0, 10), "{error}");
}

#[test]
fn notes_are_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let sets = ["optimizer={learning_rate=1e-3, miadam={}}", "data.subset=64", "train.epochs=1"];
    run(&sets, &options(1, 0), folder.path(), &mut ()).unwrap();
    let notes = run_json(folder.path())["run"]["notes"].clone();
    assert_eq!(notes.as_array().unwrap().len(), 2);
    assert!(notes[0].as_str().unwrap().contains("epoch 20 is after the end (1 epoch)"), "{notes}");
    assert!(notes[1].as_str().unwrap().contains("is 0.05 of Adam's"), "{notes}");
}

/// Wishes to stop after a number of batches.
struct StopAfter {
    batches: usize,
    stop: Stop,
}

impl Observer for StopAfter {
    fn stepped(&mut self, at: &Position) {
        assert!((0.0..=1.0).contains(&at.done));
        if at.epoch == 2 && at.batch == self.batches {
            self.stop.wish();
        }
    }
}

#[test]
fn a_run_that_is_stopped_ends_after_the_step_and_saves() {
    let folder = tempfile::tempdir().unwrap();
    let stop = Stop::default();
    let mut observer = StopAfter { batches: 4, stop: stop.clone() };
    let outcome = run_until(&[], &options(1, 1), folder.path(), &mut observer, &stop).unwrap();
    assert_eq!(outcome.ended, Ended::Interrupted { epoch: 2, batches_done: 4, batches: 45 });
    assert_eq!(metrics(folder.path()).len(), 1);
    let json = run_json(folder.path());
    assert_eq!((&json["status"], &json["batches_done"]), (&"interrupted".into(), &4.into()));
    assert_eq!((&json["epochs_done"], &json["weights_epoch"]), (&1.into(), &2.into()));
    let weights = fs::read(folder.path().join("weights.safetensors")).unwrap();
    safetensors::SafeTensors::deserialize(&weights).unwrap();
    assert_picture(&folder.path().join("curves.png"));
}

/// Wishes to stop after an epoch.
struct StopAfterEpoch(usize, Stop);

impl Observer for StopAfterEpoch {
    fn epoch(&mut self, metrics: &EpochMetrics) {
        if metrics.epoch == self.0 {
            self.1.wish();
        }
    }
}

#[test]
fn a_wish_to_stop_after_the_last_epoch_leaves_nothing_out() {
    let folder = tempfile::tempdir().unwrap();
    let stop = Stop::default();
    let sets = ["train.epochs=2", "data.subset=100", "evaluate.input_noise=[{kind='normal'}]"];
    let mut observer = StopAfterEpoch(2, stop.clone());
    let outcome = run_until(&sets, &options(1, 1), folder.path(), &mut observer, &stop).unwrap();
    assert!(stop.wished());
    assert_eq!((outcome.ended, outcome.input_noise.len()), (Ended::Finished, 1));
    assert!(outcome.calibration.is_some());
}

#[test]
fn mistakes_that_show_with_the_dataset_name_their_field() {
    let folder = tempfile::tempdir().unwrap();
    for (set, field) in [
        ("data.subset=100000", "data.subset"),
        ("data.validation_fraction=0.0001", "data.validation_fraction"),
        ("data.crop_padding_pixels=1000000000", "data.crop_padding_pixels"),
        ("data.cutout_pixels=9", "data.cutout_pixels"),
        ("model={name='resnet18', blocks=[1024, 1024], widths=[65536, 65536]}", "model"),
    ] {
        let error = run(&[set], &options(1, 0), folder.path(), &mut ()).unwrap_err();
        let Error::Config(mistake) = &error else { panic!("{error}") };
        assert_eq!(mistake.field(), field);
        assert!(error.to_string().starts_with(&format!("--set {set}")), "{error}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing was written");
}

#[test]
fn a_dataset_that_cannot_be_opened_is_named_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("text");
    fs::write(&text, "no dataset").unwrap();
    let empty = folder.path().join("empty");
    fs::create_dir(&empty).unwrap();
    for (dataset, says) in [
        ("cifar10", "data import cifar10 --from PATH --to "),
        (text.to_str().unwrap(), "is not a packed Lowland dataset"),
        (empty.to_str().unwrap(), "import a dataset into it first"),
    ] {
        let file = SMALL.replace("\"digits\"", &format!("'{dataset}'"));
        let file = ConfigFile::parse("small.toml", &file, &[]).unwrap();
        let plan = Plan::new(file, Path::new("no-such-folder")).unwrap();
        let error = Run::new(plan, &options(1, 0)).unwrap_err();
        let Error::Config(mistake) = &error else { panic!("{error}") };
        assert_eq!(mistake.field(), "data.dataset");
        let line = 1 + SMALL.lines().position(|line| line.starts_with("dataset")).unwrap();
        assert!(error.to_string().starts_with(&format!("small.toml, line {line}, column ")));
        assert!(error.to_string().contains(says), "{error}");
        assert_eq!(error.exit_code(), 2);
    }
}

#[test]
fn a_batch_of_one_image_is_refused_where_its_batch_norm_would_be() {
    let folder = tempfile::tempdir().unwrap();
    let sets = |batch| {
        let four_stages = "model={name='resnet18', widths=[4, 4, 4, 4], blocks=[1, 1, 1, 1]}";
        [four_stages, "data.subset=17", "data.validation_fraction=0", "train.epochs=1", batch]
    };
    for batch in ["train.batch_size=16", "train.batch_size=4", "train.batch_size=1"] {
        let error = run(&sets(batch), &options(1, 0), folder.path(), &mut ()).unwrap_err();
        let Error::Config(mistake) = &error else { panic!("{error}") };
        assert_eq!(mistake.field(), "train.batch_size");
        assert!(error.to_string().contains("the last of 17 training images"), "{error}");
    }
    let out = folder.path().join("fine");
    run(&sets("train.batch_size=15"), &options(1, 0), &out, &mut ()).unwrap();
    // With 4x4 pixels left, one image is enough.
    let tiny =
        ["data.subset=17", "data.validation_fraction=0", "train.epochs=1", "train.batch_size=16"];
    run(&tiny, &options(1, 0), &folder.path().join("tiny"), &mut ()).unwrap();
}

#[test]
fn the_memory_of_a_run_is_known_before_it_begins() {
    let cases: [&[&str]; 3] = [
        &[],
        &["model={name='resnet20'}", "train={epochs=1, batch_size=64}", "data.subset=200"],
        &[
            "model={name='zerosnet20'}",
            "optimizer={learning_rate=0.001, clip={norm=1.0}, miadam={}}",
            "train={epochs=1, batch_size=500, on_non_finite='skip_and_lower'}",
            "data.subset=150",
        ],
    ];
    for sets in cases {
        let folder = tempfile::tempdir().unwrap();
        let outcome = run(sets, &options(2, 1), folder.path(), &mut ()).unwrap();
        let expected = run_json(folder.path())["run"]["tensor_bytes_expected"].as_f64().unwrap();
        let found = outcome.memory.peak_tensor_bytes as f64;
        assert!((expected / found - 1.0).abs() < 0.02, "{expected} of {found}: {sets:?}");
    }
}
