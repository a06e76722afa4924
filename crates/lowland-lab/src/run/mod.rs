//! A run: a plan with its data, its network and its device, and the loop over epochs.

mod around;
mod checkpoints;
mod epochs;
mod range;
mod setup;
mod skips;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use lowland_data::LabelNoiseReport;
use serde::{Deserialize, Serialize};

pub use around::{NoiseScore, SchemeInfo};
pub(crate) use epochs::images;
pub(crate) use setup::{Parts, open_dataset};
pub use skips::{SkippedStep, Skips};

use crate::calibration::Calibration;
use crate::checkpoint::Progress;
use crate::initial::InitialWeights;
use crate::metrics::{EpochMetrics, Results};
use crate::panics::caught;
use crate::plan::Plan;
use crate::record::{Ended, Record};
use crate::trainer::Trainer;
use crate::{Error, Result};

/// What a run needs to know of the machine. Nothing in it changes a bit of the results.
#[derive(Clone, Debug)]
pub struct Options {
    /// The device, by name.
    pub device: String,
    /// Threads that the device computes on.
    pub threads: usize,
    /// Background threads that prepare batches; 0 prepares them in between.
    pub workers: usize,
}

impl Default for Options {
    fn default() -> Self {
        Options { device: "cpu".into(), threads: crate::machine::logical_cores(), workers: 1 }
    }
}

/// A wish to stop that can come from anywhere: the run ends after the step it is at. Once all epochs are
/// done, what is left is short, and is done.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Wishes to stop. Returns whether that had been wished before.
    pub fn wish(&self) -> bool {
        self.0.swap(true, Ordering::SeqCst)
    }

    /// Whether to stop.
    #[must_use]
    pub fn wished(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// What a run is made of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunInfo {
    /// The experiment's name.
    pub name: String,
    /// Its seed.
    pub seed: u64,
    /// The network.
    pub model: ModelInfo,
    /// The data.
    pub data: DataInfo,
    /// The optimizer: what each group of parameters is stepped with.
    pub optimizer: String,
    /// What of the experiment may not be as it was meant; see [`Plan::notes`].
    pub notes: Vec<String>,
    /// Epochs planned.
    pub epochs: usize,
    /// Steps of an epoch.
    pub steps_per_epoch: usize,
    /// Images a step.
    pub batch_size: usize,
    /// The device.
    pub device: String,
    /// Threads that the device computes on.
    pub threads: usize,
    /// The instruction set of the device's kernels.
    pub instruction_set: String,
    /// Threads that prepare batches.
    pub loader_workers: usize,
    /// The most bytes in tensors that are alive together, worked out before the run; see
    /// [`Memory::peak_tensor_bytes`] for what it was. None for runs that were not asked.
    #[serde(default)]
    pub tensor_bytes_expected: Option<usize>,
}

/// The network of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelInfo {
    /// Its name.
    pub name: String,
    /// Trainable numbers.
    pub parameters: usize,
    /// Multiply-adds of one image's forward pass.
    pub multiply_adds: u64,
    /// The layers that run as one op on this device.
    pub fused_layers: String,
    /// The file that its first weights came from; absent where they are random.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initial_weights: Option<InitialWeights>,
}

/// The data of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DataInfo {
    /// The dataset's name.
    pub name: String,
    /// Its name for people.
    pub title: String,
    /// A checksum of everything in it.
    pub checksum: String,
    /// H, W, C of an image.
    pub image: [usize; 3],
    /// The number of classes.
    pub classes: usize,
    /// Images trained on.
    pub train_images: usize,
    /// Images held back for validation.
    pub validation_images: usize,
    /// Test images.
    pub test_images: usize,
    /// What noise did to the labels of the training images; none without.
    pub label_noise: Option<LabelNoiseReport>,
}

/// Where a run is, after a step.
#[derive(Clone, Copy, Debug)]
pub struct Position {
    /// The epoch, from 1.
    pub epoch: usize,
    /// Batches of the epoch that are done.
    pub batch: usize,
    /// Mean loss of the epoch so far.
    pub train_loss: f64,
    /// Accuracy of the epoch so far.
    pub train_acc: f64,
    /// Training images per second in this epoch.
    pub images_per_s: f64,
    /// The part of the whole run's work that is done, 0 to 1.
    pub done: f64,
}

/// Somebody who watches a run.
pub trait Observer {
    /// The run begins.
    fn started(&mut self, _info: &RunInfo) {}
    /// The loss of the untrained network is known, relative to which the loss is deformed.
    fn measured_initial_loss(&mut self, _loss: f64) {}
    /// A training step is done.
    fn stepped(&mut self, _position: &Position) {}
    /// A training step was skipped, as a number was not finite.
    fn skipped(&mut self, _skipped: &SkippedStep) {}
    /// A batch of the validation or test images is done; `done` as in [`Position`].
    fn evaluated(&mut self, _done: f64) {}
    /// An epoch is done and recorded.
    fn epoch(&mut self, _metrics: &EpochMetrics) {}
    /// The trained network was tested on noisy images.
    fn tested_on_noise(&mut self, _scores: &[NoiseScore]) {}
    /// There will be no more calls.
    fn ended(&mut self) {}
}

/// A watcher who does nothing.
impl Observer for () {}

