//! Gradients clipped by the norm of all of them.

use lowland_core::op::ClipNorm;

use super::sum::sum;

/// The gradients afterwards, and their norm before.
pub(super) fn forward(op: &ClipNorm, before: &[f64]) -> Vec<Vec<f64>> {
    let places = || {
        let places = op.tensors.iter().map(|t| t.offset..t.offset + t.shape.len());
        places.flatten().collect::<Vec<usize>>()
    };
    let norm = sum(places().into_iter().map(|i| before[i] * before[i])).sqrt();
    let mut after = before.to_vec();
    let ratio = op.max_norm / (norm + 1e-6);
    let factor = if ratio > 1.0 { 1.0 } else { ratio };
    for i in places() {
        after[i] *= factor;
    }
    vec![after, vec![norm]]
}
