//! What was recorded of all finished runs, in one file.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::experiment::Cell;
use crate::flatness::{self, Flatness, Interpolation};
use crate::metrics::EpochMetrics;
use crate::past::read_json;
use crate::record::RunJson;
use crate::statistics::MeasuredRun;
use crate::{Error, PastRun, Result};

/// The content of `records.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Records {
    /// The finished runs, in the order of the experiment's cells.
    pub runs: Vec<RunRecord>,
    /// The losses between two solutions; none where they were not measured.
    pub interpolation: Option<Interpolation>,
}

/// One run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunRecord {
    /// Which run of the grid it is.
    pub cell: Cell,
    /// Its config, defaults included.
    pub config: Config,
    /// Its `run.json`.
    pub run: RunJson,
    /// Its epochs.
    pub epochs: Vec<EpochMetrics>,
    /// Its `flatness.json`; none where that was not measured.
    pub flatness: Option<Flatness>,
}

impl Records {
    /// The records of runs of an experiment in `folder`.
    ///
    /// # Errors
    /// As [`flatness::read_interpolation`], where there is such a file.
    pub fn of(folder: &Path, runs: &[MeasuredRun]) -> Result<Records> {
        let measured = folder.join("interpolation.json").exists();
        let interpolation =
            if measured { Some(flatness::read_interpolation(folder)?) } else { None };
        let run = |run: &MeasuredRun| RunRecord {
            cell: run.cell.clone(),
            config: run.run.config.clone(),
            run: run.run.json.clone(),
            epochs: run.run.epochs.clone(),
            flatness: run.flatness.clone(),
        };
        Ok(Records { runs: runs.iter().map(run).collect(), interpolation })
    }

    /// Reads the `records.json` of a folder of tables.
    ///
    /// # Errors
    /// [`Error::File`] where it cannot be read, [`Error::Damaged`] where it is not what it should be.
    pub fn read(tables: &Path) -> Result<Records> {
        read_json(&tables.join("records.json"))
    }

    /// The runs as if read from their directories, which need not be there.
    #[must_use]
    pub fn into_runs(self, folder: &Path) -> Vec<MeasuredRun> {
        let run = |record: RunRecord| MeasuredRun {
            run: PastRun {
                folder: folder.join(&record.cell.folder),
                config: record.config,
                json: record.run,
                epochs: record.epochs,
            },
            cell: record.cell,
            flatness: record.flatness,
        };
        self.runs.into_iter().map(run).collect()
    }

    /// As JSON, a run a line.
    ///
    /// # Errors
    /// [`Error::Usage`] where a number has no form in JSON.
    pub(super) fn json(&self) -> Result<String> {
        let failed =
            |error| Error::Usage(format!("the records cannot be written as JSON: {error}"));
        let runs: Vec<String> = self
            .runs
            .iter()
            .map(serde_json::to_string)
            .collect::<serde_json::Result<_>>()
            .map_err(failed)?;
        let interpolation = serde_json::to_string(&self.interpolation).map_err(failed)?;
        let runs = runs.join(",\n");
        Ok(format!("{{\"runs\":[\n{runs}\n],\n\"interpolation\":{interpolation}}}\n"))
    }
}
