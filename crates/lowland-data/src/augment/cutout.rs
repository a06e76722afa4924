//! Cutout: a square of the image hidden.

use std::ops::Range;

use crate::error::{Error, Result};
use crate::random::CounterRng;

/// Sets a square of the normalised image to 0, which is the mean. Its centre is uniform over the
/// pixels, and what lies outside the image is clipped: T. DeVries and G. W. Taylor, "Improved
/// Regularization of Convolutional Neural Networks with Cutout", 2017, arXiv 1708.04552.
///
/// Around a centre in row y the square covers `side` rows from `y - side / 2` (rounded down) on,
/// and the columns likewise. The authors' code makes an odd side one pixel smaller; this does not.
///
/// It comes after normalisation, when all changes of the bytes are made, and is for that reason no
/// [`Augment`](super::Augment) but a setting of the loader's own. The random numbers are
/// [`CounterRng::new`]`(seed, Purpose::Cutout, epoch, sample)`; two draws: the row of the centre
/// below H, then its column below W.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cutout {
    /// Height and width of the square, pixels; 1 to the smaller side of the image.
    pub side: usize,
}

impl Cutout {
    /// Refuses a square of no pixels, or larger than images of shape `[H, W, C]`.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub fn check(&self, [h, w, _]: [usize; 3]) -> Result<()> {
        if self.side == 0 || self.side > h.min(w) {
            let advice = format!("it must be 1 to the smaller side of the image, which is {h}x{w}");
            return Err(Error::invalid("cutout side", self.side, advice));
        }
        Ok(())
    }

    /// Hides a square of one normalised image `[H, W, C]`.
    pub fn apply(&self, [h, w, c]: [usize; 3], image: &mut [f32], rng: &mut CounterRng) {
        let rows = self.span(rng.below(h), h);
        let columns = self.span(rng.below(w), w);
        for row in image.chunks_exact_mut(w * c).take(rows.end).skip(rows.start) {
            row[columns.start * c..columns.end * c].fill(0.0);
        }
    }

    /// The places that the square covers along one side of the image.
    fn span(&self, centre: usize, len: usize) -> Range<usize> {
        let before = self.side / 2;
        centre.saturating_sub(before)..(centre + self.side - before).min(len)
    }
}
