//! Axes in another order.

use lowland_core::op::Permute;

use super::index::{ravel, unravel};

pub(super) fn forward(op: &Permute, x: &[f64]) -> Vec<f64> {
    let at = |position| {
        let to = unravel(position, &op.to);
        let mut from = [0; 6];
        for (k, &axis) in op.order().iter().enumerate() {
            from[axis] = to[k];
        }
        x[ravel(&from, &op.from)]
    };
    (0..op.to.len()).map(at).collect()
}
