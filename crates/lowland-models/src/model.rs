//! A network with its numbers.

use lowland_core::Result;
use lowland_tensor::Tensor;

use crate::{Module, ParamStore, Pass};

/// A network with its numbers, and what it takes and gives.
#[derive(Debug)]
pub struct Model {
    /// The structure.
    pub module: Box<dyn Module>,
    /// The numbers.
    pub store: ParamStore,
    /// The name in the zoo.
    pub name: String,
    /// The images it takes: H, W, C.
    pub input: [usize; 3],
    /// The number of logits it gives.
    pub classes: usize,
    /// Multiply-adds of convolutions and linear layers in the forward pass of one image.
    pub multiply_adds: u64,
}

impl Model {
    /// The logits `[N, classes]` of images `[N, H, W, C]` in a training pass.
    ///
    /// # Errors
    /// As [`Module::forward`].
    pub fn train(&self, images: &Tensor) -> Result<Tensor> {
        self.module.forward(images, &Pass::train(&self.store))
    }

    /// The logits `[N, classes]` of images `[N, H, W, C]` by running statistics, without a record.
    ///
    /// # Errors
    /// As [`Module::forward`].
    pub fn eval(&self, images: &Tensor) -> Result<Tensor> {
        self.module.forward(images, &Pass::eval(&self.store))
    }
}
