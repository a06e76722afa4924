//! The networks that have a name.

use super::family::{Coefficients, Family, Shortcut};
use super::spec::{Block, Spec, Stem};
use crate::Result;

/// A network that has a name.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Entry {
    /// What [`ModelConfig::name`](crate::ModelConfig::name) calls it.
    pub name: &'static str,
    /// One line for help texts.
    pub about: &'static str,
    /// The family, where the config says nothing else of it.
    pub family: Family,
    /// What comes before the blocks.
    pub stem: Stem,
    /// What a block computes.
    pub block: Block,
    /// Blocks in each stage, where the config names none.
    pub blocks: &'static [usize],
    /// Channels of each stage, where the config names none.
    pub widths: &'static [usize],
}

const CIFAR: &[usize] = &[16, 32, 64];
const WIDE: &[usize] = &[64, 128, 256, 512];
const RESNET_A: Family = Family::ResNet { shortcut: Shortcut::A };
const RESNET_B: Family = Family::ResNet { shortcut: Shortcut::B };
const ZEROSNET: Family = Family::ZeroSNet(Coefficients::OPT);

/// A network with stages of 16, 32 and 64 channels.
const fn cifar(
    name: &'static str,
    about: &'static str,
    family: Family,
    block: Block,
    blocks: &'static [usize],
) -> Entry {
    Entry { name, about, family, stem: Stem::Cifar, block, blocks, widths: CIFAR }
}

/// A network with stages of 64 to 512 channels.
const fn wide(
    name: &'static str,
    about: &'static str,
    family: Family,
    stem: Stem,
    block: Block,
    blocks: &'static [usize],
) -> Entry {
    Entry { name, about, family, stem, block, blocks, widths: WIDE }
}

use Block::{Basic, Bottleneck};

/// All networks that have a name, small to large within a family.
pub const ENTRIES: &[Entry] = &[
    Entry {
        name: "resnet-tiny",
        about: "two stages of one block, for 8x8 images",
        family: RESNET_A,
        stem: Stem::Cifar,
        block: Basic,
        blocks: &[1, 1],
        widths: &[16, 32],
    },
    cifar("resnet8", "the CIFAR form with n = 1", RESNET_A, Basic, &[1; 3]),
    cifar("resnet20", "He et al. 2016 for CIFAR, n = 3", RESNET_A, Basic, &[3; 3]),
    cifar("resnet32", "He et al. 2016 for CIFAR, n = 5", RESNET_A, Basic, &[5; 3]),
    cifar("resnet44", "He et al. 2016 for CIFAR, n = 7", RESNET_A, Basic, &[7; 3]),
    cifar("resnet56", "He et al. 2016 for CIFAR, n = 9", RESNET_A, Basic, &[9; 3]),
    cifar("resnet110", "He et al. 2016 for CIFAR, n = 18", RESNET_A, Basic, &[18; 3]),
    wide("resnet18", "3x3 stem, no max pool", RESNET_B, Stem::Cifar, Basic, &[2; 4]),
    wide("resnet34", "3x3 stem, no max pool", RESNET_B, Stem::Cifar, Basic, &[3, 4, 6, 3]),
    wide("resnet50", "3x3 stem, no max pool", RESNET_B, Stem::Cifar, Bottleneck, &[3, 4, 6, 3]),
    wide(
        "resnet50-imagenet",
        "7x7 stem, max pool, for 224x224 images",
        RESNET_B,
        Stem::ImageNet,
        Bottleneck,
        &[3, 4, 6, 3],
    ),
    cifar("plain20", "resnet20 without shortcuts", Family::Plain, Basic, &[3; 3]),
    cifar("plain56", "resnet56 without shortcuts", Family::Plain, Basic, &[9; 3]),
    cifar("preact-resnet20", "pre-activation, n = 3", Family::PreActResNet, Basic, &[3; 3]),
    cifar("preact-resnet56", "pre-activation, n = 9", Family::PreActResNet, Basic, &[9; 3]),
    cifar("preact-resnet110", "pre-activation, n = 18", Family::PreActResNet, Basic, &[18; 3]),
    cifar(
        "preact-resnet164",
        "pre-activation bottlenecks, n = 18",
        Family::PreActResNet,
        Bottleneck,
        &[18; 3],
    ),
    cifar("lm-resnet20", "two steps, trainable k, n = 3", Family::LmResNet, Basic, &[3; 3]),
    cifar("lm-resnet56", "two steps, trainable k, n = 9", Family::LmResNet, Basic, &[9; 3]),
    cifar("lm-resnet110", "two steps, trainable k, n = 18", Family::LmResNet, Basic, &[18; 3]),
    cifar("lm-resnet164", "bottlenecks, n = 18", Family::LmResNet, Bottleneck, &[18; 3]),
    cifar("zerosnet20", "three steps, zero-stable, n = 3", ZEROSNET, Basic, &[3; 3]),
    cifar("zerosnet32", "three steps, zero-stable, n = 5", ZEROSNET, Basic, &[5; 3]),
    cifar("zerosnet44", "three steps, zero-stable, n = 7", ZEROSNET, Basic, &[7; 3]),
    cifar("zerosnet56", "three steps, zero-stable, n = 9", ZEROSNET, Basic, &[9; 3]),
    cifar("zerosnet110", "three steps, zero-stable, n = 18", ZEROSNET, Basic, &[18; 3]),
    cifar("zerosnet164", "bottlenecks, n = 18", ZEROSNET, Bottleneck, &[18; 3]),
    cifar("zerosnet326", "bottlenecks, n = 36", ZEROSNET, Bottleneck, &[36; 3]),
    cifar("zerosnet650", "bottlenecks, n = 72", ZEROSNET, Bottleneck, &[72; 3]),
    cifar("zerosnet1298", "bottlenecks, n = 144", ZEROSNET, Bottleneck, &[144; 3]),
    wide(
        "zerosnet18-imagenet",
        "7x7 stem, max pool, for 224x224 images",
        ZEROSNET,
        Stem::ImageNet,
        Basic,
        &[2; 4],
    ),
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
    pub fn spec(&self) -> Spec {
        let Entry { family, stem, block, blocks, widths, .. } = *self;
        Spec { family, stem, block, widths: widths.to_vec(), blocks: blocks.to_vec() }
    }

    /// The number of trainable numbers for images of this many channels.
    ///
    /// # Errors
    /// As [`Spec::parameters`].
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
/// assert!(help.contains("resnet20                269,722  He et al. 2016 for CIFAR, n = 3\n"));
/// ```
#[must_use]
pub fn help() -> String {
    let width = names().map(str::len).max().unwrap_or(0);
    let line = |entry: &Entry| {
        let parameters = entry.parameters(3, 10).map_or_else(|error| error.to_string(), grouped);
        format!("{:<width$} {parameters:>11}  {}\n", entry.name, entry.about)
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
