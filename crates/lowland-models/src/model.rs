//! A network with its numbers.

use lowland_core::Result;
use lowland_tensor::Tensor;

use crate::zoo::{BlockScheme, Spec};
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
    /// What the structure was made from.
    pub spec: Spec,
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

    /// The scheme of every block that looks back on more than one state, with the numbers it has now:
    /// those of a ZeroSNet-Tra and of an LM-ResNet move in training. Empty for other networks.
    ///
    /// # Errors
    /// As [`Spec::schemes`].
    ///
    /// ```
    /// use std::sync::Arc;
    /// use lowland_models::{ModelConfig, zoo::Variant};
    /// # let device: lowland_tensor::Device = Arc::new(lowland_cpu::Cpu::new(1));
    /// let config = ModelConfig { variant: Some(Variant::Tra), ..ModelConfig::named("zerosnet20") };
    /// let model = config.build([8, 8, 1], 10, &device, lowland_core::DType::F32, 0)?;
    /// let schemes = model.schemes()?;
    /// assert_eq!((schemes.len(), schemes[0].block, schemes[0].trained), (7, 2, Some(1.0)));
    /// assert_eq!(schemes[0].scheme.analyse().to_string(), "zero-stable, parasitic radius 0.707");
    /// # Ok::<(), lowland_models::Error>(())
    /// ```
    pub fn schemes(&self) -> crate::Result<Vec<BlockScheme>> {
        self.spec.schemes(&self.store)
    }
}
