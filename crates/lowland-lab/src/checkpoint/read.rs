//! Finding the newest checkpoint that is whole.

use std::fs;
use std::path::{Path, PathBuf};

use lowland_models::StateDict;

use super::{
    CONFIG, Checkpoint, FILES, FORMAT, MANIFEST, Manifest, OPTIMIZER, Place, Progress, WEIGHTS,
    folder_of,
};
use crate::checksums::Checksums;
use crate::output::{names_in, remove};
use crate::run::RunInfo;
use crate::{Error, Result};

/// A checkpoint that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Its folder.
    pub folder: PathBuf,
    /// What is wrong with it.
    pub problem: String,
}

/// What the names of damaged checkpoints begin with once they are put aside.
pub const ASIDE: &str = "damaged-";

/// What there is to go on from.
#[derive(Clone, Debug)]
pub struct Found {
    /// The newest checkpoint that is whole, with its folder; none where there is none.
    pub checkpoint: Option<(PathBuf, Checkpoint)>,
    /// The newer ones that are not.
    pub damaged: Vec<Damage>,
}

impl Checkpoint {
    /// Reads the checkpoint of a folder, and compares every file with its checksum.
    ///
    /// # Errors
    /// [`Error::Damaged`] where anything is not as it was written; [`Error::OtherFormat`] of a manifest that
    /// another version wrote; [`Error::File`] where a file cannot be read.
    pub fn read(folder: &Path) -> Result<Checkpoint> {
        let damaged = |name: &str, problem: String| Error::Damaged {
            path: if name.is_empty() { folder.to_path_buf() } else { folder.join(name) },
            problem,
        };
        let Some(sums) = Checksums::read(folder)? else {
            return Err(damaged("", "its checksums are missing".into()));
        };
        if !sums.names().eq(FILES) {
            return Err(damaged("", "its checksums are not those of a checkpoint's files".into()));
        }
        let text = |name| {
            let bytes = sums.file(folder, name)?;
            String::from_utf8(bytes).map_err(|_| damaged(name, "it is not a text".into()))
        };
        let tensors = |name| {
            let state = StateDict::from_bytes(&sums.file(folder, name)?, folder.join(name));
            state.map_err(|error| damaged(name, error.to_string()))
        };
        Ok(Checkpoint {
            manifest: manifest(&text(MANIFEST)?, &folder.join(MANIFEST))?,
            config: text(CONFIG)?,
            weights: tensors(WEIGHTS)?,
            optimizer: tensors(OPTIMIZER)?,
        })
    }
}

/// Reads a manifest of this format.
fn manifest(text: &str, path: &Path) -> Result<Manifest> {
    #[derive(serde::Deserialize)]
    struct Head {
        format: u32,
    }
    let damaged = |error: serde_json::Error| Error::Damaged {
        path: path.to_path_buf(),
        problem: error.to_string(),
    };
    let Head { format } = serde_json::from_str(text).map_err(damaged)?;
    if format != FORMAT {
        return Err(Error::OtherFormat { path: path.to_path_buf(), format, reads: FORMAT });
    }
    let manifest: Manifest = serde_json::from_str(text).map_err(damaged)?;
    match manifest.contradiction() {
        None => Ok(manifest),
        Some(problem) => Err(Error::Damaged { path: path.to_path_buf(), problem }),
    }
}

impl Manifest {
    /// Where what it says of the run cannot be, whoever wrote it.
    fn contradiction(&self) -> Option<String> {
        let RunInfo { epochs: planned, steps_per_epoch, .. } = self.run.run;
        let Progress { epoch, batches, ref epochs, ref recorded_at, .. } = self.progress;
        let is_over = planned.checked_add(1) == Some(epoch) && batches == 0;
        let is_under_way = (1..=planned).contains(&epoch) && batches <= steps_per_epoch;
        if !is_over && !is_under_way {
            return Some(format!(
                "it says that {batches} batches of epoch {epoch} are done, of {planned} epochs of \
                 {steps_per_epoch} batches"
            ));
        }
        let done = epochs.iter().map(|done| done.epoch);
        if !done.eq(1..epoch) || recorded_at.len() != epochs.len() {
            return Some(format!(
                "it is of epoch {epoch} and does not hold the metrics up to there"
            ));
        }
        None
    }
}

impl Found {
    /// Looks at the checkpoints of a run directory, the newest first, until one is whole.
    ///
    /// # Errors
    /// [`Error::NoCheckpoint`] where there are some, but none that is whole; [`Error::OtherFormat`];
    /// [`Error::File`] where they cannot be read.
    pub fn in_run(run: &Path) -> Result<Found> {
        let mut damaged = Vec::new();
        for place in places(run)?.into_iter().rev() {
            let folder = folder_of(run).join(place.folder());
            match Checkpoint::read(&folder) {
                Ok(checkpoint) if checkpoint.manifest.progress.place() == place => {
                    return Ok(Found { checkpoint: Some((folder, checkpoint)), damaged });
                }
                Ok(_) => {
                    let problem = "it is of another moment than its name says".to_string();
                    damaged.push(Damage { folder, problem });
                }
                Err(Error::Damaged { path, problem }) => {
                    let name = path.file_name().unwrap_or_default().to_string_lossy();
                    damaged.push(Damage { folder, problem: format!("{name}: {problem}") });
                }
                Err(error) => return Err(error),
            }
        }
        match damaged.first() {
            None => Ok(Found { checkpoint: None, damaged }),
            Some(first) => Err(Error::NoCheckpoint {
                path: folder_of(run),
                damaged: damaged.len(),
                newest: first.problem.clone(),
            }),
        }
    }

    /// Gives the damaged ones names of their own, so that none is taken for one to go on from.
    ///
    /// # Errors
    /// [`Error::File`].
    pub(crate) fn set_aside(&mut self) -> Result<()> {
        for damage in &mut self.damaged {
            let name = damage.folder.file_name().unwrap_or_default().to_string_lossy();
            let aside = damage.folder.with_file_name(format!("{ASIDE}{name}"));
            remove(&aside)?;
            fs::rename(&damage.folder, &aside).map_err(Error::file("rename", &damage.folder))?;
            damage.folder = aside;
        }
        Ok(())
    }
}

/// The places of all checkpoints of a run directory, the earliest first, whole or not.
///
/// # Errors
/// [`Error::File`] where the folder cannot be read.
pub(crate) fn places(run: &Path) -> Result<Vec<Place>> {
    let mut places: Vec<Place> =
        names_in(&folder_of(run))?.iter().filter_map(|n| Place::of(n)).collect();
    places.sort_unstable();
    Ok(places)
}
