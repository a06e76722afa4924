//! Ops whose operands are few or none while their extents are of any magnitude: none panics, hangs or
//! writes too little, and sums over nothing are 0.

use std::sync::LazyLock;

use lowland_core::op::{
    BatchNorm, Binary, BinaryKind, Broadcast, Conv2d, Epilogue, MatMul, Nothing, Op, Permute,
    Pool2d, PoolKind, Reduce, ReduceKind, Slice, Softmax,
};
use lowland_core::{Backend, Buffer, DType, Shape};
use lowland_cpu::Cpu;
use proptest::prelude::*;

/// The most elements of an operand.
const MOST: usize = 5000;

/// Mostly 0, 1 or 2; else anything.
fn size() -> impl Strategy<Value = usize> {
    let huge = prop::sample::select(vec![
        1 << 32,
        1 << 40,
        usize::MAX / 2 - 1,
        usize::MAX / 2,
        usize::MAX,
    ]);
    prop_oneof![3 => Just(0usize), 3 => Just(1), 2 => 2usize..6, 3 => huge]
}

fn sizes<const N: usize>() -> impl Strategy<Value = [usize; N]> {
    prop::array::uniform(size())
}

/// One for all of them: every backend starts threads.
static CPU: LazyLock<Cpu> = LazyLock::new(|| Cpu::new(2));

/// Runs an op in both float types, where its operands are small.
fn run(op: &Op) {
    let operands = op.operands();
    let small = operands.inputs.iter().chain(&operands.outputs).all(|o| o.len <= MOST);
    for dtype in [DType::F32, DType::F64].into_iter().filter(|_| small) {
        let backend: &dyn Backend = &*CPU;
        let filled = |len: usize, value| backend.filled(len, dtype, value).unwrap();
        let inputs: Vec<Buffer> = operands.inputs.iter().map(|o| filled(o.len, 0.5)).collect();
        let outputs: Vec<Buffer> =
            operands.outputs.iter().map(|o| filled(o.len, f64::NAN)).collect();
        let (x, y): (Vec<&Buffer>, Vec<&Buffer>) =
            (inputs.iter().collect(), outputs.iter().collect());
        backend.run(op, &x, &y).unwrap();
        for (operand, output) in operands.outputs.iter().zip(&outputs) {
            let values: Vec<f64> = match dtype {
                DType::F32 => {
                    backend.to_vec::<f32>(output).unwrap().into_iter().map(f64::from).collect()
                }
                _ => backend.to_vec(output).unwrap(),
            };
            let zeros = op.over_nothing() == Some(Nothing::Zeros);
            let right = |value: f64| if zeros { value == 0.0 } else { value.is_finite() };
            assert!(values.iter().all(|&value| right(value)), "{op:?}: `{}`", operand.name);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn convolutions(
        [n, h, w, per_group] in sizes::<4>(),
        [o, kh, kw, groups] in sizes::<4>(),
        stride in sizes::<2>(),
        padding in sizes::<2>(),
    ) {
        let Some(channels) = per_group.checked_mul(groups) else { return Ok(()) };
        let (x, weight) = (Shape::from([n, h, w, channels]), Shape::from([o, per_group, kh, kw]));
        let Ok(op) = Conv2d::new(x, weight, stride, padding, groups) else { return Ok(()) };
        for op in [Op::Conv2d(op), Op::Conv2dGradInput(op), Op::Conv2dGradWeight(op)] {
            run(&op);
        }
        let [rows, columns] = op.output;
        if n.saturating_mul(rows).saturating_mul(columns) > 1 {
            run(&Op::Conv2dStatistics(op));
        }
    }

    #[test]
    fn poolings(x in sizes::<4>(), kernel in sizes::<2>(), stride in sizes::<2>(), padding in sizes::<2>()) {
        for kind in PoolKind::ALL {
            let Ok(op) = Pool2d::new(kind, Shape::from(x), kernel, stride, padding) else { continue };
            run(&Op::Pool2d(op));
            run(&Op::Pool2dGrad(op));
        }
    }

    #[test]
    fn matrices([m, k, n] in sizes::<3>(), transposed in 0u8..4) {
        let (transpose_a, transpose_b) = (transposed & 1 > 0, transposed & 2 > 0);
        run(&Op::MatMul(MatMul { m, k, n, transpose_a, transpose_b }));
        let op = Softmax { rows: m, columns: n, log: transpose_a };
        run(&Op::Softmax(op));
        run(&Op::SoftmaxGrad(op));
        for epilogue in Epilogue::ALL {
            let op = BatchNorm::inference(m, n, 1e-5).unwrap().with_epilogue(epilogue);
            run(&Op::BatchNormInference(op));
            run(&Op::BatchNormInferenceGrad(op));
            if m > 1 {
                run(&Op::BatchNorm(op));
                run(&Op::BatchNormGrad(op));
            }
        }
    }

    #[test]
    fn axes(extents in prop::collection::vec(size(), 0..=6), choices in prop::array::uniform6(0usize..9)) {
        let shape = Shape::new(&extents);
        let chosen: Vec<usize> = (0..extents.len()).filter(|&axis| choices[axis] % 2 > 0).collect();
        for kind in ReduceKind::ALL {
            let Ok(op) = Reduce::new(kind, shape, &chosen) else { continue };
            run(&Op::Reduce(op));
            if kind == ReduceKind::Max {
                run(&Op::ReduceMaxGrad(op));
            }
        }
        let ones: Vec<usize> = (0..extents.len())
            .map(|axis| if chosen.contains(&axis) { 1 } else { extents[axis] })
            .collect();
        run(&Op::Broadcast(Broadcast::new(Shape::new(&ones), shape, 2.0).unwrap()));
        run(&Op::Binary(Binary::new(BinaryKind::Mul, shape, Shape::new(&ones)).unwrap()));
        let mut order: Vec<usize> = (0..extents.len()).collect();
        order.sort_by_key(|&axis| choices[axis]);
        run(&Op::Permute(Permute::new(shape, &order).unwrap()));
        let half: Vec<usize> = extents.iter().map(|extent| extent / 2).collect();
        let (start, step) = (vec![0; extents.len()], vec![1; extents.len()]);
        let op = Slice::new(shape, Shape::new(&half), &start, &step).unwrap();
        run(&Op::Slice(op));
        run(&Op::Embed(op));
    }
}
