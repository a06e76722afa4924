//! How a state enters the sum of a block whose shape may differ from its own.

use lowland_core::Result;
use lowland_tensor::Tensor;

use super::super::plan::Window;
use crate::layers::{BatchNorm2d, Conv2d};
use crate::{Module, Pass, Scope};

/// What a state goes through before it is added.
#[derive(Debug)]
pub(super) enum Carry {
    /// Nothing: its shape is right.
    Identity,
    /// A 1x1 convolution of the state.
    Conv(Conv2d),
    /// A 1x1 convolution of what the block's own first normalisation and ReLU make of the state.
    Shared(Conv2d),
    /// A normalisation of its own, ReLU, and a 1x1 convolution.
    Activated(Box<BatchNorm2d>, Conv2d),
}

/// Which of the three a network has where shapes differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Projection {
    Conv,
    Shared,
    Activated,
}

impl Carry {
    /// Declares a convolution with this name where shapes differ, and `short_bn` for
    /// [`Projection::Activated`].
    pub(super) fn new(
        mut scope: Scope<'_>,
        name: &str,
        window: Option<&Window>,
        kind: Projection,
    ) -> Result<Self> {
        let Some(window) = window else { return Ok(Carry::Identity) };
        let norm = match kind {
            Projection::Activated => {
                Some(BatchNorm2d::new(scope.scope("short_bn"), window.inputs)?)
            }
            _ => None,
        };
        let conv = Conv2d::new(scope.scope(name), &window.spec())?;
        Ok(match (norm, kind) {
            (Some(norm), _) => Carry::Activated(Box::new(norm), conv),
            (None, Projection::Shared) => Carry::Shared(conv),
            (None, _) => Carry::Conv(conv),
        })
    }

    /// The state in the shape of the block's output; `activated` is what the block's first
    /// normalisation and ReLU make of its input.
    pub(super) fn forward(
        &self,
        state: &Tensor,
        activated: &Tensor,
        pass: &Pass<'_>,
    ) -> Result<Tensor> {
        match self {
            Carry::Identity => Ok(state.clone()),
            Carry::Conv(conv) => conv.forward(state, pass),
            Carry::Shared(conv) => conv.forward(activated, pass),
            Carry::Activated(norm, conv) => conv.forward(&norm.forward_relu(state, pass)?, pass),
        }
    }
}
