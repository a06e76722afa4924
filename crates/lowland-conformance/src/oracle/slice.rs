//! Strided blocks of a tensor, out of it and into zeros.

use lowland_core::op::Slice;

use super::index::{ravel, unravel};

pub(super) fn forward(op: &Slice, x: &[f64]) -> Vec<f64> {
    (0..op.block.len()).map(|position| x[in_whole(op, position)]).collect()
}

pub(super) fn embed(op: &Slice, x: &[f64]) -> Vec<f64> {
    let mut y = vec![0.0; op.whole.len()];
    for (position, &value) in x.iter().enumerate() {
        y[in_whole(op, position)] = value;
    }
    y
}

/// Where an element of the block lies in the whole.
fn in_whole(op: &Slice, position: usize) -> usize {
    let mut index = unravel(position, &op.block);
    for (axis, i) in index.iter_mut().enumerate() {
        *i = op.start[axis] + op.step[axis] * *i;
    }
    ravel(&index, &op.whole)
}
