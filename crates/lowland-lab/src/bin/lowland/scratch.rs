//! The folder that runs are disturbed in.

use std::path::{Path, PathBuf};

use lowland_lab::output::create_empty_folder;
use lowland_lab::{Error, Result};

/// A folder that is removed where all went well, and kept where something is to be looked at.
pub struct Scratch {
    folder: PathBuf,
}

impl Scratch {
    /// This folder, or a temporary one.
    pub fn new(folder: Option<&Path>, name: &str) -> Result<Scratch> {
        let temporary =
            || std::env::temp_dir().join(format!("lowland-{name}-{}", std::process::id()));
        let folder = folder.map_or_else(temporary, Path::to_path_buf);
        create_empty_folder(&folder)?;
        Ok(Scratch { folder })
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn remove(self) -> Result<()> {
        let failed =
            |error| Error::Usage(format!("cannot remove {}: {error}", self.folder.display()));
        std::fs::remove_dir_all(&self.folder).map_err(failed)
    }
}

/// This program.
pub fn program() -> Result<PathBuf> {
    std::env::current_exe()
        .map_err(|error| Error::Usage(format!("the program does not know its own path: {error}")))
}
