//! Datasets by name: built in, in the data folder, or known and still to be imported.

use std::path::{Path, PathBuf};

use lowland_data::Dataset;

use crate::config::nearest;
use crate::{Error, Result};

/// A dataset that experiments name but that has to be imported first.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// What experiments call it.
    pub name: &'static str,
    /// Its name for people.
    pub title: &'static str,
    /// What to import it from, and where that is found.
    pub source: &'static str,
}

/// The datasets that have a name before they are imported.
pub const KNOWN: &[Known] = &[
    Known {
        name: "cifar10",
        title: "CIFAR-10, 60,000 colour images of 32x32, 10 classes",
        source: "the binary version from https://www.cs.toronto.edu/~kriz/cifar.html \
                 (cifar-10-binary.tar.gz), or an archive of its images, one folder a class",
    },
    Known {
        name: "cifar100",
        title: "CIFAR-100, 60,000 colour images of 32x32, 100 classes",
        source: "the binary version from https://www.cs.toronto.edu/~kriz/cifar.html \
                 (cifar-100-binary.tar.gz)",
    },
];

/// Where a dataset comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// It is part of the program.
    BuiltIn(String),
    /// A packed file, or a folder that holds one.
    Path(PathBuf),
    /// It is known, but not in the data folder.
    NotImported {
        /// Its name.
        name: &'static str,
        /// The data folder.
        folder: PathBuf,
    },
}

impl Source {
    /// Finds a dataset by what an experiment calls it: a built-in one, one in the data folder, or a
    /// path.
    ///
    /// # Errors
    /// [`Error::Dataset`] with the names there are.
    pub fn find(name_or_path: &str, folder: &Path) -> Result<Source> {
        let name = name_or_path;
        if lowland_data::builtin().contains(&name) {
            return Ok(Source::BuiltIn(name.to_string()));
        }
        let packed = format!(".{}", lowland_data::packed::EXTENSION);
        let is_path =
            name.contains(['/', '\\']) || name.starts_with('.') || name.ends_with(&packed);
        if is_path {
            let path = PathBuf::from(name);
            if path.exists() {
                return Ok(Source::Path(path));
            }
            return Err(Error::Dataset(format!("there is no file or folder `{name}`")));
        }
        let candidates = [folder.join(name), folder.join(format!("{name}{packed}"))];
        if let Some(path) = candidates.into_iter().find(|path| !name.is_empty() && path.exists()) {
            return Ok(Source::Path(path));
        }
        if let Some(known) = KNOWN.iter().find(|known| known.name == name) {
            return Ok(Source::NotImported { name: known.name, folder: folder.to_path_buf() });
        }
        Err(unknown(name, folder))
    }

    /// Opens it.
    ///
    /// # Errors
    /// [`Error::Data`] where it is damaged; [`Error::Dataset`], with how to import it, where it is
    /// not there.
    pub fn open(&self) -> Result<Dataset> {
        match self {
            Source::BuiltIn(name) => Ok(lowland_data::load_builtin(name)?),
            Source::Path(path) => Ok(lowland_data::open(path)?),
            Source::NotImported { name, folder } => {
                let source = KNOWN.iter().find(|k| k.name == *name).map_or("", |k| k.source);
                Err(Error::Dataset(format!(
                    "the dataset `{name}` is not in the data folder `{}`; import it first: \
                     `data import {name} --from PATH --to {}`, where PATH is {source}",
                    folder.display(),
                    folder.join(name).display()
                )))
            }
        }
    }
}

/// The names that can be used: built-in, then those in the data folder, then those still to be
/// imported.
#[must_use]
pub fn names(folder: &Path) -> Vec<String> {
    let built_in = lowland_data::builtin().iter().map(ToString::to_string);
    let mut names: Vec<String> = built_in.chain(in_folder(folder)).collect();
    for known in KNOWN {
        if !names.iter().any(|name| name == known.name) {
            names.push(known.name.to_string());
        }
    }
    names
}

/// What the data folder calls its datasets: packed files, and folders that hold one.
#[must_use]
pub fn in_folder(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let is_packed =
        |path: &Path| path.extension().is_some_and(|e| e == lowland_data::packed::EXTENSION);
    let name = |entry: std::fs::DirEntry| {
        let path = entry.path();
        let holds_one = || {
            let inside = std::fs::read_dir(&path).ok()?;
            Some(inside.flatten().any(|e| is_packed(&e.path())))
        };
        let named = if is_packed(&path) {
            path.file_stem()
        } else if holds_one().unwrap_or(false) {
            path.file_name()
        } else {
            None
        };
        named.map(|name| name.to_string_lossy().into_owned())
    };
    let mut names: Vec<String> = entries.flatten().filter_map(name).collect();
    names.sort();
    names
}

fn unknown(name: &str, folder: &Path) -> Error {
    let names = names(folder);
    let near = nearest(name, names.iter().map(String::as_str));
    let near = near.map_or(String::new(), |near| format!("did you mean `{near}`? "));
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    Error::Dataset(format!(
        "there is no dataset `{name}`; {near}there are {}; another one can be imported into the data \
         folder `{}`, or be given as the path of its packed file",
        names.join(", "),
        folder.display()
    ))
}
