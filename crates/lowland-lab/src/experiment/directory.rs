//! The directory of an experiment: one process at a time, and what earlier ones have done.

use std::fs::{self, File, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::planned::Planned;
use super::{ExperimentFile, ExperimentRecord, State};
use crate::config::{ConfigFile, Differing};
use crate::flatness::{self, Flatness, FlatnessConfig};
use crate::output::{write_json, write_whole};
use crate::past::{PastRun, read_json};
use crate::record::{Ended, RunJson};
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
    /// Nothing.
    Nothing,
    /// It was interrupted, and will be made anew. What it has recorded, if it came so far.
    Interrupted(Option<Box<RunJson>>),
    /// It was trained, but not measured.
    Trained(Box<PastRun>),
    /// Nothing is left to do.
    Finished(Box<PastRun>),
    /// Its loss was not finite, which it would be again.
    Failed,
}

impl Past {
    /// How far the run is.
    pub(super) fn state(&self) -> State {
        match self {
            Past::Nothing | Past::Interrupted(_) | Past::Trained(_) => State::Waiting,
            Past::Finished(_) => State::Finished,
            Past::Failed => State::Failed,
        }
    }
}

impl Directory {
    /// Takes a directory, which must not exist, be empty, or be of an experiment.
    ///
    /// # Errors
    /// [`Error::OutputExists`] where it holds something else, [`Error::Busy`] where another process
    /// has it, [`Error::File`] where it cannot be used.
    pub(super) fn open(path: &Path) -> Result<Directory> {
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
        Ok(Directory { path: path.to_path_buf(), _lock: lock })
    }

    /// The place of something in it.
    pub(super) fn join(&self, below: &Path) -> PathBuf {
        self.path.join(below)
    }

    /// Writes the experiment's file.
    pub(super) fn write_file(&self, file: &ExperimentFile) -> Result<()> {
        write_whole(&self.path.join("experiment.toml"), file.text().as_bytes())
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

    /// What there is of a run. Nothing is changed.
    ///
    /// # Errors
    /// [`Error::OtherConfig`] where there is a run of another config; what [`PastRun::read`] says of a
    /// finished one.
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
            return Ok(Past::Interrupted(None));
        }
        let json: RunJson = read_json(&folder.join("run.json"))?;
        let file = ConfigFile::read(&folder.join("config.toml"), &[])?;
        let differing = file.config().differing(planned.plan.config());
        if !differing.is_empty() {
            return Err(Error::OtherConfig { path: folder, differing: in_words(&differing) });
        }
        // The other files of a run that was killed may be torn, and are not needed.
        match &json.ended {
            Ended::Failed { diverged: true, .. } => return Ok(Past::Failed),
            Ended::Finished if json.calibration.is_some() => {}
            _ => return Ok(Past::Interrupted(Some(Box::new(json)))),
        }
        let run = Box::new(PastRun::read(&folder)?);
        let measured = match &planned.flatness {
            Some((wanted, with_landscape)) => is_measured(&folder, wanted, *with_landscape)?,
            None => true,
        };
        Ok(if measured { Past::Finished(run) } else { Past::Trained(run) })
    }

    /// Removes what an interrupted run has left.
    pub(super) fn clear(&self, planned: &Planned) -> Result<()> {
        let folder = self.join(&planned.folder);
        if !folder.exists() {
            return Ok(());
        }
        fs::remove_dir_all(&folder).map_err(Error::file("remove the unfinished run", &folder))
    }
}

/// Whether all was measured of a run's network that can be.
fn is_measured(folder: &Path, wanted: &FlatnessConfig, with_landscape: bool) -> Result<bool> {
    if let Some(found) = read_flatness(folder)?
        && found.config.is_same_for_a_run(wanted, with_landscape)
        && (found.plane.is_some() || !with_landscape)
    {
        return Ok(true);
    }
    let same = |found: flatness::Unmeasured| {
        found.with_landscape == with_landscape
            && found.config.is_same_for_a_run(wanted, with_landscape)
    };
    Ok(flatness::read_unmeasured(folder)?.is_some_and(same))
}

/// What was measured of a run's network, if it was.
pub(super) fn read_flatness(folder: &Path) -> Result<Option<Flatness>> {
    let path = folder.join("flatness.json");
    if path.exists() { read_json(&path).map(Some) } else { Ok(None) }
}

/// Whether a folder holds nothing but these, and what a file was being written to when its writer was killed.
fn holds_at_most(folder: &Path, names: &[&str]) -> Result<bool> {
    let entries = fs::read_dir(folder).map_err(Error::file("read the folder", folder))?;
    for entry in entries {
        let name = entry.map_err(Error::file("read the folder", folder))?.file_name();
        let half_written = name.to_string_lossy().starts_with(".writing-");
        if !half_written && !names.iter().any(|allowed| name == *allowed) {
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
