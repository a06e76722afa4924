//! Checkpoints of a small run, at an early moment and at its end.

use std::fs;
use std::path::Path;

use lowland_lab::checkpoint::folder_of;
use lowland_lab::{Observer, Position, Record, Stop};

use super::Seeds;

/// Wishes to stop after the first step.
struct StopAtOnce(Stop);

impl Observer for StopAtOnce {
    fn stepped(&mut self, _: &Position) {
        self.0.wish();
    }
}

/// Does nothing.
struct Silent;

impl Observer for Silent {}

pub fn seeds() -> Seeds {
    let early = checkpoint(&|stop| Box::new(StopAtOnce(stop)));
    let late = checkpoint(&|_| Box::new(Silent));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let replaced = |from: &str, to: &str| {
        assert!(text(&early).contains(from), "{from}");
        let at = early.windows(from.len()).position(|part| part == from.as_bytes());
        let at = at.expect("it is there");
        [&early[..at], to.as_bytes(), &early[at + from.len()..]].concat()
    };
    vec![
        (
            "refused-epochs-that-never-were",
            replaced("\"epoch\": 1,", "\"epoch\": 18446744073709551615,"),
        ),
        ("refused-other-network", replaced("resnet-tiny", "resnet20")),
        ("accepted-early", early),
        ("accepted-late", late),
    ]
}

/// The files of the newest checkpoint of a run, each behind a line with its name.
fn checkpoint(observer: &dyn Fn(Stop) -> Box<dyn Observer>) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a folder");
    let run_folder = folder.path().join("run");
    let mut run = lowland_fuzz::small_run();
    let mut record = Record::create(&run_folder, &run).expect("a record");
    let stop = Stop::default();
    let mut observer = observer(stop.clone());
    run.execute(&mut record, &mut *observer, &stop).expect("it can be run");
    let entries = fs::read_dir(folder_of(&run_folder)).expect("it has checkpoints");
    let mut folders: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    folders.sort();
    joined(folders.last().expect("there is one"))
}

fn joined(folder: &Path) -> Vec<u8> {
    let names = ["manifest.json", "config.toml", "weights.safetensors", "optimizer.safetensors"];
    let file = |name: &str| {
        let content = fs::read(folder.join(name)).expect("the file is there");
        [format!("--- {name}\n").as_bytes(), &content].concat()
    };
    names.map(file).join(&b"\n"[..])
}
