//! The structure of a network, without numbers.

use super::family::{Coefficients, Family, Shortcut};
use super::multistep::Multistep;
use super::plan::Window;
use super::resnet::ResNet;
use crate::{Error, Module, Result, Scope, StoreBuilder};

/// The structure of a network: a stem, stages of blocks, the mean over all pixels, a linear layer.
///
/// The first block of every stage but the first halves height and width, rounding up.
#[derive(Clone, Debug, PartialEq)]
pub struct Spec {
    /// How blocks follow each other.
    pub family: Family,
    /// What comes before the blocks.
    pub stem: Stem,
    /// What a block computes.
    pub block: Block,
    /// Channels of each stage, before the expansion of a [`Block::Bottleneck`]; the stem has those of
    /// the first.
    pub widths: Vec<usize>,
    /// Blocks in each stage.
    pub blocks: Vec<usize>,
}

/// What comes before the blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stem {
    /// A 3x3 convolution.
    Cifar,
    /// A 7x7 convolution of stride 2, normalisation, ReLU, and the maximum over 3x3 pixels in steps
    /// of 2.
    ImageNet,
}

/// What the residual of a block computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Block {
    /// Two 3x3 convolutions, the stride in the first.
    Basic,
    /// A 1x1 convolution, a 3x3 one with the stride, and a 1x1 one to four times as many channels.
    Bottleneck,
}

impl Block {
    /// How many times as many channels the output has as the 3x3 convolutions.
    #[must_use]
    pub fn expansion(self) -> usize {
        match self {
            Block::Basic => 1,
            Block::Bottleneck => 4,
        }
    }
}

/// Beyond these a config is a slip of the pen, and sizes might overflow.
const MAX_WIDTH: usize = 1 << 16;
const MAX_BLOCKS: usize = 1 << 10;
const MAX_STAGES: usize = 16;

impl Spec {
    /// Checks that such a network can be.
    ///
    /// # Errors
    /// [`Error::Config`] that names the field and the allowed values.
    pub fn validate(&self) -> Result<()> {
        let Spec { widths, blocks, .. } = self;
        if widths.is_empty() || widths.len() > MAX_STAGES {
            let message = format!("{} stages; there can be 1 to {MAX_STAGES}", widths.len());
            return Err(Error::config("widths", message));
        }
        if let Some(width) = widths.iter().find(|width| !(1..=MAX_WIDTH).contains(*width)) {
            let message = format!("{width} channels; a stage can have 1 to {MAX_WIDTH}");
            return Err(Error::config("widths", message));
        }
        if blocks.len() != widths.len() {
            let message = format!(
                "{} stages, but there are {} widths; give one number for each stage",
                blocks.len(),
                widths.len()
            );
            return Err(Error::config("blocks", message));
        }
        if let Some(n) = blocks.iter().find(|n| !(1..=MAX_BLOCKS).contains(*n)) {
            let message = format!("{n} blocks; a stage can have 1 to {MAX_BLOCKS}");
            return Err(Error::config("blocks", message));
        }
        match self.family {
            Family::ResNet { shortcut: Shortcut::A } if !widths.is_sorted() => {
                let message =
                    format!("{widths:?}; shortcut A only adds channels, use B to have fewer");
                Err(Error::config("widths", message))
            }
            Family::ZeroSNet(_) if blocks[0] < 2 => {
                let message = "1 block in the first stage; a ZeroSNet needs at least 2 there, which \
                               make the history of the others";
                Err(Error::config("blocks", message))
            }
            Family::ZeroSNet(coefficients) => coefficients.scheme().map(drop),
            _ => Ok(()),
        }
    }

    /// What deserves attention before such a network is trained: one sentence each.
    ///
    /// ```
    /// use lowland_models::ModelConfig;
    /// let config = ModelConfig { c: Some(-0.5), ..ModelConfig::named("zerosnet20") };
    /// assert_eq!(
    ///     config.spec()?.notes(),
    ///     ["the scheme of the blocks is unstable, largest root 1.883: disturbances grow from block \
    ///       to block; c <= -1 and c > 1/3 are zero-stable"]
    /// );
    /// # Ok::<(), lowland_models::Error>(())
    /// ```
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let Family::ZeroSNet(coefficients) = self.family else { return Vec::new() };
        let Ok(scheme) = coefficients.scheme() else { return Vec::new() };
        let stability = scheme.analyse();
        let consequence = match (stability.zero_stable, stability.consistent) {
            (true, true) => return Vec::new(),
            (true, false) => "no step size follows a differential equation",
            (false, _) => "disturbances grow from block to block",
        };
        let advice = "c <= -1 and c > 1/3 are zero-stable";
        let start = match coefficients {
            Coefficients::Fixed { .. } => "the scheme of the blocks is",
            Coefficients::Trainable { .. } => "the scheme that all blocks start from is",
        };
        vec![format!("{start} {stability}: {consequence}; {advice}")]
    }

    /// Height and width of the last stage's feature maps for images of H, W, C.
    ///
    /// ```
    /// let resnet20 = lowland_models::zoo::find("resnet20").unwrap().spec();
    /// assert_eq!(resnet20.last_map([32, 31, 3]), [8, 8]);
    /// ```
    #[must_use]
    pub fn last_map(&self, [h, w, _]: [usize; 3]) -> [usize; 2] {
        let strides = self.plan().map(|block| block.stride);
        strides.fold(self.map_behind_stem([h, w]), shrunk)
    }

    fn map_behind_stem(&self, image: [usize; 2]) -> [usize; 2] {
        match self.stem {
            Stem::Cifar => image,
            Stem::ImageNet => shrunk(shrunk(image, 2), 2),
        }
    }

    /// Declares the network for images of this many channels in a scope.
    ///
    /// # Errors
    /// As [`Spec::validate`] and as the layers.
    pub fn network(
        &self,
        scope: Scope<'_>,
        channels: usize,
        classes: usize,
    ) -> Result<Box<dyn Module>> {
        self.validate()?;
        Ok(match self.family {
            Family::ResNet { .. } | Family::Plain => {
                Box::new(ResNet::new(scope, self, channels, classes)?)
            }
            _ => Box::new(Multistep::new(scope, self, channels, classes)?),
        })
    }

    /// The number of trainable numbers for images of this many channels.
    ///
    /// # Errors
    /// As [`Spec::network`].
    pub fn parameters(&self, channels: usize, classes: usize) -> Result<usize> {
        let mut builder = StoreBuilder::new();
        self.network(builder.root(), channels, classes)?;
        Ok(builder.count())
    }

    /// Multiply-adds of convolutions and `fc` in the forward pass of one image of H, W, C.
    #[must_use]
    pub fn multiply_adds(&self, input: [usize; 3], classes: usize) -> u64 {
        let [h, w, channels] = input;
        let stem = self.stem_window(channels);
        let mut total = stem.multiply_adds(shrunk([h, w], stem.stride));
        let mut map = self.map_behind_stem([h, w]);
        for block in self.plan() {
            let mut at = map;
            for window in block.branch() {
                at = shrunk(at, window.stride);
                total = total.saturating_add(window.multiply_adds(at));
            }
            map = shrunk(map, block.stride);
            for window in block.projections.iter().flatten() {
                total = total.saturating_add(window.multiply_adds(map));
            }
        }
        let fc = Window { inputs: self.features(), outputs: classes, kernel: 1, stride: 1 };
        total.saturating_add(fc.multiply_adds([1, 1]))
    }
}

fn shrunk(map: [usize; 2], stride: usize) -> [usize; 2] {
    map.map(|size| size.div_ceil(stride))
}
