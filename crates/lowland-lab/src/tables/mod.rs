//! An experiment in files that other programs read, small enough to be kept with its results.
//!
//! | file in `tables/` | content |
//! |---|---|
//! | `runs.csv`, `runs.json` | a row a run: its arm, levels and seed, and its number of every measure |
//! | `epochs.csv` | a row an epoch of each finished run |
//! | `results.md` | tables for people: mean and spread, difference to the baseline, p |
//! | `measurements.safetensors` | arrays: curves, spectra, loss surfaces |
//! | `records.json` | [`Records`]: all that was recorded of the finished runs, but for weights and arrays |
//! | `experiment.toml`, `experiment.json`, `statistics.json` | as in the directory of the experiment |
//!
//! The statistics, and whatever else is said of the experiment, follow from these files: [`Records::read`]
//! gives the runs as they were.

mod arrays;
mod markdown;
mod records;
mod rows;

use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::experiment::ExperimentRecord;
use crate::output::write_whole;
use crate::past::read_json;
use crate::statistics::{self, MeasuredRun};
use crate::{Error, Result};
pub use records::{Records, RunRecord};

/// Writes the tables of the experiment in `folder` into its folder `tables`, and returns that.
///
/// # Errors
/// As [`MeasuredRun::all`]; [`Error::File`] where a file cannot be read or written.
pub fn write(folder: &Path) -> Result<PathBuf> {
    let record: ExperimentRecord = read_json(&folder.join("experiment.json"))?;
    let runs = MeasuredRun::all(&record, folder)?;
    let statistics = statistics::of_runs(&record, &runs);
    let tables = folder.join("tables");
    fs::create_dir_all(&tables).map_err(Error::file("create the folder", &tables))?;
    let write = |name: &str, contents: &[u8]| write_whole(&tables.join(name), contents);
    let of_runs = rows::of_runs(&record, &runs);
    write("runs.csv", &of_runs.csv()?)?;
    write("runs.json", of_runs.json()?.as_bytes())?;
    write("epochs.csv", &rows::of_epochs(&record, &runs)?.csv()?)?;
    write("results.md", markdown::of(&record, &statistics).as_bytes())?;
    write("measurements.safetensors", &arrays::of(&record, &runs)?)?;
    write("records.json", Records::of(folder, &runs)?.json()?.as_bytes())?;
    write("statistics.json", format!("{}\n", compact(&statistics)?).as_bytes())?;
    for name in ["experiment.toml", "experiment.json"] {
        let path = folder.join(name);
        write(name, &fs::read(&path).map_err(Error::file("read", &path))?)?;
    }
    Ok(tables)
}

/// An object as JSON on one line.
fn compact(object: &impl Serialize) -> Result<String> {
    serde_json::to_string(object)
        .map_err(|error| Error::Usage(format!("a table cannot be written as JSON: {error}")))
}
