//! Noise on training labels, to measure how well a method withstands it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::random::{CounterRng, Purpose};
use crate::view::View;

/// What [`View::with_label_noise`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabelNoiseReport {
    /// Images of the view, one that it holds several times counted once.
    pub images: usize,
    /// Labels that were drawn anew.
    pub replaced: usize,
    /// Labels that are now another: on average `1 - 1 / classes` of the replaced ones, as a draw
    /// may hit the label that was there.
    pub changed: usize,
}

impl View {
    /// The same images, with a fraction of the labels replaced by labels drawn uniformly from all
    /// classes. A draw may hit the true label, so that with ten classes the effective rate of wrong
    /// labels is 0.9 of the fraction.
    ///
    /// This is the label noise of "A Method for Enhancing Generalization of Adam by Multiple
    /// Integrations", AAAI 2025, arXiv 2412.12473, except that the number of images is rounded to
    /// the nearest, where the authors' code rounds down. It is for training images alone:
    /// [`split_validation`](View::split_validation), before or after, gives validation images their
    /// true labels.
    ///
    /// No image is copied. The draws are a function of the seed and of which images the view holds:
    /// their indices, sorted, are shuffled by [`CounterRng::new`]`(seed, Purpose::LabelNoise, 0,
    /// 0)`, and as many as the fraction says are taken from the front and get the generator's next
    /// draws below the number of classes. A smaller fraction with the same seed thus replaces some
    /// of the same labels, by the same ones.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the fraction is not between 0 and 1.
    pub fn with_label_noise(&self, fraction: f64, seed: u64) -> Result<(View, LabelNoiseReport)> {
        if !(0.0..=1.0).contains(&fraction) {
            return Err(Error::invalid("label noise", fraction, "it must be between 0 and 1"));
        }
        let mut images = self.indices().to_vec();
        images.sort_unstable();
        images.dedup();
        let replaced = (fraction * images.len() as f64).round() as usize;
        let mut rng = CounterRng::new(seed, Purpose::LabelNoise, 0, 0);
        rng.shuffle(&mut images);
        let mut labels = self.split_labels().to_vec();
        let mut changed = 0;
        for &image in &images[..replaced] {
            let label = &mut labels[image as usize];
            // A class is a u16.
            let drawn = rng.below(self.split().class_counts().len()) as u16;
            changed += usize::from(drawn != *label);
            *label = drawn;
        }
        let report = LabelNoiseReport { images: images.len(), replaced, changed };
        Ok((self.relabelled(Arc::from(labels)), report))
    }
}