/// How a run went.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// Whether it came to its end.
    pub ended: Ended,
    /// All complete epochs.
    #[serde(skip)]
    pub epochs: Vec<EpochMetrics>,
    /// The accuracies; none before the first complete epoch.
    pub results: Option<Results>,
    /// The loss of the untrained network over the training images, relative to which the loss was
    /// deformed; none where that was not asked for.
    pub initial_loss: Option<f64>,
    /// The steps that were skipped as a number was not finite.
    pub skipped_steps: Vec<SkippedStep>,
    /// The scores of the final epoch's network on noisy test images.
    pub input_noise: Vec<NoiseScore>,
    /// How far the confidences of the final epoch's network on the test images are from its accuracy;
    /// none where the run did not finish.
    pub calibration: Option<Calibration>,
    /// The schemes of the multistep blocks at the end; none for other networks.
    pub schemes: Option<Vec<SchemeInfo>>,
    /// How long it took.
    pub seconds: f64,
    /// The memory it took.
    pub memory: Memory,
}

/// The memory of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// The most bytes in tensors that were alive together.
    pub peak_tensor_bytes: usize,
    /// Bytes that the device's pool holds.
    pub held_tensor_bytes: usize,
    /// How often the pool had to ask the system for memory.
    pub fresh_allocations: u64,
    /// The part of these after the first epoch: 0, as a warm step finds all it needs in the pool.
    /// None where no second epoch was completed, as nothing was measured then.
    pub fresh_allocations_after_first_epoch: Option<u64>,
    /// The most bytes of the process that were resident; none where the system does not tell.
    pub peak_resident_bytes: Option<u64>,
}

/// A plan, ready to run.
#[derive(Debug)]
pub struct Run {
    plan: Plan,
    info: RunInfo,
    trainer: Trainer,
    loaders: setup::Loaders,
    progress: Progress,
}

impl Run {
    /// Opens the dataset, builds the network and its optimizer.
    ///
    /// # Errors
    /// Whatever is wrong with dataset or device, and mistakes of the config that only show with the
    /// dataset, such as a subset larger than it.
    pub fn new(plan: Plan, options: &Options) -> Result<Run> {
        setup::set_up(plan, options)
    }

    /// What it is made of.
    #[must_use]
    pub fn info(&self) -> &RunInfo {
        &self.info
    }

    /// The plan.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The network with its optimizer.
    #[must_use]
    pub fn trainer(&self) -> &Trainer {
        &self.trainer
    }

    /// Where it is.
    #[must_use]
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Trains to the end, or until a stop is wished, and records everything.
    ///
    /// # Errors
    /// [`Error::NotFinite`](crate::Error::NotFinite), and whatever else stops it. What was done by
    /// then is in the record, with the reason.
    pub fn execute(
        &mut self,
        record: &mut Record,
        observer: &mut dyn Observer,
        stop: &Stop,
    ) -> Result<Outcome> {
        let began = Instant::now();
        observer.started(&self.info);
        let (mut warm, before) = (None, self.progress.seconds);
        let epochs_before = self.progress.epochs.len();
        let (mut input_noise, mut calibration, mut schemes) = (Vec::new(), None, None);
        let trained = caught(|| self.train(&mut warm, record, observer, stop));
        self.progress.seconds = before + began.elapsed().as_secs_f64();
        let trained = trained.and_then(|ended| {
            if matches!(ended, Ended::Interrupted { .. }) {
                self.checkpoint(record)?;
            }
            if ended == Ended::Finished {
                caught(|| {
                    input_noise = self.evaluate_noise(observer)?;
                    observer.tested_on_noise(&input_noise);
                    calibration = Some(self.evaluate_calibration()?);
                    Ok(())
                })?;
            }
            schemes = self.schemes()?;
            Ok(ended)
        });
        observer.ended();
        let (ended, failure) = match trained {
            Ok(ended) => (ended, None),
            Err(error) => {
                let error = match error {
                    Error::NotFinite(mut what) => {
                        what.checkpoint = record.keeper().newest().map(Path::to_path_buf);
                        Error::NotFinite(what)
                    }
                    error => error,
                };
                let diverged = matches!(error, Error::NotFinite { .. });
                (Ended::Failed { reason: error.to_string(), diverged }, Some(error))
            }
        };
        let seconds = before + began.elapsed().as_secs_f64();
        let epochs = self.progress.epochs.clone();
        let outcome = Outcome {
            results: Results::of(&epochs),
            initial_loss: self.progress.initial_loss,
            skipped_steps: self.progress.skips.steps.clone(),
            input_noise,
            calibration,
            schemes,
            memory: self.memory(warm.filter(|_| epochs.len() > epochs_before + 1)),
            ended,
            epochs,
            seconds,
        };
        let recorded = record.finish(&outcome, &self.trainer.model().store);
        match failure {
            Some(error) => Err(error),
            None => recorded.map(|()| outcome),
        }
    }

    fn memory(&self, warm: Option<u64>) -> Memory {
        let stats = self.trainer.device().memory();
        Memory {
            peak_tensor_bytes: stats.peak_bytes_in_use,
            held_tensor_bytes: stats.bytes_held,
            fresh_allocations: stats.fresh_allocations,
            fresh_allocations_after_first_epoch: warm.map(|warm| stats.fresh_allocations - warm),
            peak_resident_bytes: crate::machine::peak_resident_bytes(),
        }
    }
}
