//! A run directory, read back.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::checkpoint::places;
use crate::checksums::{self, Checksums};
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
    /// finished run, or is not as its checksum says.
    pub fn read(folder: &Path) -> Result<PastRun> {
        let sums = Checksums::read(folder)?;
        if let Some(sums) = &sums {
            for name in ["config.toml", "run.json", "metrics.jsonl"] {
                sums.file(folder, name)?;
            }
        }
        let config = ConfigFile::read(&folder.join("config.toml"), &[])?.config().clone();
        let json: RunJson = read_json(&folder.join("run.json"))?;
        if let Some(sums) = &sums
            && let Some(name) =
                json.weights.keys().find(|key| sums.names().all(|name| name != *key))
        {
            let path = folder.join(checksums::FILE);
            return Err(Error::Damaged {
                path,
                problem: format!("it has no checksum of `{name}`"),
            });
        }
        let path = folder.join("metrics.jsonl");
        let bytes = std::fs::read(&path).map_err(Error::file("read", &path))?;
        let text = String::from_utf8(bytes).map_err(|_| Error::Damaged {
            path: path.clone(),
            problem: "it is not a text".into(),
        })?;
        let line = |(i, line): (usize, &str)| {
            let damaged = |problem: String| Error::Damaged {
                path: path.clone(),
                problem: format!("line {}: {problem}", i + 1),
            };
            let epoch: EpochMetrics =
                serde_json::from_str(line).map_err(|error| damaged(error.to_string()))?;
            if epoch.epoch != i + 1 {
                return Err(damaged(format!("it is of epoch {}", epoch.epoch)));
            }
            Ok(epoch)
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

    /// The run of a directory, if it is finished and nothing is left to do in it. A record that is damaged
    /// is written again from the last checkpoint, where there is one: that is left to do.
    ///
    /// # Errors
    /// As [`PastRun::read`] where there is no checkpoint; [`Error::Damaged`] where weights of another epoch
    /// than the last are, which no checkpoint has.
    pub fn finished(folder: &Path) -> Result<Option<PastRun>> {
        let has_checkpoint = !places(folder)?.is_empty();
        if !folder.join("run.json").exists() && !has_checkpoint {
            return Ok(None);
        }
        let is_left = |error: &Error| match error {
            Error::Damaged { .. } => has_checkpoint,
            Error::File { source, .. } => has_checkpoint && source.kind() == ErrorKind::NotFound,
            _ => false,
        };
        let run = match PastRun::read(folder) {
            Err(error) if is_left(&error) => return Ok(None),
            run => run?,
        };
        // The checksums are a run's last file. One that was killed before it wrote them goes on from its
        // last checkpoint, if it has one.
        let whole = folder.join(checksums::FILE).exists() || !has_checkpoint;
        if !run.is_finished() || !whole {
            return Ok(None);
        }
        for name in run.json.weights.keys() {
            match run.file(name.as_ref()) {
                Err(error) if name == "weights.safetensors" && is_left(&error) => return Ok(None),
                bytes => drop(bytes?),
            }
        }
        Ok(Some(run))
    }

    /// The bytes of its weights, or of other files of it, each as its checksum says, if there is one.
    ///
    /// # Errors
    /// [`Error::File`] where it cannot be read; [`Error::Damaged`] where it is not as it was written.
    pub fn file(&self, name: &Path) -> Result<Vec<u8>> {
        let path = self.folder.join(name);
        let key = name.to_string_lossy();
        match Checksums::read(&self.folder)?.filter(|sums| sums.names().any(|n| n == key)) {
            Some(sums) => sums.file(&self.folder, &key),
            None => std::fs::read(&path).map_err(Error::file("read", &path)),
        }
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
    let bytes = std::fs::read(path).map_err(Error::file("read", path))?;
    serde_json::from_slice(&bytes)
        .map_err(|error| Error::Damaged { path: path.to_path_buf(), problem: error.to_string() })
}
