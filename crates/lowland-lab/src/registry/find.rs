//! Run directories below a folder.

use std::fs;
use std::path::{Path, PathBuf};

use crate::past::PastRun;
use crate::{Error, Result};

/// A run directory.
#[derive(Clone, Debug)]
pub enum Found {
    /// One that can be read.
    Run(Box<PastRun>),
    /// One that cannot.
    Damaged {
        /// The directory.
        folder: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
}

impl Found {
    /// The directory.
    #[must_use]
    pub fn folder(&self) -> &Path {
        match self {
            Found::Run(run) => &run.folder,
            Found::Damaged { folder, .. } => folder,
        }
    }
}

/// All run directories below a folder, in the order of their paths: those of `train`, and those inside
/// experiments. A folder is one where it holds a `run.json`, or a `config.toml` with a `metrics.jsonl`.
/// Links are not followed.
///
/// # Errors
/// [`Error::File`] where the folder itself cannot be read; of those below, what cannot be read is left
/// out.
pub fn find(folder: &Path) -> Result<Vec<Found>> {
    let entries = fs::read_dir(folder).map_err(Error::file("read the folder", folder))?;
    let mut found = Vec::new();
    if is_run(folder) {
        found.push(read(folder));
    } else {
        for folder in folders(entries) {
            collect(&folder, &mut found);
        }
    }
    Ok(found)
}

fn collect(folder: &Path, into: &mut Vec<Found>) {
    if is_run(folder) {
        into.push(read(folder));
    } else if let Ok(entries) = fs::read_dir(folder) {
        for folder in folders(entries) {
            collect(&folder, into);
        }
    }
}

fn folders(entries: fs::ReadDir) -> Vec<PathBuf> {
    let folders = entries.flatten().filter(|entry| entry.file_type().is_ok_and(|t| t.is_dir()));
    let mut folders: Vec<PathBuf> = folders.map(|entry| entry.path()).collect();
    folders.sort();
    folders
}

fn is_run(folder: &Path) -> bool {
    let holds = |file| folder.join(file).exists();
    holds("run.json") || (holds("config.toml") && holds("metrics.jsonl"))
}

fn read(folder: &Path) -> Found {
    match PastRun::read(folder) {
        Ok(run) => Found::Run(Box::new(run)),
        Err(error) => Found::Damaged { folder: folder.to_path_buf(), problem: error.to_string() },
    }
}
