//! Repetition along axes.

use lowland_core::op::Broadcast;

use super::index::{ravel_stretched, unravel};

pub(super) fn forward(op: &Broadcast, x: &[f64]) -> Vec<f64> {
    let at = |position| {
        let index = unravel(position, &op.to);
        op.scale * x[ravel_stretched(&index, &op.to, &op.from)]
    };
    (0..op.to.len()).map(at).collect()
}
