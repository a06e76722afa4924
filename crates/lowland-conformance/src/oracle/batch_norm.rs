//! Batch normalisation; the gradient by the batch from the full Jacobian of a channel.

use lowland_core::op::{BatchNorm, Epilogue};

use super::sum::sum;

/// The mean and the biased variance of each channel of `[rows, channels]`.
pub(super) fn statistics(channels: usize, x: &[f64]) -> [Vec<f64>; 2] {
    let n = x.len() as f64 / channels as f64;
    let mean: Vec<f64> = (0..channels).map(|c| sum(channel(channels, x, c)) / n).collect();
    let squares = |c: usize| sum(channel(channels, x, c).map(|x| (x - mean[c]).powi(2)));
    let var = (0..channels).map(|c| squares(c) / n).collect();
    [mean, var]
}

/// `y`, `mean`, `var`.
pub(super) fn forward(op: &BatchNorm, inputs: &[&[f64]]) -> Vec<Vec<f64>> {
    let [mean, var] = statistics(op.channels, inputs[0]);
    let mut all = inputs[..3].to_vec();
    all.extend([&mean[..], &var[..]]);
    all.extend(&inputs[3..]);
    let y = inference(op, &all);
    vec![y, mean, var]
}

/// `y`.
pub(super) fn inference(op: &BatchNorm, inputs: &[&[f64]]) -> Vec<f64> {
    let z = normalised(op, inputs);
    match op.epilogue {
        Epilogue::None => z,
        Epilogue::Relu => z.into_iter().map(|z| z.max(0.0)).collect(),
        Epilogue::AddRelu => z.iter().zip(inputs[5]).map(|(z, r)| (z + r).max(0.0)).collect(),
    }
}

/// What the epilogue is applied to, from `x`, `weight`, `bias`, `mean`, `var`.
fn normalised(op: &BatchNorm, inputs: &[&[f64]]) -> Vec<f64> {
    let at = |(i, x): (usize, &f64)| {
        let [weight, bias, mean, var] = [1, 2, 3, 4].map(|k| inputs[k][i % op.channels]);
        (x - mean) / (var + op.eps).sqrt() * weight + bias
    };
    inputs[0].iter().enumerate().map(at).collect()
}

/// `dx`, `dweight`, `dbias` and, behind an addition, `dresidual`, where mean and variance depend on
/// `x`.
///
/// With `d = sqrt(var + eps)` and `n` rows, normalised value `j` of a channel changes with value `i`
/// by `(δ_ij - 1/n) / d - (x_i - mean) (x_j - mean) / (n d³)`.
pub(super) fn grad(op: &BatchNorm, inputs: &[&[f64]]) -> Vec<Vec<f64>> {
    let Linear { x, weight, mean, var, dy } = Linear::new(op, inputs);
    let n = op.rows as f64;
    let mut dx = vec![0.0; x.len()];
    for c in 0..op.channels {
        let d = (var[c] + op.eps).sqrt();
        let centred: Vec<f64> = channel(op.channels, x, c).map(|x| x - mean[c]).collect();
        let dy: Vec<f64> = channel(op.channels, &dy, c).collect();
        for i in 0..op.rows {
            let mut sum = 0.0;
            for j in 0..op.rows {
                let same = if i == j { 1.0 } else { 0.0 };
                sum += dy[j] * ((same - 1.0 / n) / d - centred[i] * centred[j] / (n * d.powi(3)));
            }
            dx[i * op.channels + c] = weight[c] * sum;
        }
    }
    let mut outputs = inference_grad(op, inputs);
    outputs[0] = dx;
    outputs
}

/// The same, where mean and variance are constants.
pub(super) fn inference_grad(op: &BatchNorm, inputs: &[&[f64]]) -> Vec<Vec<f64>> {
    let Linear { x, weight, mean, var, dy } = Linear::new(op, inputs);
    let d = |c: usize| (var[c] + op.eps).sqrt();
    let dx = |(i, dy): (usize, &f64)| dy * weight[i % op.channels] / d(i % op.channels);
    let dweight = |c: usize| {
        let terms = channel(op.channels, x, c).zip(channel(op.channels, &dy, c));
        sum(terms.map(|(x, dy)| dy * (x - mean[c]) / d(c)))
    };
    let mut outputs = vec![
        dy.iter().enumerate().map(dx).collect(),
        (0..op.channels).map(dweight).collect(),
        (0..op.channels).map(|c| sum(channel(op.channels, &dy, c))).collect(),
    ];
    if op.epilogue == Epilogue::AddRelu {
        outputs.push(dy);
    }
    outputs
}

/// The inputs of a gradient, where `dy` is what passes the epilogue.
struct Linear<'a> {
    x: &'a [f64],
    weight: &'a [f64],
    mean: &'a [f64],
    var: &'a [f64],
    dy: Vec<f64>,
}

impl<'a> Linear<'a> {
    fn new(op: &BatchNorm, inputs: &[&'a [f64]]) -> Self {
        let passing = |of: &[f64], dy: &[f64]| {
            of.iter().zip(dy).map(|(&z, &dy)| if z > 0.0 { dy } else { 0.0 }).collect()
        };
        match (op.epilogue, inputs) {
            (Epilogue::None, &[x, weight, mean, var, dy]) => {
                Linear { x, weight, mean, var, dy: dy.to_vec() }
            }
            (Epilogue::Relu, &[x, weight, bias, mean, var, dy]) => {
                let dy = passing(&normalised(op, &[x, weight, bias, mean, var]), dy);
                Linear { x, weight, mean, var, dy }
            }
            (Epilogue::AddRelu, &[x, weight, mean, var, y, dy]) => {
                Linear { x, weight, mean, var, dy: passing(y, dy) }
            }
            (epilogue, inputs) => panic!("{} inputs with {epilogue:?}", inputs.len()),
        }
    }
}

/// The values of one channel of `[rows, channels]`.
fn channel(channels: usize, x: &[f64], c: usize) -> impl Iterator<Item = f64> {
    x.iter().skip(c).step_by(channels).copied()
}
