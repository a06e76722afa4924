//! Random crop after padding with zeros.

use super::Augment;
use crate::error::{Error, Result};
use crate::random::CounterRng;

/// Pads `padding` black pixels (byte 0, before normalisation) on all four sides and cuts out a
/// window of the original size at a uniformly random place, as torchvision's `RandomCrop(size,
/// padding)`.
///
/// Two draws: the row of the window below `2 * padding + 1`, then its column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RandomCrop {
    /// Padding on each side, pixels; less than the height and the width.
    pub padding: usize,
}

impl Augment for RandomCrop {
    fn check(&self, [h, w, _]: [usize; 3]) -> Result<()> {
        if self.padding >= h.min(w) {
            let advice = format!("it must be less than the image, which is {h}x{w}");
            return Err(Error::invalid("crop padding", self.padding, advice));
        }
        Ok(())
    }

    fn apply(&self, shape: [usize; 3], image: &[u8], out: &mut [u8], rng: &mut CounterRng) {
        let places = 2 * self.padding + 1;
        let top = rng.below(places) as isize - self.padding as isize;
        let left = rng.below(places) as isize - self.padding as isize;
        shift(shape, image, out, top, left);
    }
}

/// `out[y][x] = image[y + top][x + left]`, and 0 outside the image.
fn shift([h, w, c]: [usize; 3], image: &[u8], out: &mut [u8], top: isize, left: isize) {
    let row_bytes = w * c;
    let skip = left.unsigned_abs().min(w) * c;
    for (y, out_row) in out.chunks_exact_mut(row_bytes).enumerate() {
        let Some(row) = y.checked_add_signed(top).filter(|&row| row < h) else {
            out_row.fill(0);
            continue;
        };
        let row = &image[row * row_bytes..][..row_bytes];
        let kept = row_bytes - skip;
        if left >= 0 {
            out_row[..kept].copy_from_slice(&row[skip..]);
            out_row[kept..].fill(0);
        } else {
            out_row[..skip].fill(0);
            out_row[skip..].copy_from_slice(&row[..kept]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shifts_by_hand() {
        let image = [1, 2, 3, 4, 5, 6];
        let mut out = [9; 6];
        shift([2, 3, 1], &image, &mut out, 1, 1);
        assert_eq!(out, [5, 6, 0, 0, 0, 0]);
        shift([2, 3, 1], &image, &mut out, -1, -2);
        assert_eq!(out, [0, 0, 0, 0, 0, 1]);
        shift([2, 3, 1], &image, &mut out, 0, 0);
        assert_eq!(out, image);
        shift([1, 2, 3], &image, &mut out, 0, 1);
        assert_eq!(out, [4, 5, 6, 0, 0, 0]);
    }
}
