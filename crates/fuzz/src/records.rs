//! What runs leave behind.

use lowland_lab::{PastRun, Results};

use crate::Verdict;
use crate::dataset::{scratch, write};
use crate::parts::parts;

/// The files of a run directory that are read back.
const FILES: [&str; 3] = ["config.toml", "run.json", "metrics.jsonl"];

/// Reads a run directory. Its files follow each other, each behind a line `--- NAME`.
pub fn records(data: &[u8]) -> Verdict {
    let folder = scratch();
    for (name, content) in parts(data, &FILES) {
        write(folder.path(), name, &content);
    }
    let run = match PastRun::read(folder.path()) {
        Ok(run) => run,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return Verdict::Refused;
        }
    };
    let epochs: Vec<String> =
        run.epochs.iter().map(|e| serde_json::to_string(e).expect("an epoch is JSON")).collect();
    let lines = epochs.iter().map(|line| format!("{line}\n")).collect::<String>();
    let json = serde_json::to_string(&run.json).expect("a record is JSON");
    write(folder.path(), "config.toml", run.config.to_toml().expect("TOML").as_bytes());
    write(folder.path(), "run.json", json.as_bytes());
    write(folder.path(), "metrics.jsonl", lines.as_bytes());
    let again = PastRun::read(folder.path()).expect("what was written can be read");
    assert_eq!(again.json, run.json, "the record is the same");
    assert_eq!(again.epochs, run.epochs, "the epochs are the same");
    let results = Results::of(&run.epochs);
    assert_eq!(results.is_some(), !run.epochs.is_empty(), "epochs have results");
    Verdict::Accepted
}
