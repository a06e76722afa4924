//! The loss of classification, by its definition as an expectation under the target distribution.

use lowland_core::op::CrossEntropy;

use super::softmax::log_softmax;
use super::sum::sum;

pub(super) fn forward(op: &CrossEntropy, logits: &[f64], labels: &[u32]) -> Vec<f64> {
    let of_row = |(row, &label): (&[f64], &u32)| {
        let log_p = log_softmax(row);
        -sum((0..op.classes).map(|class| target(op, label, class) * log_p[class]))
    };
    vec![sum(logits.chunks(op.classes).zip(labels).map(of_row)) / op.rows as f64]
}

pub(super) fn grad(op: &CrossEntropy, logits: &[f64], labels: &[u32], dloss: f64) -> Vec<f64> {
    let mut dlogits = Vec::new();
    for (row, &label) in logits.chunks(op.classes).zip(labels) {
        for (class, log_p) in log_softmax(row).into_iter().enumerate() {
            dlogits.push(dloss * (log_p.exp() - target(op, label, class)) / op.rows as f64);
        }
    }
    dlogits
}

/// The probability of a class in the target distribution.
fn target(op: &CrossEntropy, label: u32, class: usize) -> f64 {
    assert!((label as usize) < op.classes, "label {label} is none of {} classes", op.classes);
    let on_label = if label as usize == class { 1.0 - op.smoothing } else { 0.0 };
    on_label + op.smoothing / op.classes as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_equal_logits_by_hand() {
        let plain = CrossEntropy::new(1, 2, 0.0).unwrap();
        assert!((forward(&plain, &[3.0, 3.0], &[1])[0] - 2f64.ln()).abs() < 1e-15);
        let smooth = CrossEntropy::new(1, 2, 0.2).unwrap();
        let dlogits = grad(&smooth, &[3.0, 3.0], &[1], 10.0);
        assert!((dlogits[0] - 4.0).abs() < 1e-14 && (dlogits[1] + 4.0).abs() < 1e-14);
    }
}
