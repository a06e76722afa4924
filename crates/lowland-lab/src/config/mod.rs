//! What a person writes: an experiment as a TOML file.

mod change;
mod error;
mod fields;
mod file;
mod read;
mod source;
mod suggest;
mod tree;

use std::path::PathBuf;

use lowland_data::InputNoise;
use lowland_models::ModelConfig;
use lowland_optim::deformation::DeformationConfig;
use lowland_optim::{Recipe, Schedule};
use serde::{Deserialize, Serialize};

pub use change::Change;
pub use error::{ConfigError, Location};
pub use fields::Differing;
pub(crate) use fields::in_words;
pub use file::ConfigFile;
pub(crate) use source::Source;
pub(crate) use suggest::nearest;
pub(crate) use tree::{Node, Place, Value};

/// An experiment. Everything but the dataset, the network and the optimizer has a default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What its run directories and pictures are called: letters, digits, `-`, `_` and `.`.
    #[serde(default = "default_name")]
    pub name: String,
    /// Where all random numbers come from: initial weights, the split, the order, augmentation.
    #[serde(default = "default_seed")]
    pub seed: u64,
    /// What it learns from.
    pub data: DataConfig,
    /// The network.
    pub model: ModelConfig,
    /// How long and in what portions it trains.
    #[serde(default)]
    pub train: TrainConfig,
    /// How a step is made of a gradient.
    pub optimizer: Recipe,
    /// What is descended in place of the loss.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deformation: Option<DeformationConfig>,
    /// How the learning rate changes during the run.
    #[serde(default)]
    pub schedule: Schedule,
    /// What else the trained network is tested on.
    #[serde(default)]
    pub evaluate: EvaluateConfig,
    /// What else its run directory keeps.
    #[serde(default)]
    pub record: RecordConfig,
}

fn default_name() -> String {
    "experiment".into()
}

fn default_seed() -> u64 {
    1
}

/// The images, and what is done to them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataConfig {
    /// A built-in dataset, one in the data folder, or the path of a packed file.
    pub dataset: String,
    /// How many training images to use, drawn by class; all where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subset: Option<usize>,
    /// The part of these that is held back for validation, drawn by class: 0 to below 1.
    #[serde(default = "default_validation_fraction")]
    pub validation_fraction: f64,
    /// Zero pixels put around a training image before it is cut back at a random place; 0 is none.
    #[serde(default)]
    pub crop_padding_pixels: usize,
    /// Whether every other training image, by chance, is mirrored.
    #[serde(default)]
    pub horizontal_flip: bool,
    /// The side of a square that is hidden in every training image; 0 is none.
    #[serde(default)]
    pub cutout_pixels: usize,
    /// The part of the training labels that is replaced by labels drawn from all classes: 0 to 1.
    /// Validation and test images keep theirs.
    #[serde(default)]
    pub label_noise: f64,
}

fn default_validation_fraction() -> f64 {
    0.1
}

/// How long and in what portions a network trains.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainConfig {
    /// How often every training image is seen.
    pub epochs: usize,
    /// Images a step; the last batch of an epoch holds what is left.
    pub batch_size: usize,
    /// How much of the target is spread evenly over all classes: 0 to below 1.
    pub label_smoothing: f64,
    /// What is done where the loss, a gradient or a running statistic is infinite or not a number.
    pub on_non_finite: OnNonFinite,
    /// A safetensors file of weights and running statistics to begin with, such as PyTorch writes, in place
    /// of random ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub initial_weights: Option<PathBuf>,
}

impl Default for TrainConfig {
    fn default() -> Self {
        let on_non_finite = OnNonFinite::default();
        TrainConfig {
            epochs: 10,
            batch_size: 128,
            label_smoothing: 0.0,
            on_non_finite,
            initial_weights: None,
        }
    }
}

/// What is done where a number of a training step is not finite. A parameter or state of the optimizer that
/// is not stops the run in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnNonFinite {
    /// The run stops.
    #[default]
    Stop,
    /// The step is skipped, and the learning rate of all later steps lowered.
    SkipAndLower(SkipAndLower),
}

/// How often steps may be skipped, and by how much the learning rate is lowered each time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SkipAndLower {
    /// What the learning rate of all later steps is multiplied by: above 0, at most 1.
    pub factor: f64,
    /// The most steps that are skipped; the next one stops the run.
    pub at_most: usize,
}

impl Default for SkipAndLower {
    fn default() -> Self {
        SkipAndLower { factor: 0.5, at_most: 10 }
    }
}

/// What the trained network is tested on besides the test images as they are.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EvaluateConfig {
    /// Noise on the test images: one more test for each, after the last epoch.
    pub input_noise: Vec<InputNoise>,
}

/// What a run directory keeps besides what every one keeps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RecordConfig {
    /// Keeps the weights after every so many epochs, and after the last, in a file of their own, as what
    /// is measured along the run needs them; 0 keeps none of these.
    pub weights_every_epochs: usize,
    /// How many of the newest checkpoints are kept, beside that of the epoch with the best validation
    /// accuracy; with 0 there are none, and an interrupted run begins anew.
    pub checkpoints_kept: usize,
    /// Writes a checkpoint after every so many minutes; 0 writes none by time.
    pub checkpoint_every_minutes: f64,
    /// Writes a checkpoint after every so many training steps; 0 writes none by steps.
    pub checkpoint_every_steps: usize,
}

impl Default for RecordConfig {
    fn default() -> Self {
        RecordConfig {
            weights_every_epochs: 0,
            checkpoints_kept: 2,
            checkpoint_every_minutes: 5.0,
            checkpoint_every_steps: 0,
        }
    }
}

impl Config {
    /// The whole config as TOML, defaults included: reading it gives the same config.
    ///
    /// # Errors
    /// [`Error::Usage`](crate::Error::Usage) where a number has no form in TOML.
    pub fn to_toml(&self) -> crate::Result<String> {
        let error =
            |e: toml::ser::Error| crate::Error::Usage(format!("the config is not TOML: {e}"));
        toml::to_string_pretty(self).map_err(error)
    }
}
