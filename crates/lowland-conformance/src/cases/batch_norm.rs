//! Batch normalisation: few and many rows, channels about vector widths, a mean far larger than the
//! deviation, a constant channel.

use lowland_core::Op;
use lowland_core::op::{BatchNorm, Epilogue};

use super::{Case, Random, Tolerance, forward};
use crate::oracle::OracleValue;

const SIZES: [[usize; 2]; 13] = [
    [5, 0],
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
    for epilogue in Epilogue::ALL {
        for [rows, channels] in SIZES {
            let x = random.between(-1.0, 2.0, rows * channels);
            let op = training(rows, channels, epilogue);
            cases.extend(all_four(op, x, Conditioning::GOOD, random));
        }
        for [rows, channels] in [[64, 4], [500, 16], [1029, 3]] {
            // A deviation of 1 about a mean of 10,000.
            let x = random.between(-1.7, 1.7, rows * channels);
            let x = x.into_iter().map(|x| 1e4 + x).collect();
            let op = training(rows, channels, epilogue);
            let far = all_four(op, x, Conditioning::FAR, random);
            // Where the rounded mean moves an element across 0, its gradient is another.
            let masked = |case: &Case| {
                epilogue == Epilogue::Relu
                    && matches!(case.op, Op::BatchNormGrad(_) | Op::BatchNormInferenceGrad(_))
            };
            let far = far.into_iter().filter(|case| !masked(case));
            cases.extend(far.map(|case| case.note("the mean is 10,000 deviations")));
        }
        let x = [[0.5, 1.0], [0.5, -1.0]].repeat(4).concat();
        let constant = all_four(training(8, 2, epilogue), x, Conditioning::GOOD, random);
        cases.extend(constant.map(|case| case.note("a constant channel")));
        for [rows, channels] in [[0, 0], [0, 3], [1, 1], [1, 5], [5, 0]] {
            let op = BatchNorm::inference(rows, channels, 1e-5).expect("a positive eps");
            let x = random.floats(rows * channels);
            let statistics = [random.floats(channels), random.between(0.5, 2.0, channels)];
            let op = op.with_epilogue(epilogue);
            cases.extend(by_given(op, x, statistics, Conditioning::GOOD, random));
        }
    }
    cases
}

fn training(rows: usize, channels: usize, epilogue: Epilogue) -> BatchNorm {
    let op = BatchNorm::training(rows, channels, 1e-5).expect("two rows and a positive eps");
    op.with_epilogue(epilogue)
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
    op: BatchNorm,
    x: Vec<f64>,
    conditioning: Conditioning,
    random: &mut Random,
) -> [Case; 4] {
    let BatchNorm { rows, channels, .. } = op;
    let affine = Affine::random(channels, random);
    let residual = residual(&op, random);
    let mut inputs = vec![x.clone().into(), affine.weight.clone(), affine.bias.clone()];
    inputs.extend(residual);
    let outputs = forward(Op::BatchNorm(op), &inputs);
    let [y, mean, var]: [Vec<f64>; 3] = outputs.try_into().expect("three outputs");
    let mut training = Case::new(Op::BatchNorm(op), inputs).terms(rows);
    training.tolerances[0] = Tolerance::Largest { terms: rows, floor: conditioning.y };
    training.tolerances[2] = Tolerance::Largest { terms: rows, floor: conditioning.var };
    // With few rows the terms of a gradient cancel: errors are measured by the first of them,
    // dy weight / sqrt(var + eps), where dy is about 1.
    let deviations = var.iter().map(|var| (var + 1e-5f64).sqrt());
    let factors = affine.weight.floats().iter().zip(deviations).map(|(w, d)| w.abs() / d);
    let first_term = factors.fold(0.0, f64::max);
    let statistics = [mean, var];
    let grad = grad_inputs(&op, &x, &affine, &statistics, y, random);
    let mut grad = Case::new(Op::BatchNormGrad(op), grad)
        .within(Tolerance::Largest { terms: rows, floor: conditioning.grad });
    let floor = conditioning.grad.max(first_term);
    grad.tolerances[0] = Tolerance::Largest { terms: rows, floor };
    let [inference, inference_grad] = by_given(op, x, statistics, conditioning, random);
    [training, grad, inference, inference_grad]
}

/// By given statistics, with the gradient.
fn by_given(
    op: BatchNorm,
    x: Vec<f64>,
    statistics: [Vec<f64>; 2],
    conditioning: Conditioning,
    random: &mut Random,
) -> [Case; 2] {
    let affine = Affine::random(op.channels, random);
    let mut inputs = vec![x.clone().into(), affine.weight.clone(), affine.bias.clone()];
    inputs.extend(statistics.clone().map(OracleValue::from));
    inputs.extend(residual(&op, random));
    let y = forward(Op::BatchNormInference(op), &inputs).swap_remove(0);
    let grad = grad_inputs(&op, &x, &affine, &statistics, y, random);
    let of_y = Tolerance::Largest { terms: 1, floor: conditioning.y };
    [
        Case::new(Op::BatchNormInference(op), inputs).within(of_y),
        Case::new(Op::BatchNormInferenceGrad(op), grad)
            .within(Tolerance::Largest { terms: op.rows, floor: conditioning.grad }),
    ]
}

struct Affine {
    weight: OracleValue,
    bias: OracleValue,
}

impl Affine {
    fn random(channels: usize, random: &mut Random) -> Self {
        let weight = random.off_zero(channels).into();
        Affine { weight, bias: random.floats(channels).into() }
    }
}

/// The input of that name, where there is one.
fn residual(op: &BatchNorm, random: &mut Random) -> Option<OracleValue> {
    let adds = op.epilogue == Epilogue::AddRelu;
    adds.then(|| random.floats(op.rows * op.channels).into())
}

/// What a gradient takes, with a random `dy`.
fn grad_inputs(
    op: &BatchNorm,
    x: &[f64],
    affine: &Affine,
    statistics: &[Vec<f64>; 2],
    y: Vec<f64>,
    random: &mut Random,
) -> Vec<OracleValue> {
    let mut inputs = vec![x.to_vec().into(), affine.weight.clone()];
    if op.epilogue == Epilogue::Relu {
        inputs.push(affine.bias.clone());
    }
    inputs.extend(statistics.clone().map(OracleValue::from));
    if op.epilogue == Epilogue::AddRelu {
        inputs.push(y.into());
    }
    inputs.push(random.floats(x.len()).into());
    inputs
}
