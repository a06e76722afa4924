//! Ops refuse sizes they cannot have, and buffers that do not fit them, in words.

use std::sync::Arc;

use lowland_core::measure::{Elements, Measure};
use lowland_core::op::{
    BatchNorm, Binary, BinaryKind, Broadcast, ClipNorm, Conv2d, CrossEntropy, Fill, MatMul,
    MeasureTensors, Op, Operand, Permute, Pool2d, PoolKind, Reduce, ReduceKind, ScaledSum, Segment,
    Slice, Softmax, Step, TensorAt, TransformTensors, Unary, UnaryKind,
};
use lowland_core::stage::Scalars;
use lowland_core::{Buffer, Chain, Clock, DType, Error, Real, Result, Shape, Storage, Transform};
use proptest::prelude::*;

#[derive(Debug)]
struct Memory;
impl Storage for Memory {}

fn buffer(len: usize, dtype: DType) -> Buffer {
    Buffer::new(Arc::new(Memory), dtype, len)
}

fn message<T: std::fmt::Debug>(result: Result<T>) -> String {
    result.unwrap_err().to_string()
}

fn shape<const N: usize>(extents: [usize; N]) -> Shape {
    Shape::from(extents)
}

#[test]
fn convolutions_have_the_extents_of_the_textbook() {
    let conv = |h, k, s, p| {
        Conv2d::new(shape([2, h, h, 6]), shape([4, 3, k, k]), [s, s], [p, p], 2).unwrap().output
    };
    assert_eq!(conv(32, 3, 1, 1), [32, 32]);
    assert_eq!(conv(32, 3, 2, 1), [16, 16]);
    assert_eq!(conv(7, 3, 2, 1), [4, 4]);
    assert_eq!(conv(7, 1, 2, 0), [4, 4]);
    assert_eq!(conv(10, 5, 1, 0), [6, 6]);
    let resnet_stem = Conv2d::new(shape([1, 32, 32, 3]), shape([16, 3, 3, 3]), [1, 1], [1, 1], 1);
    assert_eq!(resnet_stem.unwrap().multiply_adds(), 32 * 32 * 16 * 27);
}

#[test]
fn convolutions_that_cannot_be_say_why() {
    let conv = |x, w, groups| message(Conv2d::new(x, w, [1, 1], [0, 0], groups));
    assert_eq!(
        conv(shape([1, 8, 8, 3]), shape([16, 4, 3, 3]), 1),
        "conv2d: shapes [1, 8, 8, 3] and [16, 4, 3, 3] do not fit: 1 groups of 4 are not 3 channels"
    );
    assert!(conv(shape([1, 8, 8, 4]), shape([3, 2, 3, 3]), 2).contains("do not divide 3 output"));
    assert!(conv(shape([1, 2, 8, 3]), shape([4, 3, 3, 3]), 1).contains("kernel is larger"));
    assert!(conv(shape([1, 8, 8]), shape([4, 3, 3, 3]), 1).contains("[N, H, W, I]"));
    assert!(conv(shape([1, 8, 8, 3]), shape([4, 3, 3, 3]), 0).contains("at least 1"));
}

#[test]
fn statistics_of_too_little_are_errors() {
    assert!(message(BatchNorm::training(1, 4, 1e-5)).contains("at least 2 values per channel"));
    assert!(message(BatchNorm::training(8, 4, 0.0)).contains("eps must be positive"));
    assert!(BatchNorm::inference(1, 4, 1e-5).is_ok());
    let nothing = Reduce::new(ReduceKind::Mean, shape([0, 4]), &[0]);
    assert_eq!(message(nothing), "mean: over nothing: the shape is [0, 4]");
    assert!(Reduce::new(ReduceKind::Sum, shape([0, 4]), &[0]).is_ok());
    assert!(Reduce::new(ReduceKind::Max, shape([0, 4]), &[1]).is_ok());
    assert!(message(Reduce::new(ReduceKind::Sum, shape([2, 4]), &[2])).contains("no axis 2"));
    assert!(message(CrossEntropy::new(0, 10, 0.0)).contains("mean over nothing"));
    assert!(message(CrossEntropy::new(4, 10, 1.0)).contains("label smoothing"));
}

