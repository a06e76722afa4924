//! Networks by name.
//!
//! Layers are named `stem`, `stem_bn`, `blocks.i`, `final_bn` and `fc`; those of a block `conv1`,
//! `bn1`, `conv2` and so on, and `short_conv` and `short_bn` where its input changes shape before it is
//! added. ZeroSNets have `short_conv_1` and `short_conv_2` for the states before it.

mod config;
mod entries;
mod family;
mod multistep;
mod plan;
mod post_activation;
mod resnet;
mod schemes;
mod spec;
mod stem;

pub use config::{ModelConfig, Variant};
pub use entries::{ENTRIES, Entry, find, grouped, help, names};
pub use family::{Coefficients, Family, Shortcut};
pub use schemes::BlockScheme;
pub use spec::{Block, Spec, Stem};
