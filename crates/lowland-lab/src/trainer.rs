//! A network with its optimizer on a device: one training step, one evaluation step.

use lowland_core::op::{Accumulate, Op};
use lowland_core::{Buffer, Clock, DType, Element};
use lowland_models::{CrossEntropy, Model, Pass, Role};
use lowland_optim::deformation::DeformedLoss;
use lowland_optim::{ArenaOptimizer, ArenaParam, GroupSpec, OptimizerState};
use lowland_tensor::{Device, Tensor};

use crate::Result;
use crate::config::OnNonFinite;
use crate::finite::{Fault, Sums};
use crate::metrics::count_correct;
use crate::plan::{Groups, Plan, in_model};

/// What a batch gave.
#[derive(Clone, Debug, PartialEq)]
pub struct Scored {
    /// The mean loss over its images.
    pub loss: f64,
    /// How many of its images were classified correctly.
    pub correct: usize,
    /// f'(L), which the gradients of the step were multiplied by; none without a deformation.
    pub slope: Option<f64>,
    /// The first that was not finite, of loss, gradients, running statistics, parameters and the
    /// optimizer's state.
    pub fault: Option<Fault>,
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
    deformation: Option<Deformation>,
    sums: Sums,
    /// The running statistics before the step under way, where a step that fails gives them back.
    kept_stats: Option<Buffer>,
    logits: Vec<f32>,
}

/// A deformation of the loss in a run of so many epochs.
#[derive(Debug)]
struct Deformation {
    loss: DeformedLoss,
    epochs: f64,
}

impl Deformation {
    /// f'(L) at a point of the run.
    fn slope(&self, loss: f64, clock: &Clock) -> f64 {
        self.loss.at(loss, clock.progress * self.epochs).slope
    }
}

