//! Batch normalisation; the gradient by the batch from the full Jacobian of a channel.

use lowland_core::op::BatchNorm;

use super::sum::sum;

/// `y`, `mean`, `var`.
pub(super) fn forward(op: &BatchNorm, x: &[f64], weight: &[f64], bias: &[f64]) -> [Vec<f64>; 3] {
    let n = op.rows as f64;
    let channels = 0..op.channels;
    let mean: Vec<f64> = channels.clone().map(|c| sum(channel(op, x, c)) / n).collect();
    let squares = |c: usize| sum(channel(op, x, c).map(|x| (x - mean[c]).powi(2)));
    let var: Vec<f64> = channels.map(|c| squares(c) / n).collect();
    let y = inference(op, x, weight, bias, &mean, &var);
    [y, mean, var]
}

/// `y`.
pub(super) fn inference(
    op: &BatchNorm,
    x: &[f64],
    weight: &[f64],
    bias: &[f64],
    mean: &[f64],
    var: &[f64],
) -> Vec<f64> {
    let at = |(i, x): (usize, &f64)| {
        let c = i % op.channels;
        (x - mean[c]) / (var[c] + op.eps).sqrt() * weight[c] + bias[c]
    };
    x.iter().enumerate().map(at).collect()
}

/// `dx`, `dweight`, `dbias`, where mean and variance depend on `x`.
///
/// With `d = sqrt(var + eps)` and `n` rows, normalised value `j` of a channel changes with value `i`
/// by `(δ_ij - 1/n) / d - (x_i - mean) (x_j - mean) / (n d³)`.
pub(super) fn grad(
    op: &BatchNorm,
    x: &[f64],
    weight: &[f64],
    mean: &[f64],
    var: &[f64],
    dy: &[f64],
) -> [Vec<f64>; 3] {
    let n = op.rows as f64;
    let mut dx = vec![0.0; x.len()];
    for c in 0..op.channels {
        let d = (var[c] + op.eps).sqrt();
        let centred: Vec<f64> = channel(op, x, c).map(|x| x - mean[c]).collect();
        let dy: Vec<f64> = channel(op, dy, c).collect();
        for i in 0..op.rows {
            let mut sum = 0.0;
            for j in 0..op.rows {
                let same = if i == j { 1.0 } else { 0.0 };
                sum += dy[j] * ((same - 1.0 / n) / d - centred[i] * centred[j] / (n * d.powi(3)));
            }
            dx[i * op.channels + c] = weight[c] * sum;
        }
    }
    let [_, dweight, dbias] = inference_grad(op, x, weight, mean, var, dy);
    [dx, dweight, dbias]
}

/// `dx`, `dweight`, `dbias`, where mean and variance are constants.
pub(super) fn inference_grad(
    op: &BatchNorm,
    x: &[f64],
    weight: &[f64],
    mean: &[f64],
    var: &[f64],
    dy: &[f64],
) -> [Vec<f64>; 3] {
    let d = |c: usize| (var[c] + op.eps).sqrt();
    let dx = |(i, dy): (usize, &f64)| dy * weight[i % op.channels] / d(i % op.channels);
    let dweight = |c: usize| {
        let terms = channel(op, x, c).zip(channel(op, dy, c));
        sum(terms.map(|(x, dy)| dy * (x - mean[c]) / d(c)))
    };
    [
        dy.iter().enumerate().map(dx).collect(),
        (0..op.channels).map(dweight).collect(),
        (0..op.channels).map(|c| sum(channel(op, dy, c))).collect(),
    ]
}

/// The values of one channel of `[rows, channels]`.
fn channel<'a>(op: &BatchNorm, x: &'a [f64], c: usize) -> impl Iterator<Item = f64> + 'a {
    x.iter().skip(c).step_by(op.channels).copied()
}
