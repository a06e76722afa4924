//! What a run measures before its first epoch and after its last.

use lowland_data::{InputNoise, Loader, LoaderConfig};
use lowland_models::zero_stability::Root;
use lowland_models::zoo::BlockScheme;
use serde::{Deserialize, Serialize};

use super::epochs::{Scoring, images};
use super::{Observer, Run, Stop};
use crate::Result;
use crate::calibration::{Calibration, Confidences};
use crate::checkpoint::Progress;
use crate::metrics::Running;
use crate::plan::in_optim;
use crate::trainer::{Images, Scored};

/// The score of the trained network on noisy test images.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct NoiseScore {
    /// The noise.
    #[serde(flatten)]
    pub noise: InputNoise,
    /// Mean cross-entropy on the noisy test images.
    pub test_loss: f64,
    /// Accuracy on the noisy test images.
    pub test_acc: f64,
}

/// The multistep scheme that a block of the trained network is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SchemeInfo {
    /// The index of the block.
    pub block: usize,
    /// The number that the block trains, if it does: c of a ZeroSNet, k of an LM-ResNet.
    pub trained: Option<f64>,
    /// The coefficients of the states, the newest first.
    pub a: Vec<f64>,
    /// The coefficient of the residual, if the scheme sets it.
    pub b0: Option<f64>,
    /// Whether the scheme is zero-stable, and its root radius, in words.
    pub verdict: String,
    /// The moduli of the characteristic roots, the largest first, a multiple root once.
    pub root_moduli: Vec<f64>,
}

impl Run {
    /// Sets the deformation of the loss up, if there is one. Returns whether that was done before a
    /// stop was wished.
    pub(super) fn deform(&mut self, observer: &mut dyn Observer, stop: &Stop) -> Result<bool> {
        let Some(config) = self.plan.config().deformation else { return Ok(true) };
        // A run that is resumed has measured it.
        if config.normalise && self.progress.initial_loss.is_none() {
            self.progress.initial_loss = self.untrained_loss(stop)?;
            let Some(loss) = self.progress.initial_loss else { return Ok(false) };
            observer.measured_initial_loss(loss);
        }
        let epochs = self.info.epochs;
        let deformed = config.build(epochs as f64, self.progress.initial_loss);
        let deformed = deformed.map_err(|error| in_optim(self.plan.file(), "", error))?;
        self.trainer.deform(deformed, epochs);
        Ok(true)
    }

    /// The loss of the untrained network over the batches of the first epoch, by the statistics of
    /// each batch; none where a stop is wished.
    fn untrained_loss(&mut self, stop: &Stop) -> Result<Option<f64>> {
        let mut running = Running::default();
        for batch in self.loaders.train.epoch(0) {
            let batch = batch?;
            let scored = self.trainer.score_as_trained(&images(&batch))?;
            running.add(&scored, batch.len());
            if let Some(fault) = scored.fault {
                return Err(self.not_finite(fault, "training", 1, 0));
            }
            if stop.wished() {
                return Ok(None);
            }
        }
        Ok(Some(running.loss()))
    }

    /// The scores of the network under each noise that was asked for.
    pub(super) fn evaluate_noise(
        &mut self,
        observer: &mut dyn Observer,
    ) -> Result<Vec<NoiseScore>> {
        let mut scores = Vec::new();
        for noise in self.plan.config().evaluate.input_noise.clone() {
            let clean = &self.loaders.test;
            let seed = self.plan.config().seed;
            let config = LoaderConfig { input_noise: Some(noise), seed, ..clean.config().clone() };
            let noisy = Loader::new(clean.view().clone(), config)?;
            let done = self.info.data.work_of_an_epoch();
            let at = Scoring { images: "noisy test", epoch: self.info.epochs, before: done };
            let Some(running) = self.evaluate(&noisy, &at, observer, &Stop::default())? else {
                break;
            };
            let (test_loss, test_acc) = (running.loss(), running.accuracy());
            scores.push(NoiseScore { noise, test_loss, test_acc });
        }
        Ok(scores)
    }

    /// The test images.
    pub(crate) fn test_images(&self) -> &Loader {
        &self.loaders.test
    }

    /// The score of a batch of test images, and its logits.
    ///
    /// # Errors
    /// [`Error::NotFinite`](crate::Error::NotFinite).
    pub(crate) fn score(&mut self, batch: &Images<'_>) -> Result<(Scored, &[f32])> {
        let scored = self.trainer.evaluate(batch)?;
        if let Some(fault) = &scored.fault {
            let Progress { epoch, batches, .. } = self.progress;
            return Err(self.not_finite(fault.clone(), "test", epoch, batches));
        }
        Ok((scored, self.trainer.logits()))
    }

    /// The calibration of the network on the test images.
    pub(super) fn evaluate_calibration(&mut self) -> Result<Calibration> {
        let loader = self.loaders.test.clone();
        let mut confidences = Confidences::default();
        for batch in loader.epoch(0) {
            let batch = batch?;
            self.trainer.evaluate(&images(&batch))?;
            confidences.add(self.trainer.logits(), batch.labels());
        }
        Ok(confidences.calibration())
    }

    /// What the multistep blocks train of their schemes, if they do.
    pub(super) fn block_coefficients(&self) -> Result<Option<Vec<f64>>> {
        let schemes = self.current_schemes()?;
        let trained: Vec<f64> = schemes.iter().filter_map(|scheme| scheme.trained).collect();
        Ok((!trained.is_empty()).then_some(trained))
    }

    /// The schemes of the multistep blocks as they are now; none where training has led a coefficient
    /// to what is no scheme.
    pub(super) fn schemes(&self) -> Result<Option<Vec<SchemeInfo>>> {
        let schemes = self.current_schemes()?;
        let info = |block: BlockScheme| {
            let stability = block.scheme.analyse();
            SchemeInfo {
                block: block.block,
                trained: block.trained,
                a: block.scheme.a().to_vec(),
                b0: block.scheme.b0(),
                verdict: stability.to_string(),
                root_moduli: stability.roots.iter().map(Root::modulus).collect(),
            }
        };
        Ok((!schemes.is_empty()).then(|| schemes.into_iter().map(info).collect()))
    }

    fn current_schemes(&self) -> Result<Vec<BlockScheme>> {
        match self.trainer.model().schemes() {
            Ok(schemes) => Ok(schemes),
            Err(lowland_models::Error::Config { .. }) => Ok(Vec::new()),
            Err(error) => Err(error.into()),
        }
    }
}
