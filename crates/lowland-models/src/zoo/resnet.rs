//! Networks that normalise behind each convolution: ResNets, and plain networks without shortcuts.

use lowland_core::Result as EngineResult;
use lowland_tensor::Tensor;

use super::post_activation::PostActivation;
use super::spec::Spec;
use super::stem::StemLayers;
use crate::layers::Linear;
use crate::{Module, Pass, Result, Scope};

/// A stem, stages of blocks, the mean over all pixels, and a linear layer.
#[derive(Debug)]
pub(super) struct ResNet {
    stem: StemLayers,
    blocks: Vec<PostActivation>,
    fc: Linear,
}

impl ResNet {
    /// Declares a network for images of this many channels in a scope, from a spec that is valid.
    pub(super) fn new(
        mut scope: Scope<'_>,
        spec: &Spec,
        channels: usize,
        classes: usize,
    ) -> Result<Self> {
        let stem = StemLayers::new(scope.reborrow(), spec, channels, true)?;
        let mut blocks = Vec::new();
        for (i, plan) in spec.plan().enumerate() {
            blocks.push(PostActivation::new(scope.scope(&format!("blocks.{i}")), &plan)?);
        }
        let fc = Linear::new(scope.scope("fc"), spec.features(), classes)?;
        Ok(ResNet { stem, blocks, fc })
    }
}

impl Module for ResNet {
    /// Logits `[N, classes]` of images `[N, H, W, C]`.
    fn forward(&self, x: &Tensor, pass: &Pass<'_>) -> EngineResult<Tensor> {
        // Assigning anew lets go of the tensor before, unless a derivative still needs it.
        let mut h = self.stem.forward(x, pass)?;
        for block in &self.blocks {
            h = block.forward(&h, pass)?;
        }
        h = h.global_avg_pool()?;
        self.fc.forward(&h, pass)
    }
}
