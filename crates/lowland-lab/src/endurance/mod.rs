//! Runs that are disturbed, held against one that was not: [`verify`] for the number of threads and for
//! going on, [`soak`] for whatever can happen to a process and its files.
//!
//! Each run is a process of its own, started by `train --resume`, so that it can be killed like any other.

mod child;
mod damage;
mod soak;
mod verify;

use std::path::{Path, PathBuf};

pub use damage::What;
pub use soak::{Soak, Tally, soak};
pub use verify::{Row, Verdict, verify};

use crate::checkpoint::Found;
use crate::output::write_whole;
use crate::past::PastRun;
use crate::{Error, Result};

/// A run with a part of everything that has a state.
const CONFIG: &str = include_str!("../../assets/endurance.toml");

/// Where runs are made, by which program, of what.
#[derive(Clone, Debug)]
pub struct Ground {
    /// The `lowland` program.
    pub program: PathBuf,
    /// The folder of all files.
    pub folder: PathBuf,
    /// The config of all runs.
    pub config: PathBuf,
    /// Where datasets are looked for by name.
    pub data_folder: PathBuf,
}

impl Ground {
    /// A folder with the built-in config, and its dataset as a packed file, which can be damaged.
    ///
    /// # Errors
    /// [`Error::File`] and [`Error::Data`] where they cannot be written.
    pub fn built_in(program: PathBuf, folder: &Path) -> Result<Ground> {
        std::fs::create_dir_all(folder).map_err(Error::file("create the folder", folder))?;
        let dataset = folder.join("digits.lldata");
        lowland_data::save(&lowland_data::load_builtin("digits")?, &dataset)?;
        let config = folder.join("endurance.toml");
        let path = toml::Value::from(dataset.to_string_lossy().into_owned()).to_string();
        write_whole(&config, CONFIG.replace("\"DATASET\"", &path).as_bytes())?;
        Ok(Ground { program, folder: folder.into(), config, data_folder: folder.into() })
    }

    /// The dataset of the built-in config.
    fn dataset(&self) -> PathBuf {
        self.folder.join("digits.lldata")
    }
}

/// What a finished run has come to, times apart.
#[derive(Clone, Debug, PartialEq)]
pub struct End {
    /// The fingerprint of its last checkpoint.
    pub fingerprint: String,
    /// The checksum of its weights.
    weights: String,
    /// What its record says of its results, as JSON.
    results: serde_json::Value,
}

impl End {
    /// That of a run directory.
    ///
    /// # Errors
    /// Whatever is wrong with the record; [`Error::Disturbed`] where the run is not finished.
    fn of(folder: &Path) -> Result<End> {
        let without = |what: &str| Error::Disturbed {
            folder: folder.to_path_buf(),
            problem: format!("the run has no {what}"),
        };
        let run = PastRun::read(folder)?;
        if !run.is_finished() {
            return Err(without("end"));
        }
        let (_, checkpoint) = Found::in_run(folder)?
            .checkpoint
            .ok_or_else(|| without("checkpoint to be compared by"))?;
        let weights = crate::checksums::of(&run.file("weights.safetensors".as_ref())?);
        let json = &run.json;
        let results = serde_json::json!([
            json.results,
            json.initial_loss,
            json.input_noise,
            json.calibration,
            json.schemes,
            json.epochs_done,
        ]);
        let fingerprint = checkpoint.fingerprint()?;
        Ok(End { fingerprint, weights, results })
    }
}