impl Trainer {
    /// A trainer of a network, by the updates of `groups`.
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
            Groups::One(update) => vec![GroupSpec::all("all", update)],
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
        let (sums, logits) = (Sums::new(&model.store, &optimizer)?, Vec::new());
        let (deformation, kept_stats) = (None, None);
        Ok(Trainer { device, model, optimizer, loss, deformation, sums, kept_stats, logits })
    }

    /// A trainer of a network as a plan wants it.
    ///
    /// # Errors
    /// As [`Trainer::new`]; what is wrong with the model has its place in the file.
    pub(crate) fn of_plan(plan: &Plan, model: Model) -> Result<Trainer> {
        let config = plan.config();
        let trainer = Trainer::new(model, plan.groups()?, config.train.label_smoothing)
            .and_then(|trainer| match config.optimizer.clip_norm() {
                Some(max_norm) => trainer.with_clip_norm(max_norm),
                None => Ok(trainer),
            })
            .and_then(|trainer| match config.train.on_non_finite {
                OnNonFinite::Stop => Ok(trainer),
                OnNonFinite::SkipAndLower(_) => trainer.with_kept_statistics(),
            });
        trainer.map_err(|error| in_model(plan.file(), error))
    }

    /// This trainer with the gradients of each step clipped by their norm, those of all parameters
    /// together.
    ///
    /// # Errors
    /// As [`ArenaOptimizer::with_clip_norm`].
    pub fn with_clip_norm(self, max_norm: f64) -> Result<Trainer> {
        Ok(Trainer { optimizer: self.optimizer.with_clip_norm(max_norm)?, ..self })
    }

    /// This trainer, whose running statistics too are those from before a step that was not made.
    ///
    /// # Errors
    /// As [`lowland_core::Backend::allocate`].
    pub fn with_kept_statistics(self) -> Result<Trainer> {
        let stats = self.model.store.stats();
        let kept_stats = Some(self.device.allocate(stats.len(), stats.dtype())?);
        Ok(Trainer { kept_stats, ..self })
    }

    /// Descends a deformed loss from now on, in a run of so many epochs: steps are told where they
    /// are by the progress of their clock.
    pub fn deform(&mut self, loss: DeformedLoss, epochs: usize) {
        self.deformation = Some(Deformation { loss, epochs: epochs as f64 });
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

    /// Replaces the state of the optimizer, as [`ArenaOptimizer::load_state_dict`].
    ///
    /// # Errors
    /// As there.
    pub fn load_optimizer_state(&mut self, state: &OptimizerState<f32>) -> Result<()> {
        Ok(self.optimizer.load_state_dict(state)?)
    }

    /// Where it runs.
    #[must_use]
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// The logits `[N, classes]` of the batch that was scored last.
    #[must_use]
    pub fn logits(&self) -> &[f32] {
        &self.logits
    }

    /// One training step. The loss that is returned is never the deformed one.
    ///
    /// Where the loss, a gradient or a running statistic is not finite, [`Scored::fault`] says so, and
    /// neither parameters nor the optimizer have changed; running statistics have, except
    /// [where they are kept](Trainer::with_kept_statistics). Where a parameter or the optimizer's state is
    /// not finite after the update, it says that.
    ///
    /// # Errors
    /// Whatever the network, the backend and the optimizer say.
    pub fn step(&mut self, batch: &Images<'_>, clock: &Clock) -> Result<Scored> {
        let (images, labels) = self.upload(batch)?;
        self.step_on(images, labels, batch.labels, clock)
    }

    /// [`Trainer::step`] on images and labels that are on the device.
    pub(crate) fn step_on(
        &mut self,
        images: Tensor,
        labels: Tensor,
        expected: &[u32],
        clock: &Clock,
    ) -> Result<Scored> {
        if let Some(kept) = &self.kept_stats {
            copy(&self.device, self.model.store.stats(), kept)?;
        }
        self.model.store.zero_grad()?;
        let logits = self.model.train(&images)?;
        let loss = self.loss.forward(&logits, &labels)?;
        let mut scored = self.score(&logits, &loss, expected)?;
        drop((images, labels, logits));
        let store = &self.model.store;
        if scored.fault.is_none() {
            scored.slope = self.deformation.as_ref().map(|d| d.slope(scored.loss, clock));
            loss.backward_scaled(scored.slope.unwrap_or(1.0))?;
            scored.fault = self.sums.fault_of_gradients(store)?;
        }
        if scored.fault.is_some() {
            if let Some(kept) = &self.kept_stats {
                copy(&self.device, kept, store.stats())?;
            }
        } else {
            self.optimizer.step(clock, store.params(), store.grads())?;
            scored.fault = self.sums.fault_of_update(store, &self.optimizer)?;
        }
        Ok(scored)
    }

    /// Scores a batch by running statistics, with plain cross-entropy; nothing changes.
    ///
    /// # Errors
    /// Whatever the network and the backend say.
    pub fn evaluate(&mut self, batch: &Images<'_>) -> Result<Scored> {
        let (images, labels) = self.upload(batch)?;
        self.evaluate_on(images, labels, batch.labels)
    }

    /// [`Trainer::evaluate`] on images and labels that are on the device.
    pub(crate) fn evaluate_on(
        &mut self,
        images: Tensor,
        labels: Tensor,
        expected: &[u32],
    ) -> Result<Scored> {
        let logits = self.model.eval(&images)?;
        let loss = CrossEntropy::default().forward(&logits, &labels)?;
        self.score(&logits, &loss, expected)
    }

    /// Scores a batch as a training step would, by the statistics of the batch and with the loss that
    /// is minimised; nothing changes.
    ///
    /// # Errors
    /// Whatever the network and the backend say.
    pub fn score_as_trained(&mut self, batch: &Images<'_>) -> Result<Scored> {
        let (images, labels) = self.upload(batch)?;
        let pass = Pass::train(&self.model.store).frozen_stats();
        let logits = self.model.module.forward(&images, &pass)?;
        let loss = self.loss.forward(&logits, &labels)?;
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
        let (loss, correct) = (loss.item()?, count_correct(&self.logits, labels));
        let fault = (!loss.is_finite()).then_some(Fault::Loss(loss));
        Ok(Scored { loss, correct, slope: None, fault })
    }
}

fn copy(device: &Device, from: &Buffer, to: &Buffer) -> Result<()> {
    let copy = Op::Accumulate(Accumulate { len: to.len(), a: 1.0, b: 0.0 });
    Ok(device.run(&copy, &[from], &[to])?)
}
