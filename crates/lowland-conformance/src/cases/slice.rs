//! Blocks: whole, empty, strided, at either end; as slices and as embeddings.

use lowland_core::Op;
use lowland_core::op::Slice;

use super::{Case, Random, Tolerance, shape};

/// The whole, the block, where it starts and the steps that it takes.
type Block = (&'static [usize], &'static [usize], &'static [usize], &'static [usize]);

const BLOCKS: [Block; 20] = [
    (&[], &[], &[], &[]),
    (&[9], &[9], &[0], &[1]),
    (&[9], &[4], &[5], &[1]),
    (&[9], &[3], &[2], &[3]),
    (&[9], &[0], &[9], &[1]),
    (&[0], &[0], &[0], &[2]),
    (&[5, 7], &[5, 7], &[0, 0], &[1, 1]),
    (&[5, 7], &[2, 3], &[1, 2], &[2, 2]),
    (&[5, 7], &[1, 1], &[4, 6], &[9, 9]),
    (&[300, 257], &[100, 80], &[1, 3], &[2, 3]),
    // Shortcuts of type A: every second pixel, and channels between zeros.
    (&[2, 8, 8, 16], &[2, 4, 4, 16], &[0, 0, 0, 0], &[1, 2, 2, 1]),
    (&[2, 4, 4, 32], &[2, 4, 4, 16], &[0, 0, 0, 8], &[1, 1, 1, 1]),
    // Zeros about an image.
    (&[2, 12, 11, 3], &[2, 8, 7, 3], &[0, 2, 2, 0], &[1, 1, 1, 1]),
    (&[2, 3, 4, 3, 2, 5], &[1, 2, 2, 1, 2, 3], &[1, 0, 1, 2, 0, 0], &[1, 2, 2, 1, 1, 2]),
    (&[3, 0, 4], &[2, 0, 2], &[1, 0, 1], &[1, 1, 2]),
    (&[3, 4], &[0, 2], &[0, 1], &[1, 1]),
    (&[3, 4], &[3, 0], &[0, 4], &[1, 1]),
    (&[1], &[1], &[0], &[usize::MAX]),
    (&[1, 1, 1], &[1, 1, 1], &[0, 0, 0], &[1, 1, 1]),
    (&[1 << 40, 1 << 40, 0], &[1 << 39, 3, 0], &[0, 7, 0], &[2, 1, 1]),
];

pub(super) fn cases(random: &mut Random) -> Vec<Case> {
    let mut cases = Vec::new();
    for (whole, block, start, step) in BLOCKS {
        let op = Slice::new(shape(whole), shape(block), start, step).expect("a block inside");
        for op in [Op::Slice(op), Op::Embed(op)] {
            cases.push(Case::random(op, random).within(Tolerance::Exact));
        }
    }
    cases
}
