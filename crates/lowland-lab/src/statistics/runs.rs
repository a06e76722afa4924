//! The finished runs of an experiment, read back with what was measured of their networks.

use std::path::Path;

use crate::experiment::{Cell, ExperimentRecord, State};
use crate::flatness::{self, Flatness};
use crate::{Error, PastRun, Result};

/// A finished run.
#[derive(Clone, Debug)]
pub struct MeasuredRun {
    /// Which run of the grid it is.
    pub cell: Cell,
    /// What it recorded.
    pub run: PastRun,
    /// How flat its minimum is; none where that was not measured.
    pub flatness: Option<Flatness>,
}

impl MeasuredRun {
    /// All finished runs of an experiment in `folder`, in the order of its cells.
    ///
    /// # Errors
    /// As [`PastRun::read`]; [`Error::Damaged`] where a run is not as far as the experiment says.
    pub fn all(record: &ExperimentRecord, folder: &Path) -> Result<Vec<MeasuredRun>> {
        let finished = record.cells.iter().filter(|cell| cell.state == State::Finished);
        finished.map(|cell| MeasuredRun::read(cell, folder)).collect()
    }

    fn read(cell: &Cell, folder: &Path) -> Result<MeasuredRun> {
        let run = PastRun::read(&folder.join(&cell.folder))?;
        if !run.is_finished() {
            return Err(Error::Damaged {
                path: run.folder.join("run.json"),
                problem: "the experiment has this run as finished, and it is not".into(),
            });
        }
        let measured = run.folder.join("flatness.json").exists();
        let flatness = if measured { Some(flatness::read(&run.folder)?) } else { None };
        Ok(MeasuredRun { cell: cell.clone(), run, flatness })
    }
}
