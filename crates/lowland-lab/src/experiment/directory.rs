//! The directory of an experiment: one process at a time, and what earlier ones have done.

use std::fs::{self, File, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::planned::Planned;
use super::{ExperimentFile, ExperimentRecord};
use crate::config::Differing;
use crate::flatness::Flatness;
use crate::output::{write_json, write_whole};
use crate::past::{PastRun, read_json};
use crate::record::Ended;
use crate::{Error, Result};

/// The directory of an experiment, locked for this process.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    _lock: File,
}

/// What there is of a run.
#[derive(Debug)]
pub(super) enum Past {
    /// Nothing, or nothing any more: what was interrupted has been removed.
    Nothing,
    /// It was trained, but not measured.
    Trained(Box<PastRun>),
    /// Nothing is left to do.
    Finished(Box<PastRun>),
    /// Its loss was not finite, which it would be again.
    Failed,
}

impl Directory {
    /// Takes a directory, which must not exist, be empty, or be of an experiment.
    ///
    /// # Errors
    /// [`Error::OutputExists`] where it holds something else, [`Error::Busy`] where another process
    /// has it, [`Error::File`] where it cannot be used.
    pub(super) fn open(path: &Path, file: &ExperimentFile) -> Result<Directory> {
        fs::create_dir_all(path).map_err(Error::file("create the folder", path))?;
        let text = path.join("experiment.toml");
        if !text.exists() && !holds_at_most(path, &["experiment.lock"])? {
            return Err(Error::OutputExists { path: path.to_path_buf() });
        }
        let lock_path = path.join("experiment.lock");
        let lock = File::create(&lock_path).map_err(Error::file("create", &lock_path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(Error::Busy { path: path.to_path_buf() }),
            Err(TryLockError::Error(error)) => return Err(Error::file("lock", &lock_path)(error)),
        }
        write_whole(&text, file.text().as_bytes())?;
        Ok(Directory { path: path.to_path_buf(), _lock: lock })
    }

    /// The place of something in it.
    pub(super) fn join(&self, below: &Path) -> PathBuf {
        self.path.join(below)
    }

    /// The record of an earlier process; none where there is none.
    pub(super) fn record(&self) -> Result<Option<ExperimentRecord>> {
        let path = self.path.join("experiment.json");
        if path.exists() { read_json(&path).map(Some) } else { Ok(None) }
    }

    /// Writes the record.
    pub(super) fn write(&self, record: &ExperimentRecord) -> Result<()> {
        write_json(&self.path.join("experiment.json"), record)
    }

    /// Removes what was measured between two solutions, one of which is about to be made anew.
    pub(super) fn forget_interpolation(&self) -> Result<()> {
        let path = self.path.join("interpolation.json");
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(Error::file("remove", &path)(error))
            }
            _ => Ok(()),
        }
    }

    /// What there is of a run. What was interrupted is removed, so that it can be run again.
    ///
    /// # Errors
    /// [`Error::OtherConfig`] where there is a run of another config; what [`PastRun::read`] says.
    pub(super) fn past(&self, planned: &Planned) -> Result<Past> {
        let folder = self.join(&planned.folder);
        if !folder.exists() {
            return Ok(Past::Nothing);
        }
        if !folder.join("run.json").exists() {
            // A run that was killed before its record began.
            if !folder.join("config.toml").exists() && !holds_at_most(&folder, &[])? {
                return Err(Error::OutputExists { path: folder });
            }
            return remove(&folder);
        }
        let run = PastRun::read(&folder)?;
        let differing = run.config.differing(planned.plan.config());
        let failed = matches!(run.json.ended, Ended::Failed { diverged: true, .. });
        // A wish to stop after the last epoch leaves out what is measured then.
        let whole = run.is_finished() && run.json.calibration.is_some();
        if !failed && !whole {
            return remove(&folder);
        }
        if !differing.is_empty() {
            return Err(Error::OtherConfig { path: folder, differing: in_words(&differing) });
        }
        let run = Box::new(run);
        Ok(match &planned.flatness {
            _ if failed => Past::Failed,
            Some((wanted, with_landscape)) => {
                let measured = read_flatness(&folder)?;
                let same = |flatness: &Flatness| {
                    flatness.config == *wanted && (flatness.plane.is_some() || !with_landscape)
                };
                if measured.as_ref().is_some_and(same) {
                    Past::Finished(run)
                } else {
                    Past::Trained(run)
                }
            }
            None => Past::Finished(run),
        })
    }
}

/// What was measured of a run's network, if it was.
pub(super) fn read_flatness(folder: &Path) -> Result<Option<Flatness>> {
    let path = folder.join("flatness.json");
    if path.exists() { read_json(&path).map(Some) } else { Ok(None) }
}

fn remove(folder: &Path) -> Result<Past> {
    fs::remove_dir_all(folder).map_err(Error::file("remove the unfinished run", folder))?;
    Ok(Past::Nothing)
}

fn holds_at_most(folder: &Path, names: &[&str]) -> Result<bool> {
    let entries = fs::read_dir(folder).map_err(Error::file("read the folder", folder))?;
    for entry in entries {
        let name = entry.map_err(Error::file("read the folder", folder))?.file_name();
        if !names.iter().any(|allowed| name == *allowed) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn in_words(differing: &[Differing]) -> String {
    let value = |value: &Option<serde_json::Value>| {
        value.as_ref().map_or("not set".to_string(), ToString::to_string)
    };
    let field = |d: &Differing| {
        format!("`{}` is {} there and {} now", d.key, value(&d.first), value(&d.second))
    };
    differing.iter().map(field).collect::<Vec<_>>().join(", ")
}
