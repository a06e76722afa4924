//! The directory of an experiment: one process at a time, and what earlier ones have done.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::planned::Planned;
use super::{ExperimentFile, ExperimentRecord, State};
use crate::checkpoint::places;
use crate::config::ConfigFile;
use crate::flatness::{self, Flatness, FlatnessConfig};
use crate::lock::Lock;
use crate::output::{holds_at_most, write_json, write_whole};
use crate::past::{PastRun, read_json};
use crate::record::{Ended, LOCK as RUN_LOCK, RunJson, refuse_differing};
use crate::{Error, Result};

/// What the process that works in the directory of an experiment holds.
const LOCK: &str = "experiment.lock";

/// The directory of an experiment, locked for this process.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    _lock: Lock,
}

/// What there is of a run.
#[derive(Debug)]
pub(super) enum Past {
    /// Nothing.
    Nothing,
    /// It was interrupted, and goes on from its newest checkpoint, or begins anew.
    Interrupted,
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
            Past::Nothing | Past::Interrupted | Past::Trained(_) => State::Waiting,
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
        if !text.exists() && !holds_at_most(path, &[LOCK])? {
            return Err(Error::OutputExists { path: path.to_path_buf() });
        }
        let lock = Lock::take(path, LOCK)?;
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
        let has_checkpoint = !places(&folder)?.is_empty();
        let config = folder.join("config.toml");
        if config.exists() {
            let there = ConfigFile::read(&config, &[])?;
            refuse_differing(&folder, there.config(), planned.plan.config())?;
        } else if !has_checkpoint && !holds_at_most(&folder, &[RUN_LOCK])? {
            return Err(Error::OutputExists { path: folder });
        }
        if let Ok(RunJson { ended: Ended::Failed { diverged: true, .. }, .. }) =
            read_json(&folder.join("run.json"))
        {
            return Ok(Past::Failed);
        }
        // The files of a run that was killed may be torn, and are not needed.
        let Some(run) = PastRun::finished(&folder)?.filter(|run| run.json.calibration.is_some())
        else {
            return Ok(Past::Interrupted);
        };
        let run = Box::new(run);
        let measured = match &planned.flatness {
            Some((wanted, with_landscape)) => is_measured(&folder, wanted, *with_landscape)?,
            None => true,
        };
        Ok(if measured { Past::Finished(run) } else { Past::Trained(run) })
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
