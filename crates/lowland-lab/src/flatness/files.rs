//! Measurements as files of JSON.

use std::path::Path;

use serde::Serialize;

use super::{Flatness, Interpolation};
use crate::output::write_whole;
use crate::past::read_json;
use crate::{Error, Result};

/// Writes `flatness.json` into a run directory, in place of one that is there.
///
/// # Errors
/// [`Error::File`].
pub fn write(folder: &Path, flatness: &Flatness) -> Result<()> {
    write_json(&folder.join("flatness.json"), flatness)
}

/// Reads the `flatness.json` of a run directory.
///
/// # Errors
/// [`Error::File`] where there is none, [`Error::Damaged`] where it is not what it should be.
pub fn read(folder: &Path) -> Result<Flatness> {
    read_json(&folder.join("flatness.json"))
}

/// Writes `interpolation.json` into a folder, in place of one that is there.
///
/// # Errors
/// [`Error::File`].
pub fn write_interpolation(folder: &Path, interpolation: &Interpolation) -> Result<()> {
    write_json(&folder.join("interpolation.json"), interpolation)
}

/// Reads the `interpolation.json` of a folder.
///
/// # Errors
/// As [`read`].
pub fn read_interpolation(folder: &Path) -> Result<Interpolation> {
    read_json(&folder.join("interpolation.json"))
}

fn write_json(path: &Path, content: &impl Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(content).map_err(|error| {
        Error::Usage(format!("`{}` cannot be written as JSON: {error}", path.display()))
    })?;
    write_whole(path, format!("{text}\n").as_bytes())
}