#[test]
fn ops_that_their_constructor_did_not_see_are_checked() {
    let floats = |lengths: &[usize]| -> Vec<Buffer> {
        lengths.iter().map(|&len| buffer(len, DType::F32)).collect()
    };
    let check = |op: Op| {
        let of = |operands: Vec<lowland_core::op::Operand>| {
            floats(&operands.iter().map(|operand| operand.len).collect::<Vec<_>>())
        };
        let (inputs, outputs) = (of(op.operands().inputs), of(op.operands().outputs));
        op.check(&inputs.iter().collect::<Vec<_>>(), &outputs.iter().collect::<Vec<_>>())
    };
    for rows in [0, 1] {
        let norm = BatchNorm::inference(rows, 3, 1e-5).unwrap();
        for op in [Op::BatchNorm(norm), Op::BatchNormGrad(norm)] {
            let want =
                format!("batch norm: training needs at least 2 values per channel, got {rows}");
            assert!(message(check(op)).starts_with(&want));
        }
        assert!(check(Op::BatchNormInference(norm)).is_ok());
        assert!(check(Op::BatchNormInferenceGrad(norm)).is_ok());
    }
    let mut max = Reduce::new(ReduceKind::Max, shape([2, 3]), &[1]).unwrap();
    assert!(check(Op::ReduceMaxGrad(max)).is_ok());
    max.kind = ReduceKind::Sum;
    assert_eq!(
        message(check(Op::ReduceMaxGrad(max))),
        "gradient of max: is not that of a sum, which is a broadcast"
    );
}

#[test]
fn sizes_do_not_wrap() {
    let huge = usize::MAX / 2 + 1;
    let pool =
        |kernel, padding| Pool2d::new(PoolKind::Max, shape([1, 5, 5, 2]), kernel, [1, 1], padding);
    assert!(message(pool([3, 3], [huge, 1])).contains("over half of the window"));
    assert!(message(pool([usize::MAX, 1], [huge - 1, 0])).contains("is too large"));
    assert!(message(pool([1 << 40, 1 << 40], [1 << 39, 1 << 39])).contains("is too large"));
    let conv = |x, w, padding, groups| Conv2d::new(x, w, [1, 1], padding, groups);
    let (x, w) = (shape([1, 5, 5, 2]), shape([2, 2, 3, 3]));
    for padding in [huge, huge - 1, usize::MAX] {
        let error = conv(x, w, [padding, 1], 1);
        assert!(matches!(error, Err(Error::Invalid { .. })));
        assert!(message(error).contains("is too large"));
    }
    let wraps = conv(shape([1, 5, 5, 0]), shape([2, huge, 3, 3]), [0, 0], 2);
    assert!(matches!(wraps, Err(Error::Shapes { .. })));
    let large = conv(x, w, [1 << 40, 1 << 40], 1).unwrap();
    assert_eq!(large.multiply_adds(), usize::MAX);
}

#[test]
fn every_op_says_which_it_is() {
    let mut names = std::collections::BTreeSet::new();
    for kind in UnaryKind::ALL {
        assert_eq!(kind.grad_name(), format!("gradient of {}", kind.name()));
        names.insert(Op::UnaryGrad(Unary { kind, len: 1 }).name());
    }
    for kind in PoolKind::ALL {
        assert_eq!(kind.grad_name(), format!("gradient of {}", kind.name()));
        let pool = Pool2d::new(kind, shape([1, 5, 5, 2]), [1, 1], [1, 1], [0, 0]).unwrap();
        names.insert(Op::Pool2dGrad(pool).name());
    }
    for log in [false, true] {
        names.insert(Op::SoftmaxGrad(Softmax { rows: 1, columns: 1, log }).name());
    }
    assert_eq!(names.len(), 6 + 2 + 2);
}

#[test]
fn labels_are_checked_with_their_row() {
    let loss = CrossEntropy::new(3, 10, 0.0).unwrap();
    assert!(loss.check_labels(&[0, 9, 3]).is_ok());
    assert_eq!(
        message(loss.check_labels(&[0, 10, 11])),
        "cross-entropy: label 10 in row 1, but there are only 10 classes (0..10)"
    );
}

#[test]
fn windows_stay_over_the_image() {
    let pool = |k, p| Pool2d::new(PoolKind::Max, shape([1, 5, 5, 2]), [k, k], [2, 2], [p, p]);
    assert_eq!(pool(3, 1).unwrap().output, [3, 3]);
    assert!(message(pool(2, 2)).contains("over half of the window"));
    assert!(message(pool(6, 0)).contains("larger than the padded image"));
}

