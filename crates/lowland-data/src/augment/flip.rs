//! Random horizontal flip.

use super::Augment;
use crate::error::Result;
use crate::random::CounterRng;

/// Mirrors the image left to right with probability 1/2, as torchvision's `RandomHorizontalFlip`.
///
/// One draw: the image is mirrored when its top bit is set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HorizontalFlip;

impl Augment for HorizontalFlip {
    fn check(&self, _: [usize; 3]) -> Result<()> {
        Ok(())
    }

    fn apply(&self, shape: [usize; 3], image: &[u8], out: &mut [u8], rng: &mut CounterRng) {
        if rng.coin() {
            mirror(shape, image, out);
        } else {
            out.copy_from_slice(image);
        }
    }
}

/// Reverses the pixels of every row.
fn mirror([_, w, c]: [usize; 3], image: &[u8], out: &mut [u8]) {
    let rows = out.chunks_exact_mut(w * c).zip(image.chunks_exact(w * c));
    for (out, row) in rows {
        match c {
            1 => mirror_row::<1>(row, out),
            3 => mirror_row::<3>(row, out),
            _ => {
                for (out, pixel) in out.chunks_exact_mut(c).zip(row.chunks_exact(c).rev()) {
                    out.copy_from_slice(pixel);
                }
            }
        }
    }
}

fn mirror_row<const C: usize>(row: &[u8], out: &mut [u8]) {
    let (out, _) = out.as_chunks_mut::<C>();
    let (row, _) = row.as_chunks::<C>();
    for (out, pixel) in out.iter_mut().zip(row.iter().rev()) {
        *out = *pixel;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn mirrors_by_hand() {
        let mut out = [0; 6];
        mirror([2, 3, 1], &[1, 2, 3, 4, 5, 6], &mut out);
        assert_eq!(out, [3, 2, 1, 6, 5, 4]);
        mirror([1, 2, 3], &[1, 2, 3, 4, 5, 6], &mut out);
        assert_eq!(out, [4, 5, 6, 1, 2, 3]);
        mirror([1, 3, 2], &[1, 2, 3, 4, 5, 6], &mut out);
        assert_eq!(out, [5, 6, 3, 4, 1, 2]);
    }

    proptest! {
        #[test]
        fn twice_is_the_identity(h in 1usize..6, w in 1usize..6, c in 1usize..5, seed in any::<u8>()) {
            let image: Vec<u8> = (0..h * w * c).map(|i| (i as u8).wrapping_mul(37).wrapping_add(seed)).collect();
            let (mut once, mut twice) = (vec![0; image.len()], vec![0; image.len()]);
            mirror([h, w, c], &image, &mut once);
            mirror([h, w, c], &once, &mut twice);
            prop_assert_eq!(twice, image);
        }
    }
}
