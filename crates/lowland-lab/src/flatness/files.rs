//! Measurements as files of JSON.

use std::fs;
use std::path::Path;

use super::{Flatness, Interpolation, Unmeasured};
use crate::output::write_json;
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

/// Writes `unmeasured.json` into a run directory, in place of one that is there.
///
/// # Errors
/// [`Error::File`].
pub fn write_unmeasured(folder: &Path, unmeasured: &Unmeasured) -> Result<()> {
    write_json(&folder.join("unmeasured.json"), unmeasured)
}

/// Reads the `unmeasured.json` of a run directory; none where there is none.
///
/// # Errors
/// As [`read`].
pub fn read_unmeasured(folder: &Path) -> Result<Option<Unmeasured>> {
    let path = folder.join("unmeasured.json");
    if path.exists() { read_json(&path).map(Some) } else { Ok(None) }
}

/// Removes what was measured of a run, or why it was not.
///
/// # Errors
/// [`Error::File`].
pub(crate) fn forget(folder: &Path) -> Result<()> {
    for path in ["flatness.json", "unmeasured.json"].map(|name| folder.join(name)) {
        if path.exists() {
            fs::remove_file(&path).map_err(Error::file("remove", &path))?;
        }
    }
    Ok(())
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
