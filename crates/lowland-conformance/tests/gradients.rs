//! The oracle's gradients against central differences of its forward ops, and its linear ops against
//! their transposes: the two halves of the oracle check each other.

use lowland_conformance::oracle::{self, OracleValue};
use lowland_core::op::{
    BatchNorm, Broadcast, Conv2d, CrossEntropy, Epilogue, MatMul, Permute, Pool2d, PoolKind,
    Reduce, ReduceKind, Slice, Softmax, Unary, UnaryKind,
};
use lowland_core::{Op, Shape};

/// Numbers of either sign off 0 and off each other, without a pattern.
fn numbers(len: usize, seed: usize) -> Vec<f64> {
    let at = |i: usize| {
        let x = ((i + 1) as f64 * 0.754_877_666 + seed as f64 * 0.569_840_29).fract();
        if x < 0.5 { x - 0.6 } else { x + 0.1 }
    };
    (0..len).map(at).collect()
}

fn inputs(op: &Op) -> Vec<OracleValue> {
    let operands = op.operands().inputs;
    operands.iter().enumerate().map(|(seed, x)| numbers(x.len, seed).into()).collect()
}

fn forward(op: &Op, inputs: &[OracleValue]) -> Vec<f64> {
    oracle::run(op, inputs, &[]).remove(0)
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The derivative of `dy · forward(inputs)` by one input, by differences of fourth order.
fn differences(op: &Op, inputs: &[OracleValue], which: usize, dy: &[f64]) -> Vec<f64> {
    let step = 1e-3;
    let len = inputs[which].floats().len();
    let at = |i: usize, by: f64| {
        let mut inputs = inputs.to_vec();
        let mut x = inputs[which].floats().to_vec();
        x[i] += by;
        inputs[which] = x.into();
        dot(&forward(op, &inputs), dy)
    };
    let slope = |i: usize| {
        let near = at(i, step) - at(i, -step);
        let far = at(i, 2.0 * step) - at(i, -2.0 * step);
        (8.0 * near - far) / (12.0 * step)
    };
    (0..len).map(slope).collect()
}

#[track_caller]
fn assert_near(op: &Op, got: &[f64], want: &[f64]) {
    assert_eq!(got.len(), want.len(), "{op:?}");
    let largest = want.iter().fold(1.0, |m: f64, x| m.max(x.abs()));
    for (i, (got, want)) in got.iter().zip(want).enumerate() {
        assert!((got - want).abs() < 1e-8 * largest, "{op:?} element {i}: {got} is not {want}");
    }
}

#[test]
fn convolution() {
    type Layer = ([usize; 4], [usize; 4], [usize; 2], [usize; 2], usize);
    let layers: [Layer; 7] = [
        ([2, 4, 5, 3], [2, 3, 3, 3], [1, 1], [1, 1], 1),
        ([1, 5, 4, 2], [3, 2, 3, 3], [2, 2], [1, 1], 1),
        ([2, 3, 3, 2], [2, 2, 1, 1], [2, 2], [0, 0], 1),
        ([1, 4, 4, 4], [6, 2, 2, 3], [1, 2], [0, 2], 2),
        ([1, 5, 5, 3], [3, 1, 3, 3], [1, 1], [1, 1], 3),
        ([1, 1, 1, 1], [1, 1, 3, 3], [3, 3], [2, 2], 1),
        ([0, 4, 4, 2], [2, 2, 3, 3], [1, 1], [1, 1], 1),
    ];
    for (x, w, stride, padding, groups) in layers {
        let conv = Conv2d::new(x.into(), w.into(), stride, padding, groups).unwrap();
        let op = Op::Conv2d(conv);
        let inputs = inputs(&op);
        let dy = numbers(conv.y().len(), 7);
        let dx = Op::Conv2dGradInput(conv);
        let got = forward(&dx, &[dy.clone().into(), inputs[1].clone()]);
        assert_near(&dx, &got, &differences(&op, &inputs, 0, &dy));
        let dw = Op::Conv2dGradWeight(conv);
        let got = forward(&dw, &[inputs[0].clone(), dy.clone().into()]);
        assert_near(&dw, &got, &differences(&op, &inputs, 1, &dy));
    }
}

#[test]
fn functions_of_each_element() {
    for kind in UnaryKind::ALL {
        let unary = Unary { kind, len: 40 };
        let mut x = numbers(40, 1);
        if kind == UnaryKind::Log {
            x.iter_mut().for_each(|x| *x = x.abs());
        }
        let op = Op::Unary(unary);
        let inputs = vec![x.into()];
        let y = forward(&op, &inputs);
        let dy = numbers(40, 7);
        let grad = Op::UnaryGrad(unary);
        let got = forward(&grad, &[inputs[0].clone(), y.into(), dy.clone().into()]);
        assert_near(&grad, &got, &differences(&op, &inputs, 0, &dy));
    }
}

#[test]
fn conventions_at_kinks_and_ties() {
    let grad = |kind, x: f64| {
        let op = Op::UnaryGrad(Unary { kind, len: 1 });
        forward(&op, &[vec![x].into(), vec![0.0].into(), vec![3.0].into()])
    };
    assert_eq!(grad(UnaryKind::Relu, 0.0), [0.0]);
    assert_eq!(grad(UnaryKind::Relu, -0.0), [0.0]);
    assert_eq!(grad(UnaryKind::SignedLog, 0.0), [3.0]);
    let max = Reduce::new(ReduceKind::Max, Shape::from([2, 3]), &[1]).unwrap();
    let x = vec![2.0, 5.0, 5.0, f64::NAN, 1.0, f64::NAN];
    let y = forward(&Op::Reduce(max), &[x.clone().into()]);
    assert!(y[0] == 5.0 && y[1].is_nan());
    let dx = forward(&Op::ReduceMaxGrad(max), &[x.into(), y.into(), vec![1.0, 2.0].into()]);
    assert_eq!(dx, [0.0, 1.0, 0.0, 2.0, 0.0, 0.0]);
    let pool = |kind, padding| {
        Pool2d::new(kind, Shape::from([1, 1, 3, 1]), [1, 2], [1, 2], [0, padding]).unwrap()
    };
    let x: OracleValue = vec![-4.0, -1.0, -1.0].into();
    let max = pool(PoolKind::Max, 1);
    assert_eq!(forward(&Op::Pool2d(max), std::slice::from_ref(&x)), [-4.0, -1.0]);
    let dx = forward(&Op::Pool2dGrad(max), &[x.clone(), vec![1.0, 2.0].into()]);
    assert_eq!(dx, [1.0, 2.0, 0.0]);
    // Padding counts as a zero.
    assert_eq!(forward(&Op::Pool2d(pool(PoolKind::Average, 1)), &[x]), [-2.0, -1.0]);
}

#[test]
fn maxima_and_pooling() {
    for axes in [&[][..], &[0], &[1], &[2], &[0, 2], &[0, 1, 2]] {
        let max = Reduce::new(ReduceKind::Max, Shape::from([3, 4, 2]), axes).unwrap();
        let op = Op::Reduce(max);
        let inputs = inputs(&op);
        let y = forward(&op, &inputs);
        let dy = numbers(y.len(), 7);
        let grad = Op::ReduceMaxGrad(max);
        let got = forward(&grad, &[inputs[0].clone(), y.into(), dy.clone().into()]);
        assert_near(&grad, &got, &differences(&op, &inputs, 0, &dy));
    }
    for kind in PoolKind::ALL {
        for (kernel, stride, padding) in
            [([2, 2], [2, 2], [0, 0]), ([3, 3], [2, 2], [1, 1]), ([2, 3], [1, 2], [1, 0])]
        {
            let pool = Pool2d::new(kind, [2, 5, 4, 3].into(), kernel, stride, padding).unwrap();
            let op = Op::Pool2d(pool);
            let inputs = inputs(&op);
            let dy = numbers(pool.y().len(), 7);
            let grad = Op::Pool2dGrad(pool);
            let mut operands: Vec<OracleValue> = vec![dy.clone().into()];
            if kind == PoolKind::Max {
                operands.insert(0, inputs[0].clone());
            }
            let got = forward(&grad, &operands);
            assert_near(&grad, &got, &differences(&op, &inputs, 0, &dy));
        }
    }
}

#[test]
fn batch_norm() {
    for epilogue in Epilogue::ALL {
        for [rows, channels] in [[2, 1], [3, 4], [12, 3]] {
            let norm = BatchNorm::training(rows, channels, 1e-2).unwrap().with_epilogue(epilogue);
            let op = Op::BatchNorm(norm);
            let mut own = inputs(&op);
            // Away from the kinks of the ReLU.
            own[2] = vec![0.2; channels].into();
            let outputs = oracle::run(&op, &own, &[]);
            let plain = Op::BatchNorm(norm.with_epilogue(Epilogue::None));
            let mut z = oracle::run(&plain, &own[..3], &[]).swap_remove(0);
            if let Some(residual) = own.get(3) {
                z.iter_mut().zip(residual.floats()).for_each(|(z, r)| *z += r);
            }
            assert!(z.iter().all(|z| z.abs() > 1e-3), "{z:?}");
            let statistics: [OracleValue; 2] =
                [outputs[1].clone().into(), outputs[2].clone().into()];
            batch_norm_grad(&op, &Op::BatchNormGrad(norm), &own, &statistics);
            own.splice(3..3, statistics.clone());
            let op = Op::BatchNormInference(norm);
            batch_norm_grad(&op, &Op::BatchNormInferenceGrad(norm), &own, &statistics);
        }
    }
}

fn batch_norm_grad(op: &Op, grad: &Op, own: &[OracleValue], statistics: &[OracleValue; 2]) {
    let y = &oracle::run(op, own, &[])[0];
    let dy = numbers(y.len(), 7);
    let operands = grad.operands().inputs.into_iter().map(|operand| match operand.name {
        "x" => own[0].clone(),
        "weight" => own[1].clone(),
        "bias" => own[2].clone(),
        "mean" => statistics[0].clone(),
        "var" => statistics[1].clone(),
        "y" => y.clone().into(),
        _ => dy.clone().into(),
    });
    let operands: Vec<OracleValue> = operands.collect();
    for (which, got) in oracle::run(grad, &operands, &[]).iter().enumerate() {
        // The fourth gradient is that of the last input, the residual.
        let which = if which == 3 { own.len() - 1 } else { which };
        assert_near(grad, got, &differences(op, own, which, &dy));
    }
}

#[test]
fn softmax_and_cross_entropy() {
    for [rows, columns] in [[1, 1], [3, 4], [2, 9]] {
        for log in [false, true] {
            let softmax = Softmax { rows, columns, log };
            let op = Op::Softmax(softmax);
            let inputs = inputs(&op);
            let y = forward(&op, &inputs);
            let dy = numbers(y.len(), 7);
            let grad = Op::SoftmaxGrad(softmax);
            let got = forward(&grad, &[y.into(), dy.clone().into()]);
            assert_near(&grad, &got, &differences(&op, &inputs, 0, &dy));
        }
        for smoothing in [0.0, 0.3] {
            let loss = CrossEntropy::new(rows, columns, smoothing).unwrap();
            let op = Op::CrossEntropy(loss);
            let labels: Vec<u32> = (0..rows).map(|row| (row % columns) as u32).collect();
            let mut own: Vec<OracleValue> = vec![numbers(rows * columns, 1).into(), labels.into()];
            let want = differences(&op, &own, 0, &[0.7]);
            let grad = Op::CrossEntropyGrad(loss);
            own.push(vec![0.7].into());
            assert_near(&grad, &forward(&grad, &own), &want);
        }
    }
}

/// `dy · f(x) = f'(dy) · x` for a linear op and its transpose.
#[track_caller]
fn assert_transposes(op: &Op, transpose: &Op, factor: f64) {
    let x = numbers(op.operands().inputs[0].len, 1);
    let y = forward(op, &[x.clone().into()]);
    let dy = numbers(y.len(), 7);
    let dx = forward(transpose, &[dy.clone().into()]);
    let (left, right) = (dot(&y, &dy), factor * dot(&x, &dx));
    assert!((left - right).abs() < 1e-12, "{op:?}: {left} is not {right}");
}

#[test]
fn transposes() {
    let (whole, block) = (Shape::from([5, 6, 2]), Shape::from([2, 3, 1]));
    let slice = Slice::new(whole, block, &[1, 0, 1], &[3, 2, 1]).unwrap();
    assert_transposes(&Op::Slice(slice), &Op::Embed(slice), 1.0);
    let permute = Permute::new(whole, &[2, 0, 1]).unwrap();
    assert_transposes(&Op::Permute(permute), &Op::Permute(permute.inverse()), 1.0);
    let few = Shape::from([1, 6, 1]);
    let broadcast = Broadcast::new(few, whole, 0.25).unwrap();
    let sum = Reduce::sum_to(whole, few).unwrap();
    assert_transposes(&Op::Broadcast(broadcast), &Op::Reduce(sum), 0.25);
    let mean = Reduce::new(ReduceKind::Mean, whole, &[0, 2]).unwrap();
    assert_transposes(&Op::Reduce(mean), &Op::Broadcast(broadcast), 0.4);
}

/// A transposed operand is the operand permuted, and the product is what it is on paper.
#[test]
fn matrix_products() {
    let plain = MatMul { m: 2, k: 3, n: 2, transpose_a: false, transpose_b: false };
    let a = vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
    let b = vec![7.0, 8.0, 9.0, 10.0, 11.0, 12.0];
    let want = [58.0, 64.0, 139.0, 154.0];
    let flip = |x: &Vec<f64>, rows, columns| {
        let permute = Permute::new(Shape::from([rows, columns]), &[1, 0]).unwrap();
        forward(&Op::Permute(permute), &[x.clone().into()])
    };
    let (at, bt) = (flip(&a, 2, 3), flip(&b, 3, 2));
    for (transpose_a, a) in [(false, &a), (true, &at)] {
        for (transpose_b, b) in [(false, &b), (true, &bt)] {
            let op = Op::MatMul(MatMul { transpose_a, transpose_b, ..plain });
            assert_eq!(forward(&op, &[a.clone().into(), b.clone().into()]), want);
        }
    }
}
