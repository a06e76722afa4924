//! Measurements as files of JSON.

use std::path::Path;

use super::{Flatness, Interpolation};
use crate::Result;
use crate::output::write_json;
use crate::past::read_json;

/// Writes `flatness.json` into a run directory, in place of one that is there.
///
/// # Errors
/// [`Error::File`](crate::Error::File).
pub fn write(folder: &Path, flatness: &Flatness) -> Result<()> {
    write_json(&folder.join("flatness.json"), flatness)
}

/// Reads the `flatness.json` of a run directory.
///
/// # Errors
/// [`Error::File`](crate::Error::File) where there is none, [`Error::Damaged`](crate::Error::Damaged)
/// where it is not what it should be.
pub fn read(folder: &Path) -> Result<Flatness> {
    read_json(&folder.join("flatness.json"))
}

/// Writes `interpolation.json` into a folder, in place of one that is there.
///
/// # Errors
/// [`Error::File`](crate::Error::File).
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
