//! A small experiment that a report has everything to show of, made by the engine that makes every one.
#![allow(dead_code)]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use lowland_lab::Stop;
use lowland_lab::console::Console;
use lowland_lab::experiment::{self, ExperimentFile, Settings};

/// Two arms and one that diverges in its second epoch, which a trial does not have, at two levels of noise on the labels, with two seeds: 6 trials and 12
/// runs of a tenth of a second.
const EXPERIMENT: &str = r#"
name = "small"
title = "Adam against SGD"
question = "Is Adam better than SGD on a handful of digits?"
measure = "final_test_acc"
baseline = "sgd"
seeds = [1, 2]

[base]
data = { dataset = "digits", subset = 200, validation_fraction = 0.2 }
model.name = "resnet-tiny"
train = { epochs = 2, batch_size = 32 }
optimizer = { learning_rate = 0.05, sgd = { momentum = 0.9 } }
evaluate.input_noise = [{ kind = "normal", strength = 0.2 }]
record.weights_every_epochs = 1

[[arm]]
name = "sgd"
label = "SGD, momentum 0.9"

[[arm]]
name = "adam"
label = "Adam, with a name that has to be broken into lines"
set.optimizer = { learning_rate = 3e-3, adam = {} }

[[arm]]
name = "wild"
label = "SGD that diverges"
set.schedule = { multi_step = { milestones = [{ epochs = 1 }], gamma = 1e30 } }

[[factor]]
name = "label noise"
key = "data.label_noise"
levels = [0.0, 0.3]

[tune]
trials = 2
epochs = 1
seed = 1000
[tune.fields]
"optimizer.learning_rate" = { log_uniform = [1e-3, 1e-1] }

[flatness]
images = 40
lanczos_steps = 3
trace_probes = 2
density_probes = 1
along_the_run = true
[flatness.landscape]
arms = ["sgd", "adam"]
points = 7
images = 20
"#;

/// Its directory, which is made once for all tests of a file; `name` is that of the file.
pub fn made(name: &str) -> &'static Path {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    MADE.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        // That of an earlier process.
        let _ = fs::remove_dir_all(&folder);
        run(folder)
    })
}

/// A copy of it, for what changes it.
pub fn copy(name: &str) -> (tempfile::TempDir, PathBuf) {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().join("small");
    copy_into(made(name), &folder);
    (temporary, folder)
}

fn copy_into(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_into(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn run(folder: PathBuf) -> PathBuf {
    let file = ExperimentFile::parse("small.toml", EXPERIMENT).unwrap();
    let settings = Settings {
        folder,
        data_folder: PathBuf::new(),
        device: "cpu".into(),
        jobs: None,
        threads: Some(1),
        max_hours: None,
        subset: None,
        command: "lowland experiment small.toml".into(),
    };
    let summary = experiment::run(&file, &settings, Console::new(true), &Stop::default()).unwrap();
    assert_eq!((summary.finished, summary.failed, summary.left), (8, 4, 0));
    settings.folder
}
