//! Networks by name.
//!
//! Blocks and layers are named as in the golden data: `stem`, `stem_bn`,
//! `blocks.i.{conv1, bn1, conv2, bn2, short_conv, short_bn}`, `fc`.

mod basic_block;
mod config;
mod resnet;

pub use config::ModelConfig;
pub use resnet::{ResNet, ResNetSpec, Shortcut};

use crate::Result;

/// A network that has a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What [`ModelConfig::name`] calls it.
    pub name: &'static str,
    /// One line for help texts.
    pub about: &'static str,
    /// Residual blocks in each stage, where the config names none.
    pub blocks: &'static [usize],
    /// Channels of each stage, where the config names none.
    pub widths: &'static [usize],
    /// The shortcut, where the config names none.
    pub shortcut: Shortcut,
}

const CIFAR: &[usize] = &[16, 32, 64];
const WIDE: &[usize] = &[64, 128, 256, 512];

const fn entry(
    name: &'static str,
    about: &'static str,
    blocks: &'static [usize],
    widths: &'static [usize],
    shortcut: Shortcut,
) -> Entry {
    Entry { name, about, blocks, widths, shortcut }
}

/// All networks that have a name, small to large within a family.
pub const ENTRIES: &[Entry] = &[
    entry(
        "resnet-tiny",
        "two stages of one block, for 8x8 images",
        &[1, 1],
        &[16, 32],
        Shortcut::A,
    ),
    entry("resnet8", "the CIFAR form with n = 1", &[1; 3], CIFAR, Shortcut::A),
    entry("resnet20", "He et al. 2016 for CIFAR, n = 3", &[3; 3], CIFAR, Shortcut::A),
    entry("resnet32", "He et al. 2016 for CIFAR, n = 5", &[5; 3], CIFAR, Shortcut::A),
    entry("resnet44", "He et al. 2016 for CIFAR, n = 7", &[7; 3], CIFAR, Shortcut::A),
    entry("resnet56", "He et al. 2016 for CIFAR, n = 9", &[9; 3], CIFAR, Shortcut::A),
    entry("resnet110", "He et al. 2016 for CIFAR, n = 18", &[18; 3], CIFAR, Shortcut::A),
    entry("resnet18", "3x3 stem, no max pool, widths 64 to 512", &[2; 4], WIDE, Shortcut::B),
    entry("resnet34", "3x3 stem, no max pool, widths 64 to 512", &[3, 4, 6, 3], WIDE, Shortcut::B),
];

/// The network with this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Entry> {
    ENTRIES.iter().find(|entry| entry.name == name)
}

/// The names of all networks.
pub fn names() -> impl Iterator<Item = &'static str> {
    ENTRIES.iter().map(|entry| entry.name)
}

impl Entry {
    /// The structure with everything as published.
    #[must_use]
    pub fn spec(&self) -> ResNetSpec {
        let Entry { blocks, widths, shortcut, .. } = *self;
        ResNetSpec { blocks: blocks.to_vec(), widths: widths.to_vec(), shortcut }
    }

    /// The number of trainable numbers for images of this many channels.
    ///
    /// # Errors
    /// As [`ResNetSpec::parameters`].
    ///
    /// ```
    /// let resnet20 = lowland_models::zoo::find("resnet20").unwrap();
    /// assert_eq!(resnet20.parameters(3, 10)?, 269_722);
    /// # Ok::<(), lowland_models::Error>(())
    /// ```
    pub fn parameters(&self, channels: usize, classes: usize) -> Result<usize> {
        self.spec().parameters(channels, classes)
    }
}

/// A line for each network: name, parameters for three channels and ten classes, description.
///
/// ```
/// let help = lowland_models::zoo::help();
/// assert!(help.contains("resnet20       269,722  He et al. 2016 for CIFAR, n = 3\n"));
/// ```
#[must_use]
pub fn help() -> String {
    let line = |entry: &Entry| {
        let parameters = entry.parameters(3, 10).map_or_else(|error| error.to_string(), grouped);
        format!("{:<12} {parameters:>9}  {}\n", entry.name, entry.about)
    };
    ENTRIES.iter().map(line).collect()
}

/// A whole number with a comma before every three digits.
///
/// ```
/// use lowland_models::zoo::grouped;
/// assert_eq!([999, 269_722, 1_234_567].map(grouped), ["999", "269,722", "1,234,567"]);
/// ```
#[must_use]
pub fn grouped(n: usize) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
