//! Writing a checkpoint so that it is whole or not there.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use super::{CONFIG, Checkpoint, FILES, MANIFEST, Manifest, OPTIMIZER, WEIGHTS};
use crate::checksums;
use crate::output::{WRITING, create_folder, remove, sync_folder};
use crate::{Error, Result};

impl Checkpoint {
    /// Writes it below a folder of checkpoints, and returns where. One of the same place that is there and
    /// whole is of the same moment of the same run, and stays.
    ///
    /// # Errors
    /// [`Error::File`]; then what was written of it is removed again.
    pub fn write(&self, checkpoints: &Path) -> Result<PathBuf> {
        let name = self.manifest.progress.place().folder();
        let (writing, path) =
            (checkpoints.join(format!("{WRITING}{name}")), checkpoints.join(&name));
        if path.exists() && Checkpoint::read(&path).is_ok() {
            return Ok(path);
        }
        create_folder(checkpoints)?;
        let written = self.write_into(&writing).and_then(|()| replace(&writing, &path));
        if let Err(error) = written {
            // Should that fail too, the first reason counts; the next start removes what is left.
            let _ = fs::remove_dir_all(&writing);
            return Err(error);
        }
        sync_folder(checkpoints)?;
        Ok(path)
    }

    fn write_into(&self, folder: &Path) -> Result<()> {
        remove(folder)?;
        fs::create_dir(folder).map_err(Error::file("create the folder", folder))?;
        let bytes = |name| -> Result<Vec<u8>> {
            Ok(match name {
                MANIFEST => manifest_json(&self.manifest)?,
                CONFIG => self.config.clone().into_bytes(),
                WEIGHTS => self.weights.to_bytes()?,
                _ => {
                    debug_assert_eq!(name, OPTIMIZER);
                    self.optimizer.to_bytes()?
                }
            })
        };
        let mut sums = String::new();
        let mut files = Vec::new();
        for name in FILES {
            let bytes = bytes(name)?;
            files.push(write(folder.join(name), &bytes)?);
            sums.push_str(&checksums::line(&checksums::of(&bytes), name));
        }
        files.push(write(folder.join(checksums::FILE), sums.as_bytes())?);
        // All are written before the first is waited for, which takes most of them along.
        for (path, file) in &files {
            file.sync_all().map_err(Error::file("write", path))?;
        }
        sync_folder(folder)
    }
}

/// The manifest as JSON, which must read back as it is: JSON has no infinite numbers.
fn manifest_json(manifest: &Manifest) -> Result<Vec<u8>> {
    let failed = |reason: String| {
        Error::Usage(format!("the state of the run cannot be written as JSON: {reason}"))
    };
    let json = serde_json::to_string_pretty(manifest).map_err(|error| failed(error.to_string()))?;
    match serde_json::from_str::<Manifest>(&json) {
        Ok(back) if back == *manifest => Ok(json.into_bytes()),
        Ok(_) => Err(failed("it reads back as another".into())),
        Err(error) => Err(failed(error.to_string())),
    }
}

/// Removes a checkpoint. Killed in between, it leaves nothing that is taken for one.
pub(super) fn discard(folder: &Path) -> Result<()> {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let going = folder.with_file_name(format!("{WRITING}{name}"));
    remove(&going)?;
    fs::rename(folder, &going).map_err(Error::file("rename", folder))?;
    remove(&going)
}

/// Gives a folder its name, which one that is not whole may have.
fn replace(from: &Path, to: &Path) -> Result<()> {
    remove(to)?;
    fs::rename(from, to).map_err(Error::file("create", to))
}

fn write(path: PathBuf, bytes: &[u8]) -> Result<(PathBuf, File)> {
    let written = File::create(&path).and_then(|mut file| file.write_all(bytes).map(|()| file));
    written.map_err(Error::file("write", &path)).map(|file| (path, file))
}
