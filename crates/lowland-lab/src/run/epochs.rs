//! The loop over epochs.

use std::time::Instant;

use lowland_core::Clock;
use lowland_data::{Batch, Loader};

use super::{DataInfo, Observer, Position, Run, Stop};
use crate::checkpoint::Progress;
use crate::config::OnNonFinite;
use crate::finite::{Fault, NotFinite};
use crate::metrics::{EpochMetrics, Running};
use crate::record::{Ended, Record, now};
use crate::trainer::Images;
use crate::{Error, Result};

/// Work of a training image, where that of evaluating one is 1: forward, and two such passes back.
const TRAINING_WORK: usize = 3;

/// Training steps that are timed to judge an epoch by; the first of a network takes longer.
const TIMED_STEPS: usize = 4;

impl Run {
    /// Trains all epochs that are left. Returns how that ended; `warm` becomes how often memory had been
    /// asked for by the end of the first of them.
    pub(super) fn train(
        &mut self,
        warm: &mut Option<u64>,
        record: &mut Record,
        observer: &mut dyn Observer,
        stop: &Stop,
    ) -> Result<Ended> {
        let (planned, batches) = (self.info.epochs, self.info.steps_per_epoch);
        if !self.deform(observer, stop)? {
            return Ok(Ended::Interrupted { epoch: 1, batches_done: 0, batches });
        }
        while self.progress.epoch <= planned {
            let (epoch, before) = (self.progress.epoch, self.progress.epoch_seconds);
            let began = Instant::now();
            self.train_epoch(record, observer, stop)?;
            let interrupted = |batches_done| Ended::Interrupted { epoch, batches_done, batches };
            if self.progress.batches < batches {
                return Ok(interrupted(self.progress.batches));
            }
            let Some((validation, test)) = self.evaluate_epoch(epoch, observer, stop)? else {
                self.progress.epoch_seconds = before + began.elapsed().as_secs_f64();
                return Ok(interrupted(batches));
            };
            let Progress { running, lr, train_seconds, .. } = self.progress;
            let metrics = EpochMetrics {
                epoch,
                train_loss: running.loss(),
                train_acc: running.accuracy(),
                val_loss: validation.map(|v| v.loss()),
                val_acc: validation.map(|v| v.accuracy()),
                test_loss: test.loss(),
                test_acc: test.accuracy(),
                lr,
                deformation_slope: running.slope(),
                block_coefficients: self.block_coefficients()?,
                skipped_steps: self.progress.skips.of_epoch(epoch),
                images_per_s: running.images() as f64 / train_seconds.max(1e-9),
                seconds: before + began.elapsed().as_secs_f64(),
            };
            warm.get_or_insert(self.trainer.device().memory().fresh_allocations);
            self.progress.epochs.push(metrics);
            self.progress.recorded_at.push(now());
            self.progress.next_epoch();
            record.epoch(&self.progress, &self.trainer.model().store)?;
            if record.keeper().wants(&self.progress.epochs, planned) {
                self.checkpoint(record)?;
            }
            observer.epoch(&self.progress.epochs[epoch - 1]);
            if stop.wished() && epoch < planned {
                return Ok(interrupted(batches));
            }
        }
        Ok(Ended::Finished)
    }

    /// Trains what is left of an epoch, or as much of it as there is time for.
    fn train_epoch(
        &mut self,
        record: &mut Record,
        observer: &mut dyn Observer,
        stop: &Stop,
    ) -> Result<()> {
        let (epoch, first) = (self.progress.epoch, self.progress.batches);
        let (before, trained) = (self.progress.epoch_seconds, self.progress.train_seconds);
        let began = Instant::now();
        // The loader counts epochs from 0.
        for batch in self.loaders.train.start_at(epoch as u64 - 1, first) {
            let batch = batch?;
            let clock = self.clock(epoch, self.progress.batches);
            let scored = self.trainer.step(&images(&batch), &clock)?;
            let fault = scored.fault.clone();
            match fault.clone() {
                Some(fault) => self.skip(fault, epoch, self.progress.batches, observer)?,
                None => self.progress.running.add(&scored, batch.len()),
            }
            let seconds = began.elapsed().as_secs_f64();
            let progress = &mut self.progress;
            progress.lr = clock.lr;
            progress.batches += 1;
            (progress.epoch_seconds, progress.train_seconds) =
                (before + seconds, trained + seconds);
            if fault.is_none() {
                let Progress { running, batches, train_seconds, .. } = self.progress;
                observer.stepped(&Position {
                    epoch,
                    batch: batches,
                    train_loss: running.loss(),
                    train_acc: running.accuracy(),
                    images_per_s: running.images() as f64 / train_seconds.max(1e-9),
                    done: self.work_done(epoch, TRAINING_WORK * running.images()),
                });
            }
            if stop.wished() {
                break;
            }
            if record.keeper().is_due(clock.step) {
                self.checkpoint(record)?;
            }
        }
        Ok(())
    }

