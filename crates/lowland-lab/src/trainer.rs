//! A network with its optimizer on a device: one training step, one evaluation step.

use lowland_core::{Clock, DType, Element};
use lowland_models::{CrossEntropy, Model, Role};
use lowland_optim::{ArenaOptimizer, ArenaParam, GroupSpec};
use lowland_tensor::{Device, Tensor};

use crate::Result;
use crate::metrics::count_correct;
use crate::plan::Groups;

/// What a batch gave.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scored {
    /// The mean loss over its images.
    pub loss: f64,
    /// How many of its images were classified correctly.
    pub correct: usize,
}

/// Images `[N, H, W, C]` and labels `[N]` in host memory.
#[derive(Clone, Copy, Debug)]
pub struct Images<'a> {
    /// N, H, W, C.
    pub shape: [usize; 4],
    /// The images.
    pub pixels: &'a [f32],
    /// Their labels.
    pub labels: &'a [u32],
}

/// A network and the optimizer that trains it.
#[derive(Debug)]
pub struct Trainer {
    device: Device,
    model: Model,
    optimizer: ArenaOptimizer,
    loss: CrossEntropy,
    logits: Vec<f32>,
}

impl Trainer {
    /// A trainer of a network, by the chains of stages of `groups`.
    ///
    /// # Errors
    /// As [`ArenaOptimizer::new`].
    pub fn new(model: Model, groups: Groups, label_smoothing: f64) -> Result<Trainer> {
        let store = &model.store;
        let device = store.device().clone();
        let param = |entry: &lowland_models::ParamEntry| ArenaParam {
            name: entry.name.to_string(),
            offset: entry.offset,
            shape: entry.shape,
        };
        let params = store.entries().iter().map(param).collect();
        let weights = || {
            let entries = store.entries().iter();
            let weights =
                entries.filter(|e| matches!(e.role, Role::ConvWeight | Role::LinearWeight));
            weights.map(|e| e.name.to_string()).collect::<Vec<String>>()
        };
        let groups = match groups {
            Groups::One(chain) => vec![GroupSpec::all("all", chain)],
            Groups::Two { weights: decaying, others } => {
                vec![
                    GroupSpec::names("weights", weights(), decaying),
                    GroupSpec::all("others", others),
                ]
            }
        };
        let backend = device.clone();
        let optimizer =
            ArenaOptimizer::new(backend, DType::F32, store.params().len(), params, groups)?;
        let loss = CrossEntropy { label_smoothing };
        Ok(Trainer { device, model, optimizer, loss, logits: Vec::new() })
    }

    /// The network.
    #[must_use]
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// The optimizer.
    #[must_use]
    pub fn optimizer(&self) -> &ArenaOptimizer {
        &self.optimizer
    }

    /// Where it runs.
    #[must_use]
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// One training step. Where the loss is not finite it is returned and nothing is updated.
    ///
    /// # Errors
    /// Whatever the network, the backend and the optimizer say.
    pub fn step(&mut self, batch: &Images<'_>, clock: &Clock) -> Result<Scored> {
        let (images, labels) = self.upload(batch)?;
        self.model.store.zero_grad()?;
        let logits = self.model.train(&images)?;
        let loss = self.loss.forward(&logits, &labels)?;
        let scored = self.score(&logits, &loss, batch.labels)?;
        drop((images, labels, logits));
        if scored.loss.is_finite() {
            loss.backward()?;
            let store = &self.model.store;
            self.optimizer.step(clock, store.params(), store.grads())?;
        }
        Ok(scored)
    }

    /// Scores a batch by running statistics, with plain cross-entropy; nothing changes.
    ///
    /// # Errors
    /// Whatever the network and the backend say.
    pub fn evaluate(&mut self, batch: &Images<'_>) -> Result<Scored> {
        let (images, labels) = self.upload(batch)?;
        let logits = self.model.eval(&images)?;
        let loss = CrossEntropy::default().forward(&logits, &labels)?;
        self.score(&logits, &loss, batch.labels)
    }

    fn upload(&self, batch: &Images<'_>) -> Result<(Tensor, Tensor)> {
        let images = Tensor::from_slice(&self.device, batch.shape, batch.pixels)?;
        let labels = Tensor::from_slice(&self.device, [batch.labels.len()], batch.labels)?;
        Ok((images, labels))
    }

    fn score(&mut self, logits: &Tensor, loss: &Tensor, labels: &[u32]) -> Result<Scored> {
        self.logits.resize(logits.shape().len(), 0.0);
        self.device.download(logits.buffer(), f32::host_mut(&mut self.logits))?;
        Ok(Scored { loss: loss.item()?, correct: count_correct(&self.logits, labels) })
    }
}
