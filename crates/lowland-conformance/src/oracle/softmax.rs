//! Softmax and its logarithm; gradients from the full Jacobian of a row.

use lowland_core::op::Softmax;

pub(super) fn forward(op: &Softmax, x: &[f64]) -> Vec<f64> {
    let rows = x.chunks(op.columns.max(1)).map(log_softmax);
    rows.flatten().map(|log_p| if op.log { log_p } else { log_p.exp() }).collect()
}

pub(super) fn grad(op: &Softmax, y: &[f64], dy: &[f64]) -> Vec<f64> {
    let columns = op.columns;
    let mut dx = vec![0.0; y.len()];
    for row in 0..op.rows {
        let (y, dy) = (&y[row * columns..][..columns], &dy[row * columns..][..columns]);
        for j in 0..columns {
            for i in 0..columns {
                let same = if i == j { 1.0 } else { 0.0 };
                let dy_i_by_dx_j = if op.log { same - y[j].exp() } else { y[i] * (same - y[j]) };
                dx[row * columns + j] += dy[i] * dy_i_by_dx_j;
            }
        }
    }
    dx
}

/// The logarithms of the probabilities of one row of logits.
pub(super) fn log_softmax(row: &[f64]) -> Vec<f64> {
    let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let log_sum = row.iter().map(|x| (x - largest).exp()).sum::<f64>().ln();
    row.iter().map(|x| x - largest - log_sum).collect()
}
