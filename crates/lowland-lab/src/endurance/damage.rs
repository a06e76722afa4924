//! Damage to files: bits flipped, ends cut off, files lost.

use std::fs;
use std::path::{Path, PathBuf};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;
use serde::Serialize;

use super::Ground;
use crate::checkpoint::Found;
use crate::checksums;
use crate::output::names_in;
use crate::{Error, Result};

/// What is damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// A file of the newest checkpoint.
    Checkpoint,
    /// A file of the record of a run that goes on: `run.json`, `metrics.jsonl`, events or weights.
    Record,
    /// The config of a run that goes on.
    Config,
    /// The dataset.
    Dataset,
    /// A file of the record of a finished run.
    FinishedRecord,
}

/// A file that was damaged.
#[derive(Clone, Debug)]
pub(super) struct Damage {
    pub(super) what: What,
    path: PathBuf,
    before: Vec<u8>,
    /// None where the file is gone.
    after: Option<Vec<u8>>,
}

/// What has become of damage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is there.
    There,
    /// The file was written again.
    MadeAgain,
    /// Its checkpoint has been put aside, or is no longer kept.
    PutAside,
}

/// A number below another, drawn at random.
pub(super) fn below(rng: &mut ChaCha8Rng, end: usize) -> usize {
    (rng.next_u64() % end.max(1) as u64) as usize
}

impl Damage {
    /// Damages a file of a run that goes on; none where the one that was drawn is not there yet.
    pub(super) fn make(
        ground: &Ground,
        run: &Path,
        rng: &mut ChaCha8Rng,
    ) -> Result<Option<Damage>> {
        let (what, path) = match below(rng, 10) {
            0..5 => {
                let Ok(Found { checkpoint: Some((folder, _)), .. }) = Found::in_run(run) else {
                    return Ok(None);
                };
                let names = names_in(&folder)?;
                (What::Checkpoint, folder.join(&names[below(rng, names.len())]))
            }
            5..8 => {
                let names =
                    ["run.json", "metrics.jsonl", crate::tensorboard::FILE, "weights.safetensors"];
                (What::Record, run.join(names[below(rng, names.len())]))
            }
            8 => (What::Config, run.join("config.toml")),
            _ => (What::Dataset, ground.dataset()),
        };
        Damage::to(what, path, rng)
    }

    /// Damages a file of a finished run that has a checksum, or the checksums; a run that has none is not
    /// checked, so that these do not go missing.
    pub(super) fn of_finished(run: &Path, rng: &mut ChaCha8Rng) -> Result<Option<Damage>> {
        let names =
            ["run.json", "metrics.jsonl", "config.toml", "weights.safetensors", checksums::FILE];
        let name = names[below(rng, names.len())];
        let damage = Damage::to(What::FinishedRecord, run.join(name), rng)?;
        let lost = |damage: &Damage| name == checksums::FILE && damage.after.is_none();
        if let Some(damage) = damage.as_ref().filter(|damage| lost(damage)) {
            damage.undo()?;
            return Ok(None);
        }
        Ok(damage)
    }

    fn to(what: What, path: PathBuf, rng: &mut ChaCha8Rng) -> Result<Option<Damage>> {
        let Ok(before) = fs::read(&path) else { return Ok(None) };
        if before.is_empty() {
            return Ok(None);
        }
        let mut after = Some(before.clone());
        match (below(rng, 8), &mut after) {
            (0, after) => *after = None,
            (1..3, Some(bytes)) => bytes.truncate(below(rng, before.len())),
            (_, Some(bytes)) => {
                let bit = below(rng, 8 * bytes.len());
                bytes[bit / 8] ^= 1 << (bit % 8);
            }
            (_, None) => {}
        }
        // A file of its own in the place of the other: a dataset may be mapped by a process that ends.
        fs::remove_file(&path).map_err(Error::file("remove", &path))?;
        if let Some(after) = &after {
            fs::write(&path, after).map_err(Error::file("write", &path))?;
        }
        Ok(Some(Damage { what, path, before, after }))
    }

    /// Where it is, and what was done there.
    pub(super) fn place(&self) -> String {
        let first = |after: &Vec<u8>| {
            let differs = self.before.iter().zip(after).position(|(before, after)| before != after);
            differs
                .map_or(format!("cut off after {} bytes", after.len()), |at| format!("byte {at}"))
        };
        let how = self.after.as_ref().map_or("removed".to_string(), first);
        format!("`{}` ({how})", self.path.display())
    }

    /// What has become of it since.
    pub(super) fn fate(&self) -> Fate {
        if !self.path.parent().is_some_and(Path::exists) {
            return Fate::PutAside;
        }
        if fs::read(&self.path).ok() == self.after { Fate::There } else { Fate::MadeAgain }
    }

    /// Whether a message is about it.
    pub(super) fn is_named_in(&self, message: &str) -> bool {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        match self.what {
            // The folder and the fields that differ are named, or the file with a line.
            What::Config => message.contains("another config") || message.contains(&*name),
            What::Checkpoint => message.contains("checkpoints"),
            _ => message.contains(&*name),
        }
    }

    /// Puts the file right.
    pub(super) fn undo(&self) -> Result<()> {
        fs::write(&self.path, &self.before).map_err(Error::file("write", &self.path))
    }
}