#[test]
fn slices_stay_inside() {
    let whole = shape([2, 8, 8, 4]);
    let half = Slice::new(whole, shape([2, 4, 4, 4]), &[0; 4], &[1, 2, 2, 1]);
    assert_eq!(half.unwrap().step[..4], [1, 2, 2, 1]);
    let outside = Slice::new(whole, shape([2, 5, 4, 4]), &[0; 4], &[1, 2, 2, 1]);
    assert!(message(outside).contains("leaves axis 1"));
    let overflow = Slice::new(whole, shape([2, 5, 4, 4]), &[0; 4], &[1, usize::MAX, 2, 1]);
    assert!(message(overflow).contains("leaves axis 1"));
    assert!(message(Slice::new(whole, whole, &[0; 4], &[1, 0, 1, 1])).contains("at least 1"));
}

#[test]
fn sums_have_one_to_eight_terms() {
    assert_eq!(ScaledSum::new(3, &[0.5, 2.0]).unwrap().scales(), [0.5, 2.0]);
    assert!(message(ScaledSum::new(3, &[])).contains("1 to 8 terms, not 0"));
    assert!(ScaledSum::new(3, &[1.0; 9]).is_err());
}

#[test]
fn broadcasts_go_one_way() {
    assert!(Broadcast::new(shape([4]), shape([3, 4]), 1.0).is_ok());
    assert!(Broadcast::new(shape([3, 4]), shape([4]), 1.0).is_err());
    assert!(Reduce::sum_to(shape([3, 4]), shape([4])).unwrap().to == shape([1, 4]));
    let misfit = Binary::new(BinaryKind::Mul, shape([3, 4]), shape([3]));
    assert!(message(misfit).starts_with("mul: shapes [3, 4] and [3] do not fit"));
}

#[test]
fn operands_are_checked_before_memory_is_touched() {
    let relu = Op::Unary(Unary { kind: UnaryKind::Relu, len: 4 });
    let (x, y) = (buffer(4, DType::F32), buffer(4, DType::F32));
    assert_eq!(relu.check(&[&x], &[&y]).unwrap(), DType::F32);
    assert!(matches!(
        relu.check(&[], &[&y]),
        Err(Error::Arity { side: "inputs", want: 1, got: 0, .. })
    ));
    assert_eq!(
        message(relu.check(&[&buffer(5, DType::F32)], &[&y])),
        "relu: operand `x` needs 4 elements of f32, got 5 of f32"
    );
    assert!(matches!(relu.check(&[&x], &[&buffer(4, DType::F64)]), Err(Error::Operand { .. })));
    assert!(matches!(
        relu.check(&[&buffer(4, DType::U32)], &[&y]),
        Err(Error::Operand { operand: "x", .. })
    ));
    assert_eq!(
        message(relu.check(&[&x], &[&x.clone()])),
        "relu: output 0 (`y`) overlaps input 0 (`x`); an output needs memory of its own"
    );
    let norm = Op::BatchNorm(BatchNorm::training(2, 4, 1e-5).unwrap());
    let inputs = [8, 4, 4].map(|len| buffer(len, DType::F32));
    let outputs = [8, 4].map(|len| buffer(len, DType::F32));
    let [mean, outputs] = [&outputs[1], &outputs[0]];
    assert_eq!(
        message(norm.check(&inputs.each_ref(), &[outputs, mean, mean])),
        "batch norm: output 2 (`var`) overlaps output 1 (`mean`); an output needs memory of its own"
    );
    let add = Op::Binary(Binary::new(BinaryKind::Add, shape([4]), shape([4])).unwrap());
    assert!(add.check(&[&x, &x], &[&y]).is_ok(), "one buffer may be read twice");
    let fill = Op::Fill(Fill { len: 4, value: 1.0 });
    assert_eq!(fill.check(&[], &[&buffer(4, DType::F64)]).unwrap(), DType::F64);
    let huge =
        Op::MatMul(MatMul { m: usize::MAX, k: 2, n: 1, transpose_a: false, transpose_b: false });
    assert!(huge.check(&[&x, &x], &[&y]).is_err());
}

