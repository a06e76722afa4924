//! Runs side by side: where their configs differ, and what came of them.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde::Serialize;
use serde_json::Value;

use super::{Found, Row, rows};

/// Runs side by side.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// Their directories.
    pub runs: Vec<PathBuf>,
    /// The fields of the config that are not the same in all of them, each with its values.
    pub config: Vec<Line>,
    /// How each ended, and its results.
    pub results: Vec<Line>,
}

/// A number or a setting of each run; none where a run has it not.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Line {
    /// Its name.
    pub key: String,
    /// Its value in each run.
    pub values: Vec<Option<Value>>,
}

/// Compares runs.
#[must_use]
pub fn compare(runs: &[Found]) -> Comparison {
    let rows = rows(runs);
    let keys: BTreeSet<&String> = rows.iter().flat_map(|row| row.keys()).collect();
    let line = |key: &String| Line {
        key: key.strip_prefix("config.").unwrap_or(key).to_string(),
        values: rows.iter().map(|row: &Row| row.get(key).cloned()).collect(),
    };
    let (config, others): (Vec<&String>, Vec<&String>) =
        keys.into_iter().partition(|key| key.starts_with("config."));
    let differs = |line: &Line| line.values.iter().any(|value| *value != line.values[0]);
    Comparison {
        runs: runs.iter().map(|run| run.folder().to_path_buf()).collect(),
        config: config.into_iter().map(line).filter(differs).collect(),
        results: others.into_iter().filter(|key| *key != "folder").map(line).collect(),
    }
}
