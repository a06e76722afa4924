//! One checksum for all that two runs have in common that are the same run.

use super::{Checkpoint, Progress};
use crate::checksums;
use crate::metrics::EpochMetrics;
use crate::{Error, Result};

impl Checkpoint {
    /// A checksum of the weights, the optimizer's state, the position and the metrics, times left out: the
    /// same for two runs of one config exactly where all of their numbers are.
    ///
    /// # Errors
    /// [`Error::Usage`] where the position has no form in JSON.
    pub fn fingerprint(&self) -> Result<String> {
        let epochs = self.manifest.progress.epochs.iter();
        let progress = Progress {
            epoch_seconds: 0.0,
            train_seconds: 0.0,
            seconds: 0.0,
            epochs: epochs
                .map(|e| EpochMetrics { images_per_s: 0.0, seconds: 0.0, ..e.clone() })
                .collect(),
            recorded_at: Vec::new(),
            ..self.manifest.progress.clone()
        };
        let text = serde_json::to_string(&(progress, &self.manifest.optimizer));
        let text = text.map_err(|error| Error::Usage(format!("no fingerprint: {error}")))?;
        let parts = [self.weights.to_bytes()?, self.optimizer.to_bytes()?, text.into_bytes()];
        let sums: String = parts.iter().map(|part| checksums::of(part)).collect();
        Ok(checksums::of(sums.as_bytes()))
    }
}
