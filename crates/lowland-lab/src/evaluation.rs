//! A network's scores and logits on the test images, without training.

use safetensors::tensor::{Dtype, TensorView};
use serde::Serialize;

use crate::calibration::{Calibration, Confidences};
use crate::metrics::Running;
use crate::run::{Run, images};
use crate::{Error, Result};

/// The scores of a network.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Evaluation {
    /// Test images.
    pub images: usize,
    /// Their mean cross-entropy.
    pub loss: f64,
    /// The accuracy on them, 0 to 1.
    pub accuracy: f64,
    /// How far its confidences are from its accuracy.
    pub calibration: Calibration,
}

/// The logits of some test images, to be compared with another program's.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Logits {
    /// `[N, C, H, W]`, normalised, as PyTorch takes them.
    pub images: Vec<f32>,
    /// C, H and W.
    pub shape: [usize; 3],
    /// `[N]`.
    pub labels: Vec<u32>,
    /// `[N, classes]`.
    pub logits: Vec<f32>,
}

impl Run {
    /// Scores the network as it is now on the test images by running statistics, and keeps the logits of
    /// the first of them.
    ///
    /// # Errors
    /// [`Error::NotFinite`], and whatever the network and its data say.
    pub fn test(&mut self, first: usize) -> Result<(Evaluation, Logits)> {
        let (mut running, mut confidences) = (Running::default(), Confidences::default());
        let mut kept = Logits::default();
        let loader = self.test_images().clone();
        for batch in loader.epoch(0) {
            let batch = batch?;
            let (scored, logits) = self.score(&images(&batch))?;
            running.add(&scored, batch.len());
            confidences.add(logits, batch.labels());
            let [_, h, w, c] = batch.shape();
            let more = first.saturating_sub(kept.labels.len()).min(batch.len());
            kept.shape = [c, h, w];
            for image in batch.images().chunks_exact(h * w * c).take(more) {
                let channel = |channel| image.iter().skip(channel).step_by(c).copied();
                (0..c).for_each(|i| kept.images.extend(channel(i)));
            }
            kept.labels.extend(&batch.labels()[..more]);
            kept.logits.extend(&logits[..more * (logits.len() / batch.len())]);
        }
        let evaluation = Evaluation {
            images: running.images(),
            loss: running.loss(),
            accuracy: running.accuracy(),
            calibration: confidences.calibration(),
        };
        Ok((evaluation, kept))
    }
}

impl Logits {
    /// As a safetensors file: `images` and `logits` of f32, `labels` of i64.
    ///
    /// # Errors
    /// None: shapes and numbers agree.
    pub fn to_safetensors(&self) -> Result<Vec<u8>> {
        let failed = |error| Error::Usage(format!("the logits are no safetensors file: {error}"));
        let bytes =
            |values: &[f32]| values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>();
        let (n, [c, h, w]) = (self.labels.len(), self.shape);
        let classes = self.logits.len() / n.max(1);
        let (images, logits) = (bytes(&self.images), bytes(&self.logits));
        let labels: Vec<u8> =
            self.labels.iter().flat_map(|label| i64::from(*label).to_le_bytes()).collect();
        let view = |kind, shape: &[usize], bytes| {
            TensorView::new(kind, shape.to_vec(), bytes).map_err(failed)
        };
        let views = [
            ("images", view(Dtype::F32, &[n, c, h, w], &images)?),
            ("labels", view(Dtype::I64, &[n], &labels)?),
            ("logits", view(Dtype::F32, &[n, classes], &logits)?),
        ];
        safetensors::serialize(views, None).map_err(failed)
    }
}
