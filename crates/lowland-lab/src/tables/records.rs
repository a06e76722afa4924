//! What was recorded of all finished runs: as JSON, and what is long as arrays beside it.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::arrays::StoredArrays;
use super::compact;
use crate::config::Config;
use crate::experiment::Cell;
use crate::flatness::{self, Flatness, Interpolation, Line, Plane, Spectrum};
use crate::metrics::EpochMetrics;
use crate::past::read_json;
use crate::record::RunJson;
use crate::statistics::MeasuredRun;
use crate::{Error, PastRun, Result};

/// The content of `records.json`, with the spectra, lines and planes that are in
/// `measurements.safetensors`.
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

    /// Reads the records of a folder of tables.
    ///
    /// # Errors
    /// [`Error::File`] where a file cannot be read, [`Error::Damaged`] where one is not what it should
    /// be.
    pub fn read(tables: &Path) -> Result<Records> {
        let mut records: Records = read_json(&tables.join("records.json"))?;
        let path = tables.join("measurements.safetensors");
        let bytes = fs::read(&path).map_err(Error::file("read", &path))?;
        let damaged = |problem| Error::Damaged { path: path.clone(), problem };
        let arrays = StoredArrays::new(&bytes).map_err(damaged)?;
        for RunRecord { cell, flatness, .. } in &mut records.runs {
            if let Some(flatness) = flatness {
                fill(flatness, |name| arrays.numbers(cell, name)).map_err(damaged)?;
            }
        }
        Ok(records)
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

    /// As JSON, a run a line, without what is stored as arrays.
    ///
    /// # Errors
    /// [`Error::Usage`] where a number has no form in JSON.
    pub(super) fn json(&self) -> Result<String> {
        let run = |run: &RunRecord| {
            let flatness = run.flatness.clone().map(emptied);
            compact(&RunRecord { flatness, ..run.clone() })
        };
        let runs: Vec<String> = self.runs.iter().map(run).collect::<Result<_>>()?;
        let interpolation = compact(&self.interpolation)?;
        let runs = runs.join(",\n");
        Ok(format!("{{\"runs\":[\n{runs}\n],\n\"interpolation\":{interpolation}}}\n"))
    }
}

/// A record without the numbers that arrays hold.
fn emptied(mut flatness: Flatness) -> Flatness {
    if let Some(Spectrum { eigenvalues, density, .. }) = &mut flatness.spectrum {
        (*eigenvalues, *density) = (Vec::new(), Vec::new());
    }
    if let Some(Line { at, losses }) = &mut flatness.line {
        (*at, *losses) = (Vec::new(), Vec::new());
    }
    if let Some(Plane { a, b, losses }) = &mut flatness.plane {
        (*a, *b, *losses) = (Vec::new(), Vec::new(), Vec::new());
    }
    flatness
}

/// The opposite of [`emptied`].
fn fill(
    flatness: &mut Flatness,
    numbers: impl Fn(&str) -> Result<Vec<f64>, String>,
) -> Result<(), String> {
    let losses = |name: &str| -> Result<Vec<Option<f64>>, String> {
        Ok(numbers(name)?.into_iter().map(|loss| loss.is_finite().then_some(loss)).collect())
    };
    if let Some(Spectrum { eigenvalues, density, .. }) = &mut flatness.spectrum {
        (*eigenvalues, *density) = (numbers("spectrum_at")?, numbers("spectrum_density")?);
    }
    if let Some(line) = &mut flatness.line {
        *line = Line { at: numbers("line_at")?, losses: losses("line_loss")? };
    }
    if let Some(plane) = &mut flatness.plane {
        let (a, b) = (numbers("plane_a")?, numbers("plane_b")?);
        let rows = losses("plane_loss")?.chunks(b.len().max(1)).map(<[_]>::to_vec).collect();
        *plane = Plane { a, b, losses: rows };
    }
    Ok(())
}
