#![doc = include_str!("../README.md")]

pub mod augment;
mod builtin;
mod dataset;
mod digits;
mod error;
mod import;
mod info;
mod input_noise;
mod label_noise;
pub mod loader;
mod mapped;
pub mod packed;
mod progress;
pub mod random;
mod read;
mod source;
mod split;
mod statistics;
mod view;

pub use augment::{Augment, Augmentation, Cutout, HorizontalFlip, RandomCrop};
pub use builtin::{builtin, load_builtin, load_dataset};
pub use dataset::{About, Dataset};
pub use error::{Error, Extent, Place, Result};
pub use import::{ImportOptions, ImportReport, import};
pub use info::{DatasetInfo, SplitInfo};
pub use input_noise::{InputNoise, NoiseKind};
pub use label_noise::LabelNoiseReport;
pub use loader::{Batch, Epoch, Loader, LoaderConfig};
pub use packed::{list, open, save};
pub use progress::{Progress, Stage};
pub use read::{Cifar100Labels, SourceKind};
pub use split::Split;
pub use statistics::{ChannelStats, Normaliser};
pub use view::{Amount, View};
