//! The fully connected layer.

use lowland_core::{Error, Result, Shape};
use lowland_tensor::Tensor;

use crate::{Init, Module, Param, Pass, Role, Scope};

/// `x Wᵀ + b` for `x` of `[N, I]`, a weight `[O, I]` and a bias `[O]`.
#[derive(Clone, Debug)]
pub struct Linear {
    weight: Param,
    bias: Param,
}

impl Linear {
    /// Declares `weight` and `bias` in a scope, with PyTorch's initial values.
    ///
    /// # Errors
    /// [`Error::Invalid`] where a size is 0.
    pub fn new(mut scope: Scope<'_>, inputs: usize, outputs: usize) -> Result<Self> {
        if inputs == 0 || outputs == 0 {
            let message = format!("{inputs} inputs and {outputs} outputs; both must be at least 1");
            return Err(Error::invalid("linear", message));
        }
        let shape = Shape::from([outputs, inputs]);
        let weight = scope.param("weight", shape, Role::LinearWeight, Init::torch_weight());
        let init = Init::torch_bias(&shape);
        let bias = scope.param("bias", Shape::from([outputs]), Role::Bias, init);
        Ok(Linear { weight, bias })
    }
}

impl Module for Linear {
    fn forward(&self, x: &Tensor, pass: &Pass<'_>) -> Result<Tensor> {
        x.linear(&pass.param(&self.weight)?, Some(&pass.param(&self.bias)?))
    }
}