#[test]
fn steps_stay_in_their_arenas() {
    #[derive(Debug)]
    struct Remember;
    impl lowland_core::Stage for Remember {
        fn name(&self) -> &'static str {
            "remember"
        }
        fn slots(&self) -> Vec<String> {
            vec!["last".into()]
        }
        fn apply_block<T: lowland_core::Real>(
            &self,
            _: lowland_core::stage::Scalars<'_>,
            block: lowland_core::Block<'_, T>,
        ) {
            let [last] = block.state.slots();
            last.copy_from_slice(block.direction);
        }
    }
    let chain = Arc::new(Chain::new().then(Remember));
    let step = |segments: Vec<Segment>| {
        let prepared = chain.prepare(&Clock::at_step(1, 0.1));
        Step::new(chain.clone(), prepared, segments.into(), 100, 10)
    };
    let segment = |param, state, len| Segment { param, state, len };
    assert!(step(vec![segment(0, 0, 5), segment(64, 5, 5)]).is_ok());
    assert!(message(step(vec![segment(98, 0, 5)])).contains("leaves arenas"));
    assert!(message(step(vec![segment(0, 8, 5)])).contains("leaves arenas"));
    assert!(message(step(vec![segment(0, 0, 5), segment(4, 5, 5)])).contains("overlap"));
    assert!(message(step(vec![segment(0, 0, 5), segment(64, 4, 5)])).contains("overlap"));
    assert!(message(step(vec![segment(usize::MAX, 0, 5)])).contains("leaves arenas"));
    assert_eq!(chain.slots(), ["remember.last"]);
    assert_eq!(
        chain.explain().to_string(),
        "one pass, 20 bytes a parameter in f32: gradient -> remember -> \
         parameter -= lr * direction; state: remember.last"
    );
    let twice = Chain::new().then(Remember).then_all(&chain);
    assert_eq!(twice.slots(), ["0.remember.last", "1.remember.last"]);
}

proptest! {
    #[test]
    fn a_permutation_is_undone_by_its_inverse(
        (extents, order) in prop::collection::vec(0usize..5, 0..6)
            .prop_flat_map(|e| (Just(e.clone()), Just((0..e.len()).collect::<Vec<_>>()).prop_shuffle())),
    ) {
        let permute = Permute::new(Shape::new(&extents), &order).unwrap();
        let inverse = permute.inverse();
        prop_assert_eq!(inverse.to, permute.from);
        for k in 0..order.len() {
            prop_assert_eq!(inverse.order()[permute.order()[k]], k);
        }
        if let Some(&first) = order.first() {
            let mut wrong = order.clone();
            wrong[0] = wrong[wrong.len() - 1];
            prop_assert_eq!(Permute::new(permute.from, &wrong).is_err(), wrong[0] != first);
        }
    }

    #[test]
    fn cutting_the_elements_of_a_chain_changes_nothing(
        len in 0usize..1600, at in 0usize..1600, lr in 0.0f64..1.0,
    ) {
        let at = at.min(len);
        let chain = Chain::new();
        let grads: Vec<f32> = (0..len).map(|i| (i as f32).sin()).collect();
        let mut whole = vec![1.0f32; len];
        let mut parts = whole.clone();
        let clock = Clock::at_step(1, lr);
        chain.step(&clock, &mut whole, &grads, &mut []);
        let (left, right) = parts.split_at_mut(at);
        chain.step(&clock, left, &grads[..at], &mut []);
        chain.step(&clock, right, &grads[at..], &mut []);
        prop_assert_eq!(&whole, &parts);
        for (p, g) in whole.iter().zip(&grads) {
            prop_assert_eq!(*p, 1.0 - lr as f32 * g);
        }
    }
}

/// Applies to matrices alone.
#[derive(Debug)]
struct OfMatrices;

impl Transform for OfMatrices {
    fn name(&self) -> &'static str {
        "of_matrices"
    }

    fn applies_to(&self, shape: &Shape) -> bool {
        shape.rank() == 2
    }

    fn apply<T: Real>(&self, _: &mut [T], _: &Shape, _: &mut [f64]) {}
}

