//! Golden reference vectors: what every test against stored results shares.
//!
//! A folder holds `*.json` files, which say what was computed and to which tolerance, each with a
//! `.safetensors` file beside it that holds the numbers. Tests look files up by a key of the JSON
//! and cases by what they say of themselves, never by name, so that a file added to the folder is
//! checked without a change.
//!
//! A checker is a function from a [`Folder`] to a [`Report`], so that a test can run it on a
//! damaged copy as well (see [`damage`]) and see it fail.

mod file;
mod report;
mod tensors;

pub mod damage;

use std::path::{Path, PathBuf};

pub use file::File;
pub use report::Report;
pub use tensors::Tensors;

/// The environment variable that names another folder.
pub const FOLDER_VARIABLE: &str = "LOWLAND_GOLDEN";

/// The largest tolerance that a file may ask for. Above it a check would say nothing, so that a
/// larger one is taken as damage.
pub const MAX_TOLERANCE: f64 = 1e-2;

/// What is wrong with a golden folder, or with what was compared with it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder cannot be read, or a damaged copy cannot be written.
    #[error("{}: cannot be read or written: {source}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// The reason.
        source: std::io::Error,
    },

    /// A file is not what its name says.
    #[error("{}: {message}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and where.
        message: String,
    },

    /// A file lacks an entry, or the entry is of another kind.
    #[error("{}: `{entry}` {message}", path.display())]
    Entry {
        /// The file.
        path: PathBuf,
        /// The tensor or the JSON key.
        entry: String,
        /// What is wrong with it.
        message: String,
    },

    /// A result is not what was stored.
    #[error("{what}: {message}")]
    Mismatch {
        /// The case and the tensor.
        what: String,
        /// Where, by how much, and what was allowed.
        message: String,
    },
}

/// A result whose error is [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

/// A folder of golden files.
#[derive(Clone, Debug)]
pub struct Folder {
    path: PathBuf,
}

/// The root of the repository.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

impl Folder {
    /// The folder at a path.
    ///
    /// # Errors
    /// [`Error::Damaged`] where it is no folder.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self> {
        let path = path.into();
        if !path.is_dir() {
            let message = format!("is no folder; set {FOLDER_VARIABLE} to one with golden files");
            return Err(Error::Damaged { path, message });
        }
        Ok(Folder { path })
    }

    /// The folder that [`FOLDER_VARIABLE`] names, a relative one from the root of the repository, as
    /// every crate's tests run in a folder of their own; without the variable, [`Folder::own`].
    ///
    /// # Errors
    /// As [`Folder::open`].
    pub fn open_from_env() -> Result<Self> {
        match std::env::var_os(FOLDER_VARIABLE) {
            Some(path) => Self::open(root().join(path)),
            None => Self::own(),
        }
    }

    /// This repository's own folder.
    ///
    /// # Errors
    /// As [`Folder::open`].
    pub fn own() -> Result<Self> {
        Self::open(root().join("golden"))
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The JSON files that have this key at the top, sorted by name.
    ///
    /// # Errors
    /// [`Error::Read`], and [`Error::Damaged`] for any file of the folder that is no JSON.
    pub fn files_with(&self, key: &str) -> Result<Vec<File>> {
        let read = |source| Error::Read { path: self.path.clone(), source };
        let mut paths = Vec::new();
        for entry in std::fs::read_dir(&self.path).map_err(read)? {
            let path = entry.map_err(read)?.path();
            if path.extension().is_some_and(|extension| extension == "json") {
                paths.push(path);
            }
        }
        paths.sort();
        let files = paths.into_iter().map(File::open).collect::<Result<Vec<File>>>()?;
        Ok(files.into_iter().filter(|file| file.json().get(key).is_some()).collect())
    }
}

/// Checks values one by one against stored ones: `|got - want| <= tolerance`. A NaN agrees with
/// nothing.
///
/// # Errors
/// [`Error::Mismatch`] with the worst element, where one is off or lengths differ.
pub fn compare(what: &str, got: &[f64], want: &[f64], tolerance: f64) -> Result<()> {
    let mismatch = |message| Err(Error::Mismatch { what: what.to_owned(), message });
    if got.len() != want.len() {
        return mismatch(format!("{} values were computed, {} are stored", got.len(), want.len()));
    }
    let deviation = |i: usize| {
        let deviation = (got[i] - want[i]).abs();
        if deviation.is_nan() { f64::INFINITY } else { deviation }
    };
    let worst = (0..got.len()).max_by(|&a, &b| deviation(a).total_cmp(&deviation(b)));
    match worst {
        Some(i) if tolerance.is_nan() || deviation(i) > tolerance => mismatch(format!(
            "element {i} is {:e}, stored is {:e}: off by {:e}, allowed are {tolerance:e}",
            got[i],
            want[i],
            deviation(i)
        )),
        _ => Ok(()),
    }
}

/// [`compare`] with a tolerance given as a part of the largest stored magnitude.
///
/// # Errors
/// As [`compare`].
pub fn compare_relative(what: &str, got: &[f64], want: &[f64], tolerance: f64) -> Result<()> {
    let largest = want.iter().fold(0.0f64, |largest, value| largest.max(value.abs()));
    compare(what, got, want, tolerance * largest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comparing_names_the_worst_element_and_nan_agrees_with_nothing() {
        compare("x", &[1.0, 2.0], &[1.0, 2.5], 0.5).unwrap();
        let error = compare("case.x", &[1.25, 2.0], &[1.0, 2.5], 0.25).unwrap_err().to_string();
        assert_eq!(
            error,
            "case.x: element 1 is 2e0, stored is 2.5e0: off by 5e-1, allowed are 2.5e-1"
        );
        assert!(compare("x", &[f64::NAN], &[f64::NAN], 1.0).is_err());
        assert!(compare("x", &[1.0], &[1.0], f64::NAN).is_err());
        assert!(compare("x", &[1.0], &[1.0, 1.0], 1.0).is_err());
        compare_relative("x", &[101.0, 1.0], &[100.0, 0.0], 0.01).unwrap();
        assert!(compare_relative("x", &[101.0, 1.0], &[100.0, 0.0], 0.009).is_err());
    }

    #[test]
    fn a_folder_that_is_none_is_refused() {
        let error = Folder::open("/nowhere/at/all").unwrap_err().to_string();
        assert!(error.contains("/nowhere/at/all: is no folder"), "{error}");
    }
}