    /// The scores on validation and test images; none where a stop is wished.
    fn evaluate_epoch(
        &mut self,
        epoch: usize,
        observer: &mut dyn Observer,
        stop: &Stop,
    ) -> Result<Option<(Option<Running>, Running)>> {
        let mut before = TRAINING_WORK * self.info.data.train_images;
        let mut validation = None;
        if let Some(loader) = self.loaders.validation.clone() {
            let at = Scoring { images: "validation", epoch, before };
            validation = self.evaluate(&loader, &at, observer, stop)?;
            if validation.is_none() {
                return Ok(None);
            }
            before += loader.view().len();
        }
        let loader = self.loaders.test.clone();
        let at = Scoring { images: "test", epoch, before };
        let test = self.evaluate(&loader, &at, observer, stop)?;
        Ok(test.map(|test| (validation, test)))
    }

    /// The score on one loader's images; none where a stop is wished.
    ///
    /// # Errors
    /// [`Error::NotFinite`] where the epoch's last step broke the network.
    pub(super) fn evaluate(
        &mut self,
        loader: &Loader,
        at: &Scoring,
        observer: &mut dyn Observer,
        stop: &Stop,
    ) -> Result<Option<Running>> {
        let mut running = Running::default();
        for batch in loader.epoch(0) {
            let batch = batch?;
            let scored = self.trainer.evaluate(&images(&batch))?;
            if let Some(fault) = &scored.fault {
                let last = self.info.steps_per_epoch - 1;
                return Err(self.not_finite(fault.clone(), at.images, at.epoch, last));
            }
            running.add(&scored, batch.len());
            observer.evaluated(self.work_done(at.epoch, at.before + running.images()));
            if stop.wished() {
                return Ok(None);
            }
        }
        Ok(Some(running))
    }

    /// The clock of the step that follows `batches` batches of an epoch.
    pub(super) fn clock(&self, epoch: usize, batches: usize) -> Clock {
        let (planned, per_epoch) = (self.info.epochs, self.info.steps_per_epoch);
        let steps = (epoch - 1) * per_epoch + batches;
        let config = self.plan.config();
        let position = (epoch - 1) as f64 + batches as f64 / per_epoch as f64;
        Clock {
            step: 1 + steps as u64,
            epoch: epoch as u64,
            progress: steps as f64 / (planned * per_epoch) as f64,
            lr: self.progress.skips.lr_factor
                * config.schedule.lr(config.optimizer.learning_rate, position, planned as f64),
        }
    }

    /// The part of the run's work that is done, of which `in_epoch` in the epoch under way.
    fn work_done(&self, epoch: usize, in_epoch: usize) -> f64 {
        let per_epoch = self.info.data.work_of_an_epoch();
        let done = (epoch - 1) as f64 + in_epoch as f64 / per_epoch as f64;
        (done / self.info.epochs as f64).min(1.0)
    }

    /// The error of what was not finite at the step that follows `batches` batches of an epoch.
    pub(super) fn not_finite(
        &self,
        fault: Fault,
        images: &'static str,
        epoch: usize,
        batches: usize,
    ) -> Error {
        let Clock { step, lr, .. } = self.clock(epoch, batches);
        let at_most = match self.plan.config().train.on_non_finite {
            OnNonFinite::Stop => 0,
            OnNonFinite::SkipAndLower(policy) => policy.at_most,
        };
        let (batch, skipped) = (batches + 1, self.progress.skips.steps.len());
        let checkpoint = None;
        NotFinite { fault, images, step, epoch, batch, lr, skipped, at_most, checkpoint }.into()
    }
}

impl Run {
    /// Seconds of an epoch, evaluation included, judged by the quickest of a few training steps. The run is
    /// used up.
    pub(crate) fn time_an_epoch(mut self) -> Result<f64> {
        let mut an_image = f64::INFINITY;
        let mut batches = self.loaders.train.epoch(0);
        for step in 0..TIMED_STEPS {
            let began = Instant::now();
            let Some(batch) = batches.next() else { break };
            let (batch, clock) = (batch?, self.clock(1, step));
            self.trainer.step(&images(&batch), &clock)?;
            an_image = an_image.min(began.elapsed().as_secs_f64() / batch.len() as f64);
        }
        Ok(an_image * self.info.data.work_of_an_epoch() as f64 / TRAINING_WORK as f64)
    }
}

impl DataInfo {
    /// The work of an epoch, evaluation included.
    pub(crate) fn work_of_an_epoch(&self) -> usize {
        TRAINING_WORK * self.train_images + self.validation_images + self.test_images
    }
}

/// Which images are scored, and when.
pub(super) struct Scoring {
    pub(super) images: &'static str,
    pub(super) epoch: usize,
    /// The work that was done in the epoch before.
    pub(super) before: usize,
}

pub(crate) fn images(batch: &Batch) -> Images<'_> {
    Images { shape: batch.shape(), pixels: batch.images(), labels: batch.labels() }
}
