//! What interrupted runs are gone on with.

use std::cell::RefCell;
use std::fs;
use std::path::Path;

use lowland_lab::checkpoint::{Checkpoint, folder_of};
use lowland_lab::{ConfigFile, Options, Plan, Record, Run, checksums};

use crate::Verdict;
use crate::dataset::{scratch, write};
use crate::parts::parts;

/// The files of a checkpoint.
const FILES: [&str; 4] =
    ["manifest.json", "config.toml", "weights.safetensors", "optimizer.safetensors"];

/// The config of a run that takes a moment.
const CONFIG: &str = r#"
[data]
dataset = "digits"
subset = 20
[model]
name = "resnet-tiny"
widths = [2, 4]
[train]
epochs = 2
batch_size = 8
[optimizer]
learning_rate = 0.1
adam = {}
[record]
checkpoint_every_steps = 1
"#;

thread_local! {
    static RUN: RefCell<Run> = RefCell::new(small_run());
}

/// The run that the target goes on with, on one thread.
pub fn small_run() -> Run {
    let file = ConfigFile::parse("small.toml", CONFIG, &[]).expect("it is a config");
    let plan = Plan::new(file, Path::new("/nowhere")).expect("it can be run");
    let options = Options { threads: 1, workers: 0, ..Options::default() };
    Run::new(plan, &options).expect("it can be made")
}

/// Goes on with a run from a checkpoint, whose files follow each other, each behind a line `--- NAME`. Its
/// checksums are made right: no change gets past them else.
pub fn resume(data: &[u8]) -> Verdict {
    let folder = scratch();
    let given = folder.path().join("given");
    let mut sums = String::new();
    for (name, content) in parts(data, &FILES) {
        write(&given, name, &content);
        sums += &format!("{}  {name}\n", checksums::of(&content));
    }
    write(&given, "B3SUMS", sums.as_bytes());
    let checkpoint = match Checkpoint::read(&given) {
        Ok(checkpoint) => checkpoint,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return Verdict::Refused;
        }
    };
    let run = folder.path().join("run");
    fs::create_dir_all(folder_of(&run)).expect("a folder can be made");
    let path = checkpoint.write(&folder_of(&run)).expect("what was read can be written");
    let fingerprint =
        |folder: &Path| Checkpoint::read(folder).and_then(|read| read.fingerprint()).ok();
    assert_eq!(fingerprint(&path), checkpoint.fingerprint().ok(), "and is the same");
    write(&run, "config.toml", checkpoint.config.as_bytes());
    write(&run, "run.json", b"{}");
    RUN.with_borrow_mut(|small| match Record::resume(&run, small) {
        Ok((record, resumed)) => {
            assert_eq!(record.folder(), run);
            assert_eq!(resumed.from.as_ref(), Some(&path), "it goes on from there");
            assert_eq!(small.progress().place(), checkpoint.manifest.progress.place());
            Verdict::Accepted
        }
        Err(error) => {
            assert!(!error.to_string().is_empty());
            Verdict::Refused
        }
    })
}
