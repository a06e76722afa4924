//! A convolution and the batch normalisation of its output.

use lowland_core::Result;
use lowland_tensor::{Tensor, Then};

use super::batch_norm2d::Input;
use super::{BatchNorm2d, Conv2d, Conv2dSpec};
use crate::{Module, Pass, Scope, Statistics};

/// `bn(conv x)`, alone or with what follows it. Where the store's [`Fusion`](crate::Fusion) says so,
/// the convolution takes the batch's statistics, and normalisation, addition and ReLU are one pass.
#[derive(Clone, Debug)]
pub struct ConvNorm {
    conv: Conv2d,
    norm: BatchNorm2d,
}

impl ConvNorm {
    /// Declares a convolution and a normalisation of its channels under two names in a scope.
    ///
    /// # Errors
    /// As [`Conv2d::new`].
    pub fn new(
        mut scope: Scope<'_>,
        conv_name: &str,
        norm_name: &str,
        spec: &Conv2dSpec,
    ) -> Result<Self> {
        let conv = Conv2d::new(scope.scope(conv_name), spec)?;
        let norm = BatchNorm2d::new(scope.scope(norm_name), spec.out_channels)?;
        Ok(ConvNorm { conv, norm })
    }

    /// `relu(bn(conv x))`.
    ///
    /// # Errors
    /// As [`Module::forward`].
    pub fn forward_relu(&self, x: &Tensor, pass: &Pass<'_>) -> Result<Tensor> {
        self.forward_then(x, Then::Relu, pass)
    }

    /// `relu(bn(conv x) + residual)`.
    ///
    /// # Errors
    /// As [`Module::forward`].
    pub fn forward_add_relu(
        &self,
        x: &Tensor,
        residual: &Tensor,
        pass: &Pass<'_>,
    ) -> Result<Tensor> {
        self.forward_then(x, Then::AddRelu(residual), pass)
    }

    fn forward_then(&self, x: &Tensor, then: Then<'_>, pass: &Pass<'_>) -> Result<Tensor> {
        let by_batch = pass.statistics() != Statistics::Running;
        if by_batch && pass.store().fusion().statistics && !self.conv.has_bias() {
            let y = self.conv.forward_with_statistics(x, pass)?;
            return self.norm.forward_then(Input::WithStatistics(&y), then, pass);
        }
        let y = self.conv.forward(x, pass)?;
        self.norm.forward_then(Input::Alone(&y), then, pass)
    }
}

impl Module for ConvNorm {
    /// `bn(conv x)`.
    fn forward(&self, x: &Tensor, pass: &Pass<'_>) -> Result<Tensor> {
        self.forward_then(x, Then::Nothing, pass)
    }
}
