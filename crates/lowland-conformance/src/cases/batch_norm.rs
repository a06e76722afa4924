//! Batch normalisation: few and many rows, channels about vector widths, a mean far larger than the
//! deviation, a constant channel.

use lowland_core::Op;
use lowland_core::op::BatchNorm;

use super::{Case, Random, Tolerance, forward};
use crate::oracle::OracleValue;

const SIZES: [[usize; 2]; 12] = [
    [2, 1],
    [2, 3],
    [3, 16],
    [7, 5],
    [64, 8],
    [63, 17],
    [128, 16],
    [98, 32],
    [72, 64],
    [31, 130],
    [600, 16],
    [2100, 3],
];

pub(super) fn cases(random: &mut Random) -> Vec<Case> {
    let mut cases = Vec::new();
    for [rows, channels] in SIZES {
        let x = random.between(-1.0, 2.0, rows * channels);
        cases.extend(all_four(rows, channels, x, Conditioning::GOOD, random));
    }
    for [rows, channels] in [[64, 4], [500, 16], [1029, 3]] {
        // A deviation of 1 about a mean of 10,000.
        let x = random.between(-1.7, 1.7, rows * channels);
        let x = x.into_iter().map(|x| 1e4 + x).collect();
        let far = all_four(rows, channels, x, Conditioning::FAR, random);
        cases.extend(far.map(|case| case.note("the mean is 10,000 deviations")));
    }
    let x = [[0.5, 1.0], [0.5, -1.0]].repeat(4).concat();
    let constant = all_four(8, 2, x, Conditioning::GOOD, random);
    cases.extend(constant.map(|case| case.note("a constant channel")));
    for [rows, channels] in [[0, 3], [1, 5], [5, 0]] {
        let x = random.floats(rows * channels);
        let statistics = [random.floats(channels), random.between(0.5, 2.0, channels)];
        cases.extend(by_given(rows, channels, x, statistics, Conditioning::GOOD, random));
    }
    cases
}

/// The least magnitudes by which errors of `y`, of the variance and of gradients are measured.
#[derive(Clone, Copy)]
struct Conditioning {
    y: f64,
    var: f64,
    grad: f64,
}

impl Conditioning {
    const GOOD: Self = Conditioning { y: 0.0, var: 0.0, grad: 0.0 };
    /// The mean is rounded to a few of its last places, 1e-3 deviations. That moves `y` by as much
    /// and the variance by the square of it, where a difference of squares would lose it all. In
    /// gradients the mean may be multiplied out of `x - mean`, but not out of a sum.
    const FAR: Self = Conditioning { y: 1e4, var: 10.0, grad: 1e3 };
}

/// By the batch and by given statistics, each with its gradient, on the same values.
fn all_four(
    rows: usize,
    channels: usize,
    x: Vec<f64>,
    conditioning: Conditioning,
    random: &mut Random,
) -> [Case; 4] {
    let op = BatchNorm::training(rows, channels, 1e-5).expect("two rows and a positive eps");
    let weight: OracleValue = random.off_zero(channels).into();
    let bias: OracleValue = random.floats(channels).into();
    let inputs = vec![x.clone().into(), weight.clone(), bias];
    let mut outputs = forward(Op::BatchNorm(op), &inputs);
    let (var, mean) = (outputs.remove(2), outputs.remove(1));
    let mut training = Case::new(Op::BatchNorm(op), inputs).terms(rows);
    training.tolerances[0] = Tolerance::Largest { terms: rows, floor: conditioning.y };
    training.tolerances[2] = Tolerance::Largest { terms: rows, floor: conditioning.var };
    let statistics = [mean.clone(), var.clone()];
    // With few rows the terms of a gradient cancel: errors are measured by the first of them,
    // dy weight / sqrt(var + eps), where dy is about 1.
    let factors = weight.floats().iter().zip(&var).map(|(w, var)| w.abs() / (var + 1e-5).sqrt());
    let first_term = factors.fold(0.0, f64::max);
    let dy = random.floats(rows * channels);
    let grad = vec![x.clone().into(), weight, mean.into(), var.into(), dy.into()];
    let mut grad = Case::new(Op::BatchNormGrad(op), grad)
        .within(Tolerance::Largest { terms: rows, floor: conditioning.grad });
    let floor = conditioning.grad.max(first_term);
    grad.tolerances[0] = Tolerance::Largest { terms: rows, floor };
    let [inference, inference_grad] = by_given(rows, channels, x, statistics, conditioning, random);
    [training, grad, inference, inference_grad]
}

/// By given statistics, with the gradient.
fn by_given(
    rows: usize,
    channels: usize,
    x: Vec<f64>,
    [mean, var]: [Vec<f64>; 2],
    conditioning: Conditioning,
    random: &mut Random,
) -> [Case; 2] {
    let op = BatchNorm::inference(rows, channels, 1e-5).expect("a positive eps");
    let (x, mean, var): (OracleValue, OracleValue, OracleValue) =
        (x.into(), mean.into(), var.into());
    let weight: OracleValue = random.off_zero(channels).into();
    let bias = random.floats(channels).into();
    let dy = random.floats(rows * channels).into();
    let inputs = vec![x.clone(), weight.clone(), bias, mean.clone(), var.clone()];
    let y = Tolerance::Largest { terms: 1, floor: conditioning.y };
    let grad = vec![x, weight, mean, var, dy];
    [
        Case::new(Op::BatchNormInference(op), inputs).within(y),
        Case::new(Op::BatchNormInferenceGrad(op), grad)
            .within(Tolerance::Largest { terms: rows, floor: conditioning.grad }),
    ]
}
