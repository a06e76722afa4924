//! What an epoch is measured by, and the three accuracies that a run reports.

use serde::{Deserialize, Serialize};

use crate::trainer::Scored;

/// The measurements of one epoch: a line of `metrics.jsonl`.
///
/// Accuracies are fractions in 0..1. Training numbers are running means over the epoch's batches, as
/// they were when each batch was trained on; validation and test are measured after the epoch's last
/// step. `train_loss` is the loss that is minimised, label smoothing included; `val_loss` and
/// `test_loss` are plain cross-entropies.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EpochMetrics {
    /// The epoch, from 1.
    pub epoch: usize,
    /// Mean loss of the training batches.
    pub train_loss: f64,
    /// Accuracy on the training batches.
    pub train_acc: f64,
    /// Mean cross-entropy on the validation images; null where there are none.
    pub val_loss: Option<f64>,
    /// Accuracy on the validation images; null where there are none.
    pub val_acc: Option<f64>,
    /// Mean cross-entropy on the test images.
    pub test_loss: f64,
    /// Accuracy on the test images.
    pub test_acc: f64,
    /// Learning rate of the epoch's last step.
    pub lr: f64,
    /// Mean over the epoch of f'(L), which multiplied the gradients; absent without a deformation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deformation_slope: Option<f64>,
    /// What each multistep block trains of its scheme, c of a ZeroSNet-Tra or k of an LM-ResNet, after
    /// the epoch; absent for other networks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block_coefficients: Option<Vec<f64>>,
    /// Steps that were skipped, and whose batches have no part in the training numbers; absent where
    /// none was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skipped_steps: Option<usize>,
    /// Training images per second, evaluation not counted.
    pub images_per_s: f64,
    /// Duration of the epoch, evaluation included.
    pub seconds: f64,
}

/// An epoch that was picked by some rule, and its accuracies.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Picked {
    /// The epoch, from 1.
    pub epoch: usize,
    /// Its accuracy on the validation images.
    pub val_acc: Option<f64>,
    /// Its accuracy on the test images.
    pub test_acc: f64,
}

/// The accuracies of one run, each with the rule that picked its epoch.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// The last epoch that was completed.
    pub final_epoch: Picked,
    /// The epoch with the best validation accuracy, the earliest of equals; none without validation
    /// images.
    pub validation_selected_epoch: Option<Picked>,
    /// The epoch with the best test accuracy, the earliest of equals. Picked by the test images
    /// themselves: an upper bound, not an estimate.
    pub best_test_epoch: Picked,
}

impl Results {
    /// The results of a run; none before its first epoch is complete.
    #[must_use]
    pub fn of(epochs: &[EpochMetrics]) -> Option<Results> {
        let best = |score: fn(&EpochMetrics) -> Option<f64>| {
            let scored = epochs.iter().filter_map(|e| Some((score(e)?, e)));
            let best = scored.reduce(|best, next| if next.0 > best.0 { next } else { best });
            best.map(|(_, epoch)| Picked::from(epoch))
        };
        Some(Results {
            final_epoch: epochs.last()?.into(),
            validation_selected_epoch: best(|e| e.val_acc),
            best_test_epoch: best(|e| Some(e.test_acc))?,
        })
    }
}

impl From<&EpochMetrics> for Picked {
    fn from(e: &EpochMetrics) -> Self {
        Picked { epoch: e.epoch, val_acc: e.val_acc, test_acc: e.test_acc }
    }
}

/// Sums over batches, for means over images.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Running {
    loss: f64,
    slope: Option<f64>,
    correct: usize,
    images: usize,
}

impl Running {
    pub(crate) fn add(&mut self, batch: &Scored, images: usize) {
        self.loss += batch.loss * images as f64;
        if let Some(slope) = batch.slope {
            *self.slope.get_or_insert(0.0) += slope * images as f64;
        }
        self.correct += batch.correct;
        self.images += images;
    }

    pub(crate) fn loss(&self) -> f64 {
        self.loss / self.images.max(1) as f64
    }

    /// The mean of f'(L); none without a deformation.
    pub(crate) fn slope(&self) -> Option<f64> {
        self.slope.map(|slope| slope / self.images.max(1) as f64)
    }

    pub(crate) fn accuracy(&self) -> f64 {
        self.correct as f64 / self.images.max(1) as f64
    }

    pub(crate) fn images(&self) -> usize {
        self.images
    }
}

/// How many rows of logits `[N, classes]` have their largest entry, the first of equals, at the label.
/// A row with an entry that is not finite says nothing, and is a miss.
pub(crate) fn count_correct(logits: &[f32], labels: &[u32]) -> usize {
    let classes = logits.len() / labels.len().max(1);
    let hit = |(row, &label): (&[f32], &u32)| {
        let largest =
            row.iter().enumerate().fold(0, |best, (i, x)| if *x > row[best] { i } else { best });
        largest == label as usize && row.iter().all(|x| x.is_finite())
    };
    logits.chunks_exact(classes.max(1)).zip(labels).filter(|pair| hit(*pair)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epoch(epoch: usize, val_acc: Option<f64>, test_acc: f64) -> EpochMetrics {
        EpochMetrics {
            epoch,
            train_loss: 1.0,
            train_acc: 0.5,
            val_loss: val_acc.map(|_| 1.0),
            val_acc,
            test_loss: 1.0,
            test_acc,
            lr: 0.1,
            deformation_slope: None,
            block_coefficients: None,
            skipped_steps: None,
            images_per_s: 1.0,
            seconds: 1.0,
        }
    }

    #[test]
    fn each_rule_picks_its_epoch_and_the_earliest_of_equals() {
        let run = [
            epoch(1, Some(0.5), 0.6),
            epoch(2, Some(0.8), 0.7),
            epoch(3, Some(0.8), 0.9),
            epoch(4, Some(0.7), 0.9),
            epoch(5, Some(0.6), 0.8),
        ];
        let results = Results::of(&run).unwrap();
        assert_eq!(results.final_epoch, Picked { epoch: 5, val_acc: Some(0.6), test_acc: 0.8 });
        let selected = Picked { epoch: 2, val_acc: Some(0.8), test_acc: 0.7 };
        assert_eq!(results.validation_selected_epoch, Some(selected));
        assert_eq!(results.best_test_epoch.epoch, 3);
        assert_eq!(Results::of(&[epoch(1, None, 0.1)]).unwrap().validation_selected_epoch, None);
        assert_eq!(Results::of(&[]), None);
    }

    #[test]
    fn means_are_over_images_not_over_batches() {
        let mut running = Running::default();
        running.add(&Scored { loss: 1.0, correct: 3, slope: None, fault: None }, 3);
        assert_eq!(running.slope(), None);
        running.add(&Scored { loss: 5.0, correct: 0, slope: Some(8.0), fault: None }, 1);
        assert_eq!((running.loss(), running.accuracy(), running.images()), (2.0, 0.75, 4));
        assert_eq!(running.slope(), Some(2.0));
    }

    #[test]
    fn counts_rows_whose_largest_logit_is_the_label() {
        let logits = [0.1, 0.9, -1.0, 2.0, 2.0, 0.0, 3.0, 0.0, 1.0];
        assert_eq!(count_correct(&logits, &[1, 0, 2]), 2);
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            for row in [[bad, 0.0, 1.0], [1.0, bad, 0.0], [bad; 3]] {
                let hits: usize = (0..3).map(|label| count_correct(&row, &[label])).sum();
                assert_eq!(hits, 0, "{row:?}");
            }
        }
        assert_eq!(count_correct(&[], &[]), 0);
    }
}
