//! The residual F of a block, activations before the convolutions.

use lowland_core::Result;
use lowland_tensor::Tensor;

use super::super::plan::BlockPlan;
use crate::layers::{BatchNorm2d, Conv2d, ConvNorm};
use crate::{Module, Pass, Scope};

/// `conv2(relu(bn2(conv1(relu(bn1(x))))))`, and so on for three convolutions.
#[derive(Debug)]
pub(super) struct Branch {
    bn1: BatchNorm2d,
    inner: Vec<ConvNorm>,
    last: Conv2d,
}

impl Branch {
    /// Declares `bn1`, `conv1`, `bn2`, `conv2` and so on.
    pub(super) fn new(mut scope: Scope<'_>, plan: &BlockPlan) -> Result<Self> {
        let bn1 = BatchNorm2d::new(scope.scope("bn1"), plan.inputs)?;
        let mut inner = Vec::new();
        for (window, i) in plan.inner.iter().zip(1..) {
            let names = [format!("conv{i}"), format!("bn{}", i + 1)];
            inner.push(ConvNorm::new(scope.reborrow(), &names[0], &names[1], &window.spec())?);
        }
        let last = format!("conv{}", inner.len() + 1);
        let last = Conv2d::new(scope.scope(&last), &plan.last.spec())?;
        Ok(Branch { bn1, inner, last })
    }

    /// `relu(bn1(x))`.
    pub(super) fn activated(&self, x: &Tensor, pass: &Pass<'_>) -> Result<Tensor> {
        self.bn1.forward_relu(x, pass)
    }

    /// F of a state, from what [`Branch::activated`] made of it.
    pub(super) fn behind(&self, activated: Tensor, pass: &Pass<'_>) -> Result<Tensor> {
        let mut h = activated;
        for layer in &self.inner {
            h = layer.forward_relu(&h, pass)?;
        }
        self.last.forward(&h, pass)
    }
}
