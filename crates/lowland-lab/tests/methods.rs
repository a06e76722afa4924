//! What a config says of deformation, noise and schemes reaches the run and its record.

mod common;

use std::path::Path;

use common::{SMALL, metrics, run_json};
use lowland_lab::{Change, ConfigFile, Options, Outcome, Plan, Record, Run, Stop};
use serde_json::Value;

/// One batch an epoch, of plain gradient descent.
const ONE_BATCH: [&str; 5] = [
    "data.subset=64",
    "data.validation_fraction=0",
    "train.batch_size=64",
    "optimizer={learning_rate=0.05, sgd={}}",
    "schedule=constant",
];

fn run(sets: &[&[&str]], folder: &Path) -> Outcome {
    let sets: Vec<Change> = sets.concat().into_iter().map(Change::from).collect();
    let file = ConfigFile::parse("small.toml", SMALL, &sets).unwrap();
    let plan = Plan::new(file, Path::new("no-such-folder")).unwrap();
    let options = Options { threads: 1, workers: 0, ..Options::default() };
    let mut run = Run::new(plan, &options).unwrap();
    let mut record = Record::create(folder, &run).unwrap();
    run.execute(&mut record, &mut (), &Stop::default()).unwrap()
}

fn without_slope(mut lines: Vec<Value>) -> Vec<Value> {
    for line in &mut lines {
        let fields = line.as_object_mut().unwrap();
        fields.remove("deformation_slope");
        fields.remove("lr");
    }
    lines
}

#[test]
fn a_slope_of_two_is_twice_the_learning_rate() {
    let folder = tempfile::tempdir().unwrap();
    let (deformed, doubled) = (folder.path().join("deformed"), folder.path().join("doubled"));
    let twice = "deformation={windowed_linear={a=2.0, lo=0.0, hi=1e6}}";
    run(&[&ONE_BATCH, &[twice]], &deformed);
    run(&[&ONE_BATCH, &["optimizer.learning_rate=0.1"]], &doubled);
    let (deformed, doubled) = (metrics(&deformed), metrics(&doubled));
    assert!(deformed.iter().all(|line| line["deformation_slope"] == 2.0), "{deformed:?}");
    assert!(doubled[0].get("deformation_slope").is_none());
    // Doubling is exact: every bit agrees, and what is logged is the undeformed loss.
    assert_eq!(without_slope(deformed), without_slope(doubled));
}

#[test]
fn a_deformation_is_relative_to_the_untrained_loss_and_calms_down() {
    let folder = tempfile::tempdir().unwrap();
    let deformation =
        "deformation={normalise=true, calm_down={epochs=1}, linear_quadratic={a=0.5}}";
    let outcome = run(&[&ONE_BATCH, &["train.epochs=3", deformation]], folder.path());
    let lines = metrics(folder.path());
    // The first epoch's only batch is the training set, seen by the untrained network.
    let initial = outcome.initial_loss.unwrap();
    assert_eq!(lines[0]["train_loss"], initial);
    assert_eq!(run_json(folder.path())["initial_loss"], initial);
    assert_eq!(lines[0]["deformation_slope"], 2.0);
    let second = lines[1]["train_loss"].as_f64().unwrap();
    assert!(second < initial, "it learns");
    let slope = lines[1]["deformation_slope"].as_f64().unwrap();
    assert!((slope - (1.0 + second / initial)).abs() < 1e-12, "{slope}");
    assert_eq!(lines[2]["deformation_slope"], 1.0);
}

#[test]
fn measuring_the_untrained_loss_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (measured, plain) = (folder.path().join("measured"), folder.path().join("plain"));
    let inactive = "deformation={normalise=true, linear_quadratic={a=0}}";
    run(&[&[inactive]], &measured);
    run(&[], &plain);
    assert_eq!(without_slope(metrics(&measured)), without_slope(metrics(&plain)));
}

#[test]
fn noise_on_labels_is_counted_and_leaves_validation_alone() {
    // Steps too small to matter: the network stays the same, and losses differ by the labels alone.
    let still = ["train.epochs=1", "optimizer.learning_rate=1e-12"];
    let folder = tempfile::tempdir().unwrap();
    let (noisy, clean) = (folder.path().join("noisy"), folder.path().join("clean"));
    run(&[&still, &["data.label_noise=0.5"]], &noisy);
    run(&[&still], &clean);
    let noise = run_json(&noisy)["run"]["data"]["label_noise"].clone();
    assert_eq!((&noise["images"], &noise["replaced"]), (&720.into(), &360.into()));
    // On average 324 of 360 are changed; five standard deviations are 28.
    let changed = noise["changed"].as_u64().unwrap();
    assert!((296..=352).contains(&changed), "{changed}");
    assert!(run_json(&clean)["run"]["data"]["label_noise"].is_null());
    let differs = |field: &str| {
        let of = |folder: &Path| metrics(folder)[0][field].as_f64().unwrap();
        (of(&noisy) - of(&clean)).abs()
    };
    assert!(differs("train_loss") > 1e-3, "{}", differs("train_loss"));
    assert!(differs("val_loss") < 1e-6 && differs("test_loss") < 1e-6);
}

