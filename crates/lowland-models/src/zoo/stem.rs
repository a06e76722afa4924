//! What comes before the blocks.

use lowland_core::Result;
use lowland_tensor::Tensor;

use super::spec::{Spec, Stem};
use crate::layers::{Conv2d, ConvNorm};
use crate::{Module, Pass, Scope};

/// The layers of a [`Stem`].
#[derive(Debug)]
pub(super) enum StemLayers {
    /// A convolution alone, where the first block normalises.
    Conv(Conv2d),
    /// A convolution, normalisation and ReLU.
    Activated(ConvNorm),
    /// The same, and the maximum over 3x3 pixels in steps of 2.
    Pooled(ConvNorm),
}

impl StemLayers {
    /// Declares `stem` and, with normalisation, `stem_bn`. That of ImageNet always normalises.
    pub(super) fn new(
        mut scope: Scope<'_>,
        spec: &Spec,
        channels: usize,
        normalises: bool,
    ) -> Result<Self> {
        let conv = spec.stem_window(channels).spec();
        if spec.stem == Stem::Cifar && !normalises {
            return Ok(StemLayers::Conv(Conv2d::new(scope.scope("stem"), &conv)?));
        }
        let conv_norm = ConvNorm::new(scope, "stem", "stem_bn", &conv)?;
        Ok(match spec.stem {
            Stem::Cifar => StemLayers::Activated(conv_norm),
            Stem::ImageNet => StemLayers::Pooled(conv_norm),
        })
    }
}

impl Module for StemLayers {
    fn forward(&self, x: &Tensor, pass: &Pass<'_>) -> Result<Tensor> {
        match self {
            StemLayers::Conv(conv) => conv.forward(x, pass),
            StemLayers::Activated(conv) => conv.forward_relu(x, pass),
            StemLayers::Pooled(conv) => {
                conv.forward_relu(x, pass)?.max_pool2d([3, 3], [2, 2], [1, 1])
            }
        }
    }
}
