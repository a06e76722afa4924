//! Convolution.

use lowland_core::{Error, Result, Shape};
use lowland_tensor::{Tensor, WithStatistics};

use crate::{Init, Module, Param, Pass, Role, Scope};

/// What a [`Conv2d`] is made of. [`Conv2dSpec::new`] has PyTorch's defaults.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Conv2dSpec {
    /// Channels of the input, I.
    pub in_channels: usize,
    /// Channels of the output, O.
    pub out_channels: usize,
    /// Height and width of the window.
    pub kernel: [usize; 2],
    /// Steps between windows, down and across.
    pub stride: [usize; 2],
    /// Zeros on each side, above and below, left and right.
    pub padding: [usize; 2],
    /// Into how many groups the channels fall.
    pub groups: usize,
    /// Whether a bias is added.
    pub bias: bool,
    /// How the weight starts.
    pub init: Init,
}

impl Conv2dSpec {
    /// A square window with stride 1, no padding, one group, a bias, and PyTorch's initial values.
    #[must_use]
    pub fn new(in_channels: usize, out_channels: usize, kernel: usize) -> Self {
        Conv2dSpec {
            in_channels,
            out_channels,
            kernel: [kernel; 2],
            stride: [1; 2],
            padding: [0; 2],
            groups: 1,
            bias: true,
            init: Init::torch_weight(),
        }
    }
}

/// Convolution of `[N, H, W, I]` with a weight `[O, I / groups, kh, kw]`, plus a bias `[O]` if any.
#[derive(Clone, Debug)]
pub struct Conv2d {
    weight: Param,
    bias: Option<Param>,
    stride: [usize; 2],
    padding: [usize; 2],
    groups: usize,
}

impl Conv2d {
    /// Declares `weight` and, if asked for, `bias` in a scope.
    ///
    /// # Errors
    /// [`Error::Invalid`] where a size is 0 or the groups do not divide the channels.
    pub fn new(mut scope: Scope<'_>, spec: &Conv2dSpec) -> Result<Self> {
        let &Conv2dSpec { in_channels, out_channels, kernel, stride, groups, .. } = spec;
        let sizes = [in_channels, out_channels, groups];
        if sizes.iter().chain(&kernel).chain(&stride).any(|&size| size == 0) {
            let message = "channels, groups, kernel and stride must be at least 1";
            return Err(Error::invalid("conv2d", message));
        }
        if in_channels % groups != 0 || out_channels % groups != 0 {
            let message = format!(
                "{groups} groups must divide {in_channels} input and {out_channels} output channels"
            );
            return Err(Error::invalid("conv2d", message));
        }
        let shape = Shape::from([out_channels, in_channels / groups, kernel[0], kernel[1]]);
        let weight = scope.param("weight", shape, Role::ConvWeight, spec.init);
        let bias = spec.bias.then(|| {
            let init = Init::torch_bias(&shape);
            scope.param("bias", Shape::from([out_channels]), Role::Bias, init)
        });
        Ok(Conv2d { weight, bias, stride, padding: spec.padding, groups })
    }

    /// Whether a bias is added.
    pub(super) fn has_bias(&self) -> bool {
        self.bias.is_some()
    }

    /// The convolution without a bias, with the statistics of its output.
    pub(super) fn forward_with_statistics(
        &self,
        x: &Tensor,
        pass: &Pass<'_>,
    ) -> Result<WithStatistics> {
        let weight = pass.param(&self.weight)?;
        x.conv2d_with_statistics(&weight, self.stride, self.padding, self.groups)
    }
}

impl Module for Conv2d {
    fn forward(&self, x: &Tensor, pass: &Pass<'_>) -> Result<Tensor> {
        let weight = pass.param(&self.weight)?;
        let y = x.conv2d(&weight, self.stride, self.padding, self.groups)?;
        match &self.bias {
            Some(bias) => y.add(&pass.param(bias)?),
            None => Ok(y),
        }
    }
}
