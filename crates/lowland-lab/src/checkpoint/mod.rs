//! Checkpoints: everything that the rest of a run depends on, at one moment of it.
//!
//! A checkpoint is a folder below `checkpoints` in the run directory, named after where the run was:
//! `epoch-0004-batch-00120` is epoch 4 under way, with 120 of its batches trained on. In it are
//!
//! | file | content |
//! |---|---|
//! | `manifest.json` | a [`Manifest`]: the program, the run's `run.json`, its metrics, its position |
//! | `config.toml` | the run's config |
//! | `weights.safetensors` | parameters and running statistics, as PyTorch names and lays them out |
//! | `optimizer.safetensors` | the optimizer's state, as `PARAMETER/SLOT` |
//! | `B3SUMS` | BLAKE3 checksums of the others; `b3sum --check B3SUMS` compares them |
//!
//! Random numbers are functions of seed, epoch and image, so that the position is all there is to know of
//! them, and of the loader. The folder is written under another name, waited for until the disk has it,
//! and only then given its own. One that is not as it was written is not gone on from, but the newest one
//! before it that is.

mod fingerprint;
mod keep;
mod read;
mod write;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use lowland_models::{StateDict, StateTensor, Values};
use lowland_optim::{OptimizerState, ParamState};
use serde::{Deserialize, Serialize};

pub(crate) use keep::Keeper;
pub(crate) use read::places;
pub use read::{ASIDE, Damage, Found};

use crate::metrics::{EpochMetrics, Running};
use crate::record::{Program, RunJson};
use crate::run::Skips;
use crate::{Error, Result};

/// The folder of all checkpoints, in a run directory.
pub const FOLDER: &str = "checkpoints";

/// The version of the format. A program reads no other.
pub const FORMAT: u32 = 1;

const MANIFEST: &str = "manifest.json";
const CONFIG: &str = "config.toml";
const WEIGHTS: &str = "weights.safetensors";
const OPTIMIZER: &str = "optimizer.safetensors";
/// All files with a checksum.
const FILES: [&str; 4] = [MANIFEST, CONFIG, WEIGHTS, OPTIMIZER];

/// Where a run is, and what it has measured so far.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Progress {
    /// The epoch that is under way, from 1; one more than there are once all are done.
    pub epoch: usize,
    /// Its batches that were trained on.
    pub batches: usize,
    /// What these batches were scored.
    pub running: Running,
    /// Learning rate of the last step of the epoch; 0 before its first.
    pub lr: f64,
    /// Seconds of the epoch so far, and those spent on training steps.
    pub epoch_seconds: f64,
    /// As [`epoch_seconds`](Progress::epoch_seconds), without evaluation.
    pub train_seconds: f64,
    /// Seconds of the whole run so far.
    pub seconds: f64,
    /// All complete epochs.
    pub epochs: Vec<EpochMetrics>,
    /// When each of them was recorded, in seconds since 1970.
    pub recorded_at: Vec<f64>,
    /// The loss of the untrained network, relative to which the loss is deformed, if it is.
    pub initial_loss: Option<f64>,
    /// The steps that were skipped, and what they made of the learning rate.
    pub skips: Skips,
}

impl Default for Progress {
    fn default() -> Self {
        Progress {
            epoch: 1,
            batches: 0,
            running: Running::default(),
            lr: 0.0,
            epoch_seconds: 0.0,
            train_seconds: 0.0,
            seconds: 0.0,
            epochs: Vec::new(),
            recorded_at: Vec::new(),
            initial_loss: None,
            skips: Skips::default(),
        }
    }
}

/// What a manifest says of the optimizer beside its tensors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OptimizerProgress {
    /// The steps that every parameter has taken.
    pub steps: u64,
    /// What measured stages remember of all parameters together, as `stage.name`.
    pub together: BTreeMap<String, f64>,
}

/// What a checkpoint holds beside tensors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The version of the format, [`FORMAT`].
    pub format: u32,
    /// The program that wrote it.
    pub program: Program,
    /// The run's record at that moment.
    pub run: RunJson,
    /// Where the run was.
    pub progress: Progress,
    /// Where its optimizer was.
    pub optimizer: OptimizerProgress,
}

