//! Residual networks for small images, activations after the additions (He et al. 2016).

use lowland_core::Result as EngineResult;
use lowland_tensor::Tensor;
use serde::{Deserialize, Serialize};

use super::basic_block::{BasicBlock, conv};
use crate::layers::{ConvNorm, Linear};
use crate::{Error, Module, Pass, Result, Scope, StoreBuilder};

/// How a block whose output differs in shape from its input adds the one to the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Shortcut {
    /// Every second pixel, and channels of zeros before (half of them, rounded down) and after: no
    /// parameters. What He et al. use on CIFAR.
    A,
    /// A 1x1 convolution of stride 2 and batch normalisation.
    B,
}

/// The structure of a [`ResNet`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResNetSpec {
    /// Channels of each stage.
    pub widths: Vec<usize>,
    /// Residual blocks in each stage, two 3x3 convolutions each.
    pub blocks: Vec<usize>,
    /// The shortcut of the first block of every stage but the first.
    pub shortcut: Shortcut,
}

/// Beyond these a config is a slip of the pen, and sizes might overflow.
const MAX_WIDTH: usize = 1 << 16;
const MAX_BLOCKS: usize = 1 << 10;
const MAX_STAGES: usize = 16;

impl ResNetSpec {
    /// Checks that such a network can be.
    ///
    /// # Errors
    /// [`Error::Config`] that names the field and the allowed values.
    pub fn validate(&self) -> Result<()> {
        let ResNetSpec { widths, blocks, shortcut } = self;
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
        if *shortcut == Shortcut::A && !widths.is_sorted() {
            let message = format!("{widths:?}; shortcut A only adds channels, use B to have fewer");
            return Err(Error::config("widths", message));
        }
        Ok(())
    }

    /// Input channels, output channels and stride of every block.
    fn plan(&self) -> impl Iterator<Item = (usize, usize, usize)> {
        let mut channels = self.widths.first().copied().unwrap_or(0);
        self.widths.iter().zip(&self.blocks).enumerate().flat_map(move |(stage, (&width, &n))| {
            let before = std::mem::replace(&mut channels, width);
            (0..n).map(move |i| match i {
                0 => (before, width, if stage == 0 { 1 } else { 2 }),
                _ => (width, width, 1),
            })
        })
    }

    /// Height and width of the last stage's feature maps for images of H, W, C.
    ///
    /// ```
    /// let resnet20 = lowland_models::zoo::find("resnet20").unwrap().spec();
    /// assert_eq!(resnet20.last_map([32, 31, 3]), [8, 8]);
    /// ```
    #[must_use]
    pub fn last_map(&self, [h, w, _]: [usize; 3]) -> [usize; 2] {
        self.plan().fold([h, w], |map, (_, _, stride)| map.map(|size| size.div_ceil(stride)))
    }

    /// The number of trainable numbers for images of this many channels.
    ///
    /// # Errors
    /// As [`ResNet::new`].
    pub fn parameters(&self, channels: usize, classes: usize) -> Result<usize> {
        let mut builder = StoreBuilder::new();
        ResNet::new(builder.root(), self, channels, classes)?;
        Ok(builder.count())
    }

    /// Multiply-adds of convolutions and `fc` in the forward pass of one image of H, W, C.
    #[must_use]
    pub fn multiply_adds(&self, input: [usize; 3], classes: usize) -> u64 {
        let [mut h, mut w, channels] = input;
        let mut total = 0u64;
        let mut conv = |pixels: usize, inputs: usize, outputs: usize, window: usize| {
            let product = [pixels, inputs, outputs, window].map(|n| n as u64);
            total = product.into_iter().fold(1, u64::saturating_mul).saturating_add(total);
        };
        let first = self.widths.first().copied().unwrap_or(0);
        let last = self.widths.last().copied().unwrap_or(0);
        conv(h * w, channels, first, 9);
        for (inputs, outputs, stride) in self.plan() {
            (h, w) = (h.div_ceil(stride), w.div_ceil(stride));
            conv(h * w, inputs, outputs, 9);
            conv(h * w, outputs, outputs, 9);
            if self.shortcut == Shortcut::B && (stride, inputs) != (1, outputs) {
                conv(h * w, inputs, outputs, 1);
            }
        }
        conv(1, last, classes, 1);
        total
    }
}

/// A 3x3 convolution, stages of basic blocks, the mean over all pixels, and a linear layer.
///
/// The first block of each stage but the first halves height and width, rounding up.
#[derive(Debug)]
pub struct ResNet {
    stem: ConvNorm,
    blocks: Vec<BasicBlock>,
    fc: Linear,
}

impl ResNet {
    /// Declares a network for images of this many channels in a scope.
    ///
    /// # Errors
    /// As [`ResNetSpec::validate`] and as the layers.
    pub fn new(
        mut scope: Scope<'_>,
        spec: &ResNetSpec,
        channels: usize,
        classes: usize,
    ) -> Result<Self> {
        spec.validate()?;
        let (first, last) = (spec.widths[0], spec.widths[spec.widths.len() - 1]);
        let spec_of_stem = conv(channels, first, 3, 1);
        let stem = ConvNorm::new(scope.reborrow(), "stem", "stem_bn", &spec_of_stem)?;
        let mut blocks = Vec::new();
        for (i, (inputs, outputs, stride)) in spec.plan().enumerate() {
            let scope = scope.scope(&format!("blocks.{i}"));
            blocks.push(BasicBlock::new(scope, inputs, outputs, stride, spec.shortcut)?);
        }
        let fc = Linear::new(scope.scope("fc"), last, classes)?;
        Ok(ResNet { stem, blocks, fc })
    }
}

impl Module for ResNet {
    /// Logits `[N, classes]` of images `[N, H, W, C]`.
    fn forward(&self, x: &Tensor, pass: &Pass<'_>) -> EngineResult<Tensor> {
        // Assigning anew lets go of the tensor before, unless a derivative still needs it.
        let mut h = self.stem.forward_relu(x, pass)?;
        for block in &self.blocks {
            h = block.forward(&h, pass)?;
        }
        h = h.global_avg_pool()?;
        self.fc.forward(&h, pass)
    }
}