#[test]
fn tensors_of_an_arena_are_sorted_and_checked() {
    let at = |offset, shape: Shape| TensorAt { offset, shape };
    let transform = |tensors: &[TensorAt]| {
        TransformTensors::new(Arc::new(OfMatrices), tensors, 20).map(|op| op.tensors)
    };
    let (a, b) = (at(12, shape([2, 4])), at(0, shape([3, 4])));
    let empty = at(usize::MAX, shape([0, 4]));
    assert_eq!(transform(&[a, empty, b]).unwrap()[..], [b, a]);
    assert_eq!(
        message(transform(&[at(13, shape([2, 4]))])),
        "tensor transform: TensorAt { offset: 13, shape: [2, 4] } leaves the arena of 20"
    );
    assert!(message(transform(&[at(usize::MAX, shape([1, 1]))])).contains("leaves the arena"));
    assert_eq!(
        message(transform(&[b, at(11, shape([1, 1]))])),
        "tensor transform: TensorAt { offset: 0, shape: [3, 4] } and TensorAt { offset: 11, shape: [1, 1] } overlap"
    );
    assert_eq!(
        message(transform(&[at(0, shape([4]))])),
        "tensor transform: of_matrices does not apply to [4]"
    );
    let clip = |max_norm| message(ClipNorm::new(max_norm, &[], 3));
    assert_eq!(clip(0.0), "clip by norm: max_norm must be above 0; got 0");
    assert!(clip(f64::NAN).contains("got NaN") && clip(-1.0).contains("got -1"));
    assert!(message(ClipNorm::new(1.0, &[a], 19)).contains("leaves the arena of 19"));
}

/// A measure with this many sums and slots.
#[derive(Debug)]
struct Sums(&'static [&'static str], usize);

impl Measure for Sums {
    fn name(&self) -> &'static str {
        "sums"
    }

    fn sums(&self) -> &'static [&'static str] {
        self.0
    }

    fn reads(&self) -> usize {
        self.1
    }

    fn terms<T: Real>(&self, _: Scalars<'_>, _: Elements<'_, T>) {}
}

#[test]
fn measured_tensors_are_checked_and_cut() {
    let measure = |sums, reads, segments: &[Segment], state| {
        MeasureTensors::new(Arc::new(Sums(sums, reads)), vec![], segments.into(), 70_000, state)
    };
    let at = |param, state, len| Segment { param, state, len };
    assert_eq!(message(measure(&[], 0, &[], 0)), "measure: sums has no sums");
    assert_eq!(
        message(measure(&["a"], 1, &[at(0, 8, 3)], 10)),
        "measure: Segment { param: 0, state: 8, len: 3 } leaves arenas of 70000 parameters and 10 states"
    );
    assert!(message(measure(&["a"], 0, &[at(0, 0, 3), at(2, 5, 1)], 10)).contains("overlap"));
    // Without state, where it lies does not matter.
    let piece = MeasureTensors::PIECE;
    let tensors = [at(40_000, usize::MAX, 3), at(1, usize::MAX, piece + 2), at(9, 0, 0)];
    let op = measure(&["a", "b"], 0, &tensors, 0).unwrap();
    let pieces: Vec<(usize, usize)> = op.pieces().map(|piece| (piece.param, piece.len)).collect();
    assert_eq!(pieces, [(40_000, 3), (1, piece), (1 + piece, 2)]);
    let op = measure(&["a", "b"], 3, &[at(0, 0, 5)], 5).unwrap();
    let operands = Op::Measure(op).operands();
    let lengths = |operands: &[Operand]| operands.iter().map(|o| o.len).collect::<Vec<usize>>();
    assert_eq!(lengths(&operands.inputs), [70_000, 5, 5, 5]);
    assert_eq!(lengths(&operands.outputs), [2, 2]);
    assert_eq!(MeasureTensors::total(&mut [1e16, 1.0, -1e16]), 0.0, "from the least on");
    let sum = 123_456_789.123_456_7;
    assert!((MeasureTensors::join(MeasureTensors::split::<f32>(sum)) - sum).abs() < 1e-6);
    assert_eq!(MeasureTensors::split::<f64>(sum), [sum, 0.0]);
}

#[test]
fn a_step_that_leaves_directions_reads_parameters() {
    let chain = Arc::new(Chain::new());
    let prepared = chain.prepare(&Clock::at_step(1, 0.1));
    let step = Step::new(chain, prepared, [].into(), 5, 0).unwrap();
    let names = |step: Step| {
        let operands = Op::Step(step).operands();
        (operands.inputs[0].name, operands.outputs[0].name)
    };
    assert_eq!(names(step.clone()), ("grads", "params"));
    assert_eq!(names(step.leaving_directions()), ("params", "grads"));
}