/// A checkpoint in memory.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// What it holds beside tensors.
    pub manifest: Manifest,
    /// The run's config, as TOML.
    pub config: String,
    /// Parameters and running statistics.
    pub weights: StateDict,
    /// The optimizer's state, as `PARAMETER/SLOT`.
    pub optimizer: StateDict,
}

/// Where a run was at a checkpoint: the epoch under way, from 1, and its batches that were trained on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The epoch.
    pub epoch: usize,
    /// The batches.
    pub batches: usize,
}

impl Place {
    /// The name of its folder.
    #[must_use]
    pub fn folder(self) -> String {
        let Place { epoch, batches } = self;
        format!("epoch-{epoch:04}-batch-{batches:05}")
    }

    /// The place that a folder is named after, if it is.
    #[must_use]
    pub fn of(folder: &str) -> Option<Place> {
        let (epoch, batches) = folder.strip_prefix("epoch-")?.split_once("-batch-")?;
        let place = Place { epoch: epoch.parse().ok()?, batches: batches.parse().ok()? };
        (place.folder() == folder).then_some(place)
    }
}

impl Progress {
    /// Where the run is.
    #[must_use]
    pub fn place(&self) -> Place {
        Place { epoch: self.epoch, batches: self.batches }
    }

    /// Begins the next epoch.
    pub(crate) fn next_epoch(&mut self) {
        self.epoch += 1;
        self.batches = 0;
        self.running = Running::default();
        (self.lr, self.epoch_seconds, self.train_seconds) = (0.0, 0.0, 0.0);
    }
}

/// The state of an optimizer as tensors, each in the shape of its parameter, and the rest.
pub(crate) fn optimizer_tensors(
    state: OptimizerState<f32>,
    weights: &StateDict,
) -> (StateDict, OptimizerProgress) {
    let steps = state.params.values().next().map_or(0, |param| param.steps);
    let mut tensors = BTreeMap::new();
    for (name, ParamState { slots, .. }) in state.params {
        for (slot, values) in slots {
            let shape = match weights.tensors.get(&name) {
                Some(weight) => weight.shape.clone(),
                None => vec![values.len()],
            };
            let tensor = StateTensor { shape, values: Values::F32(values) };
            tensors.insert(format!("{name}/{slot}"), tensor);
        }
    }
    let progress = OptimizerProgress { steps, together: state.together };
    (StateDict { tensors, ignored: Vec::new() }, progress)
}

/// The state of an optimizer from its tensors and the rest. A parameter without slots is in none of the
/// tensors: `params` are the names of all. `folder` is where they come from, for messages.
pub(crate) fn optimizer_state<'a>(
    folder: &Path,
    tensors: &StateDict,
    progress: &OptimizerProgress,
    params: impl Iterator<Item = &'a str>,
) -> Result<OptimizerState<f32>> {
    let none = || ParamState { steps: progress.steps, slots: BTreeMap::new() };
    let mut state: BTreeMap<String, ParamState<f32>> =
        params.map(|name| (name.to_string(), none())).collect();
    for (name, tensor) in &tensors.tensors {
        let problem = |what: &str| Error::Damaged {
            path: folder.join(OPTIMIZER),
            problem: format!("its tensor `{name}` {what}"),
        };
        let (param, slot) =
            name.rsplit_once('/').ok_or_else(|| problem("is not named PARAMETER/SLOT"))?;
        let Values::F32(values) = &tensor.values else { return Err(problem("is not of f32")) };
        let param = state.entry(param.to_string()).or_insert_with(none);
        param.slots.insert(slot.to_string(), values.clone());
    }
    Ok(OptimizerState { params: state, together: progress.together.clone() })
}

/// The folder of all checkpoints of a run directory.
#[must_use]
pub fn folder_of(run: &Path) -> PathBuf {
    run.join(FOLDER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_named_after_places_and_nothing_else_is_a_place() {
        let place = Place { epoch: 4, batches: 120 };
        assert_eq!(place.folder(), "epoch-0004-batch-00120");
        for place in [place, Place { epoch: 123_456, batches: 1_234_567 }] {
            assert_eq!(Place::of(&place.folder()), Some(place));
        }
        for name in ["epoch-4-batch-120", "epoch-0004", ".writing-x", "epoch--001-batch-00001"] {
            assert_eq!(Place::of(name), None, "{name}");
        }
        assert!(Place { epoch: 2, batches: 0 } > Place { epoch: 1, batches: 390 });
    }
}
