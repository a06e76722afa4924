//! How far a network's confidence is from its accuracy.

use serde::{Deserialize, Serialize};

/// Bins of equal width that confidences are counted in.
const BINS: usize = 15;

/// Expected calibration error of a network on a set of images (Guo et al. 2017, "On Calibration of Modern
/// Neural Networks", equation 3): confidences, the largest softmax probability of each image, fall into
/// 15 bins of equal width, each open below and closed above; the error is the mean over images of the
/// difference between accuracy and mean confidence of their bin.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// The expected calibration error, 0 to 1.
    pub expected_error: f64,
    /// The bins, from the least confident.
    pub bins: Vec<Bin>,
}

/// The images whose confidence falls into one bin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Bin {
    /// How many they are.
    pub images: usize,
    /// Their mean confidence; 0 without images.
    pub confidence: f64,
    /// The part of them that was classified correctly; 0 without images.
    pub accuracy: f64,
}

/// Confidences as they come, batch by batch.
#[derive(Clone, Debug, Default)]
pub struct Confidences {
    /// Images, sum of confidences, correct images.
    sums: [(usize, f64, usize); BINS],
}

impl Confidences {
    /// Adds a batch of logits `[N, classes]` with its labels `[N]`. A row with an entry that is not
    /// finite counts as wrong, with confidence 1.
    pub fn add(&mut self, logits: &[f32], labels: &[u32]) {
        let classes = (logits.len() / labels.len().max(1)).max(1);
        for (row, &label) in logits.chunks_exact(classes).zip(labels) {
            let finite = row.iter().all(|x| x.is_finite());
            let (at, largest) =
                row.iter().enumerate().fold((0, f64::NEG_INFINITY), |best, (i, &x)| {
                    if f64::from(x) > best.1 { (i, f64::from(x)) } else { best }
                });
            let sum: f64 = row.iter().map(|&x| (f64::from(x) - largest).exp()).sum();
            let confidence = if finite { 1.0 / sum } else { 1.0 };
            let bin = (confidence * BINS as f64).ceil() as usize;
            let (images, confidences, correct) = &mut self.sums[bin.clamp(1, BINS) - 1];
            *images += 1;
            *confidences += confidence;
            *correct += usize::from(finite && at == label as usize);
        }
    }

    /// The calibration over all batches; an error of 0 without images.
    #[must_use]
    pub fn calibration(&self) -> Calibration {
        let all: usize = self.sums.iter().map(|(images, ..)| images).sum();
        let bin = |&(images, confidences, correct): &(usize, f64, usize)| {
            let n = images.max(1) as f64;
            Bin { images, confidence: confidences / n, accuracy: correct as f64 / n }
        };
        let bins: Vec<Bin> = self.sums.iter().map(bin).collect();
        let gap = |bin: &Bin| bin.images as f64 * (bin.accuracy - bin.confidence).abs();
        Calibration { expected_error: bins.iter().map(gap).sum::<f64>() / all.max(1) as f64, bins }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_is_the_mean_gap_between_confidence_and_accuracy() {
        let mut confidences = Confidences::default();
        // Confidences 0.8 (right), 0.8 (wrong), 0.6 (right): gaps 0.3 over two images, 0.4 over one.
        let logit = |p: f64| ((p / (1.0 - p)).ln()) as f32;
        confidences.add(&[logit(0.8), 0.0, 0.0, logit(0.8)], &[0, 0]);
        confidences.add(&[logit(0.6), 0.0], &[0]);
        let calibration = confidences.calibration();
        assert!((calibration.expected_error - (2.0 * 0.3 + 0.4) / 3.0).abs() < 1e-6);
        // 0.8 lies in (11/15, 12/15] or just above it in f32; 0.6 in (8/15, 9/15] or just above it.
        let filled: Vec<usize> = calibration.bins.iter().map(|bin| bin.images).collect();
        assert_eq!(filled.iter().sum::<usize>(), 3);
        assert_eq!(calibration.bins.iter().filter(|bin| bin.images > 0).count(), 2);
    }

    #[test]
    fn a_sure_and_right_network_is_calibrated_and_a_broken_one_is_not() {
        let mut right = Confidences::default();
        right.add(&[100.0, 0.0, 0.0], &[0]);
        assert_eq!(right.calibration().expected_error, 0.0);
        let mut broken = Confidences::default();
        broken.add(&[f32::NAN, 0.0, 0.0], &[1]);
        assert_eq!(broken.calibration().expected_error, 1.0);
        assert_eq!(Confidences::default().calibration().expected_error, 0.0);
    }
}
