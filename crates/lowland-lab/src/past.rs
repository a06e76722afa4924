//! A run directory, read back.

use std::path::{Path, PathBuf};

use crate::config::{Config, ConfigFile};
use crate::metrics::EpochMetrics;
use crate::record::{Ended, RunJson};
use crate::{Error, Result};

/// A run that was recorded: finished or not.
#[derive(Clone, Debug)]
pub struct PastRun {
    /// Its directory.
    pub folder: PathBuf,
    /// Its config, defaults included.
    pub config: Config,
    /// Its `run.json`.
    pub json: RunJson,
    /// Its complete epochs.
    pub epochs: Vec<EpochMetrics>,
}

impl PastRun {
    /// Reads a run directory.
    ///
    /// # Errors
    /// [`Error::File`] where a file is missing or cannot be read; [`Error::Config`] and
    /// [`Error::Damaged`] where one does not hold what it should, with the line, or not all epochs of a
    /// finished run.
    pub fn read(folder: &Path) -> Result<PastRun> {
        let config = ConfigFile::read(&folder.join("config.toml"), &[])?.config().clone();
        let json: RunJson = read_json(&folder.join("run.json"))?;
        let path = folder.join("metrics.jsonl");
        let text = std::fs::read_to_string(&path).map_err(Error::file("read", &path))?;
        let line = |(i, line): (usize, &str)| {
            serde_json::from_str(line).map_err(|error| Error::Damaged {
                path: path.clone(),
                problem: format!("line {}: {error}", i + 1),
            })
        };
        let epochs: Vec<EpochMetrics> =
            text.lines().enumerate().map(line).collect::<Result<_>>()?;
        if json.ended == Ended::Finished && epochs.len() != json.epochs_done {
            let (there, done) = (epochs.len(), json.epochs_done);
            let problem = format!("it has {there} epochs, and the finished run {done}");
            return Err(Error::Damaged { path, problem });
        }
        Ok(PastRun { folder: folder.to_path_buf(), config, json, epochs })
    }

    /// Whether all its epochs are done.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.json.ended == Ended::Finished
    }
}

/// Reads a file of JSON.
///
/// # Errors
/// [`Error::File`] where it cannot be read, [`Error::Damaged`] where it is not what it should be.
pub(crate) fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T> {
    let text = std::fs::read_to_string(path).map_err(Error::file("read", path))?;
    serde_json::from_str(&text)
        .map_err(|error| Error::Damaged { path: path.to_path_buf(), problem: error.to_string() })
}