#[test]
fn the_final_network_is_tested_on_noisy_images() {
    let folder = tempfile::tempdir().unwrap();
    let noise = "evaluate.input_noise=[{kind='constant', strength=0}, {kind='normal', strength=0.5}, \
                 {kind='uniform'}]";
    let outcome = run(&[&[noise]], folder.path());
    let scores = run_json(folder.path())["input_noise"].clone();
    assert_eq!(scores.as_array().unwrap().len(), 3);
    let last = &metrics(folder.path())[1];
    assert_eq!(
        (&scores[0]["test_acc"], &scores[0]["kind"]),
        (&last["test_acc"], &"constant".into())
    );
    assert!(
        (scores[0]["test_loss"].as_f64().unwrap() - last["test_loss"].as_f64().unwrap()).abs()
            < 1e-5
    );
    assert_eq!((&scores[2]["strength"], &scores[2]["kind"]), (&0.1.into(), &"uniform".into()));
    assert!(outcome.input_noise[1].test_loss > outcome.epochs[1].test_loss, "noise hurts");
}

#[test]
fn cutout_reaches_the_loader() {
    let folder = tempfile::tempdir().unwrap();
    let loss = |set: &str| {
        let folder = folder.path().join(set);
        run(&[&ONE_BATCH, &["train.epochs=1", set]], &folder);
        metrics(&folder)[0]["train_loss"].as_f64().unwrap()
    };
    assert_ne!(loss("data.cutout_pixels=4"), loss("data.cutout_pixels=0"));
}

#[test]
fn trained_coefficients_and_unstable_schemes_are_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let tra = "model={name='zerosnet20', variant='tra', c=-0.5, widths=[4, 4], blocks=[3, 2]}";
    run(&[&ONE_BATCH, &[tra]], folder.path());
    let json = run_json(folder.path());
    let note = json["run"]["notes"][0].as_str().unwrap();
    assert!(note.starts_with("model: ") && note.contains("unstable, largest root 1.883"), "{note}");
    let lines = metrics(folder.path());
    let coefficients = lines[1]["block_coefficients"].as_array().unwrap();
    let schemes = json["schemes"].as_array().unwrap();
    assert_eq!((coefficients.len(), schemes.len()), (3, 3), "{json}");
    assert_eq!((&schemes[0]["block"], &schemes[0]["trained"]), (&2.into(), &coefficients[0]));
    assert_ne!(lines[0]["block_coefficients"], lines[1]["block_coefficients"], "they are trained");
    assert!(schemes[0]["verdict"].as_str().unwrap().starts_with("unstable, largest root 1.8"));
    assert!(schemes[0]["root_moduli"][0].as_f64().unwrap() > 1.8);
}

/// The changes that leave one method of `all-methods.toml`, read from the lines of its comment.
fn alone(text: &str, method: &str) -> Vec<Change> {
    let comment = text.lines().take_while(|line| line.starts_with('#'));
    let lines: Vec<&str> = comment.map(|line| line.trim_start_matches('#').trim()).collect();
    let first = lines.iter().position(|line| line.starts_with(method)).unwrap();
    let rest = lines[first + 1..].iter().take_while(|line| line.starts_with("--"));
    let own = lines[first].strip_prefix(method).into_iter().chain(rest.copied());
    let words: Vec<String> = own.flat_map(str::split_whitespace).map(Into::into).collect();
    let change = |pair: &[String]| match pair[0].as_str() {
        "--set" => Change::Set(pair[1].clone()),
        "--unset" => Change::Unset(pair[1].clone()),
        other => panic!("{other}"),
    };
    let mut changes: Vec<Change> = words.chunks(2).map(change).collect();
    // As the program does it.
    changes.sort_by_key(|change| matches!(change, Change::Set(_)));
    changes
}

#[test]
fn each_method_runs_alone_and_with_all_others() {
    let folder = tempfile::tempdir().unwrap();
    let file =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/experiments/all-methods.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let small = [
        "data={dataset='digits', subset=800, crop_padding_pixels=1}",
        "train.epochs=2",
        "train.batch_size=16",
        "optimizer.learning_rate=0.01",
    ];
    for (method, network, stages, slope) in [
        ("all", "zerosnet20", &["channel_directed", "atan", "miadam"][..], true),
        ("MIAdam", "resnet20", &["miadam"], false),
        ("GAF", "resnet20", &["atan", "adam"], false),
        ("VDM", "resnet20", &["adam"], true),
        ("CDG", "resnet20", &["channel_directed", "adam"], false),
        ("ZeroSNet", "zerosnet20", &["adam"], false),
    ] {
        let mut changes = if method == "all" { Vec::new() } else { alone(&text, method) };
        changes.extend(small.map(Change::from));
        // The same structure with fewer channels and blocks.
        let blocks = "[2, 2, 1]";
        changes.push(Change::Set(format!(
            "model={{name='{network}', widths=[4, 8, 8], blocks={blocks}}}"
        )));
        let file = ConfigFile::parse("all-methods.toml", &text, &changes).unwrap();
        let plan = Plan::new(file, Path::new("none")).unwrap();
        let options = Options { threads: 1, workers: 0, ..Options::default() };
        let mut run = Run::new(plan, &options).unwrap();
        let steps = run.info().optimizer.clone();
        for stage in ["channel_directed", "atan", "miadam", "adam"] {
            let named = steps.split([' ', ';', '.', ':', ',']).any(|word| word == stage);
            assert_eq!(named, stages.contains(&stage), "{method}: {stage} in {steps}");
        }
        let out = folder.path().join(method);
        let mut record = Record::create(&out, &run).unwrap();
        let outcome = run.execute(&mut record, &mut (), &Stop::default()).unwrap();
        let epochs = &outcome.epochs;
        assert!(epochs.iter().all(|e| e.deformation_slope.is_some() == slope), "{method}");
        assert!(epochs[1].train_loss < epochs[0].train_loss, "{method} learns: {epochs:?}");
        assert_eq!(outcome.memory.fresh_allocations_after_first_epoch, Some(0), "{method}");
    }
}
