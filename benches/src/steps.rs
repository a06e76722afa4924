//! Whole steps of a network.

use lowland_core::{Clock, DType};
use lowland_lab::{Groups, Images, Result, Trainer};
use lowland_models::ModelConfig;
use lowland_optim::Sgd;
use lowland_tensor::{Device, Tensor};

use crate::values;

/// A network of the zoo, SGD with momentum, and a batch of images of 32x32 in ten classes.
#[derive(Debug)]
pub struct Network {
    trainer: Trainer,
    shape: [usize; 4],
    pixels: Vec<f32>,
    labels: Vec<u32>,
    images: Tensor,
}

impl Network {
    /// The network of this name with a batch of this many images.
    ///
    /// # Errors
    /// Where the zoo has none of this name, and as [`Trainer::new`].
    pub fn new(name: &str, batch: usize, device: &Device) -> Result<Self> {
        let shape = [batch, 32, 32, 3];
        let pixels = values(shape.iter().product());
        let labels: Vec<u32> = (0..batch as u32).map(|i| i % 10).collect();
        let images = Tensor::from_slice(device, shape, &pixels)?;
        let model = ModelConfig::named(name).build([32, 32, 3], 10, device, DType::F32, 1)?;
        let chain = Sgd { momentum: 0.9, ..Sgd::default() }.chain()?;
        let trainer = Trainer::new(model, Groups::One(chain.into()), 0.0)?;
        Ok(Network { trainer, shape, pixels, labels, images })
    }

    /// A training step: forward, loss, backward, optimizer.
    ///
    /// # Errors
    /// As [`Trainer::step`].
    pub fn train(&mut self) -> Result<()> {
        let batch = Images { shape: self.shape, pixels: &self.pixels, labels: &self.labels };
        self.trainer.step(&batch, &Clock::at_step(1, 0.05)).map(drop)
    }

    /// An inference pass, whose logits come back to the host.
    ///
    /// # Errors
    /// Whatever the network and the backend say.
    pub fn infer(&self) -> Result<Vec<f32>> {
        Ok(self.trainer.model().eval(&self.images)?.to_vec::<f32>()?)
    }
}
