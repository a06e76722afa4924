//! Ops over nothing and on single elements: what is refused, in which words; what a field that was set
//! to something else comes to.

use std::sync::Arc;

use lowland_core::measure::{Elements, Measure};
use lowland_core::op::{
    BatchNorm, Binary, BinaryKind, Broadcast, ClipNorm, Conv2d, CrossEntropy, MeasureTensors,
    Nothing, Op, Operand, Permute, Pool2d, PoolKind, Reduce, ReduceKind, Segment, Slice, Step,
    TensorAt,
};
use lowland_core::stage::Scalars;
use lowland_core::{Buffer, Chain, Clock, DType, Real, Result, Shape, Storage};

#[derive(Debug)]
struct Memory;
impl Storage for Memory {}

fn shape<const N: usize>(extents: [usize; N]) -> Shape {
    Shape::from(extents)
}

fn message<T: std::fmt::Debug>(result: Result<T>) -> String {
    result.unwrap_err().to_string()
}

/// The check of an op on operands of the lengths that it asks for.
fn check(op: &Op) -> Result<DType> {
    let operands = op.operands();
    let buffers = |operands: &[Operand]| -> Vec<Buffer> {
        let dtype = |o: &Operand| match o.kind {
            lowland_core::op::Kind::Float => DType::F32,
            lowland_core::op::Kind::Label => DType::U32,
        };
        operands.iter().map(|o| Buffer::new(Arc::new(Memory), dtype(o), o.len)).collect()
    };
    let (inputs, outputs) = (buffers(&operands.inputs), buffers(&operands.outputs));
    op.check(&inputs.iter().collect::<Vec<_>>(), &outputs.iter().collect::<Vec<_>>())
}

#[test]
fn what_nothing_cannot_be_is_refused_in_words() {
    let conv = |x, w, groups| Conv2d::new(x, w, [1, 1], [0, 0], groups);
    for (w, groups) in [([2, 3, 0, 3], 1), ([2, 3, 3, 0], 1), ([2, 3, 3, 3], 0)] {
        assert_eq!(
            message(conv(shape([1, 8, 8, 3]), shape(w), groups)),
            "conv2d: groups, strides and the kernel must be at least 1"
        );
    }
    assert_eq!(
        message(conv(shape([1, 0, 8, 3]), shape([2, 3, 1, 1]), 1)),
        "conv2d: shapes [1, 0, 8, 3] and [2, 3, 1, 1] do not fit: the kernel is larger than the \
         image padded by [0, 0]"
    );
    let single = conv(shape([1, 3, 3, 2]), shape([2, 2, 3, 3]), 1).unwrap();
    assert_eq!(
        message(check(&Op::Conv2dStatistics(single))),
        "conv2d with statistics: statistics need at least 2 values per channel, got 1; use a larger \
         batch or the running statistics"
    );
    let none = conv(shape([0, 3, 3, 2]), shape([2, 2, 3, 3]), 1).unwrap();
    assert!(message(check(&Op::Conv2dStatistics(none))).contains("per channel, got 0;"));
    for x in [[2, 0, 5, 3], [2, 5, 0, 3], [0, 0, 0, 0]] {
        let pool = Pool2d::new(PoolKind::Max, shape(x), [2, 2], [1, 1], [1, 1]);
        let want = format!("max pooling: over nothing: the images of {} have no pixels", shape(x));
        assert_eq!(message(pool), want);
    }
    let window = Pool2d::new(PoolKind::Average, shape([1, 4, 4, 3]), [0, 2], [1, 1], [0, 0]);
    assert_eq!(message(window), "average pooling: strides and the window must be at least 1");
    for rows in [0, 1] {
        assert_eq!(
            message(BatchNorm::training(rows, 3, 1e-5)),
            format!(
                "batch norm: training needs at least 2 values per channel, got {rows}; use a larger \
                 batch or the running statistics"
            )
        );
    }
    for (rows, classes) in [(0, 10), (4, 0), (0, 0)] {
        assert_eq!(
            message(CrossEntropy::new(rows, classes, 0.0)),
            format!("cross-entropy: a mean over nothing: logits are [{rows}, {classes}]")
        );
    }
    for kind in [ReduceKind::Mean, ReduceKind::Max] {
        assert_eq!(
            message(Reduce::new(kind, shape([3, 0]), &[1])),
            format!("{}: over nothing: the shape is [3, 0]", kind.name())
        );
        assert!(Reduce::new(kind, shape([3, 0]), &[0]).is_ok(), "there are no results");
    }
    let slice = Slice::new(shape([0, 4]), shape([1, 4]), &[0, 0], &[1, 1]);
    assert_eq!(
        message(slice),
        "slice: shapes [0, 4] and [1, 4] do not fit: from [0, 0] in steps of [1, 1] it leaves axis 0"
    );
}

#[test]
fn over_nothing_sums_are_zeros_and_the_rest_is_done_or_runs() {
    let conv = |x, w| Conv2d::new(shape(x), shape(w), [1, 1], [1, 1], 1).unwrap();
    let no_images = conv([0, 5, 5, 3], [4, 3, 3, 3]);
    assert_eq!(Op::Conv2d(no_images).over_nothing(), Some(Nothing::Done));
    assert_eq!(Op::Conv2dGradInput(no_images).over_nothing(), Some(Nothing::Done));
    assert_eq!(Op::Conv2dGradWeight(no_images).over_nothing(), Some(Nothing::Zeros));
    let no_pixels = conv([2, 0, 5, 3], [4, 3, 1, 1]);
    assert_eq!(no_pixels.output, [2, 7]);
    assert_eq!(Op::Conv2d(no_pixels).over_nothing(), Some(Nothing::Zeros));
    let no_input = conv([2, 5, 5, 0], [4, 0, 3, 3]);
    assert_eq!(Op::Conv2dStatistics(no_input).over_nothing(), Some(Nothing::Zeros));
    assert_eq!(Op::Conv2d(conv([1, 5, 5, 1], [1, 1, 3, 3])).over_nothing(), None);
    let sum = Reduce::new(ReduceKind::Sum, shape([0, 4]), &[0]).unwrap();
    assert_eq!(Op::Reduce(sum).over_nothing(), Some(Nothing::Zeros));
    let rows = BatchNorm::inference(0, 3, 1e-5).unwrap();
    assert_eq!(Op::BatchNormInference(rows).over_nothing(), Some(Nothing::Done));
    assert_eq!(Op::BatchNormInferenceGrad(rows).over_nothing(), None, "two outputs are sums");
    let block = Slice::new(shape([3]), shape([0]), &[1], &[1]).unwrap();
    assert_eq!(Op::Slice(block).over_nothing(), Some(Nothing::Done));
    assert_eq!(Op::Embed(block).over_nothing(), None, "zeros are its own");
}

/// What backends would believe of fields that were set behind the constructor's back.
#[test]
fn fields_that_do_not_belong_together_are_refused() {
    let refused = |op: Op, words: &str| {
        let error = message(check(&op));
        assert!(error.contains(words), "{error}");
    };
    let apart = "its fields were set to sizes that do not belong together";
    let conv = Conv2d::new(shape([2, 8, 8, 4]), shape([6, 4, 3, 3]), [1, 1], [1, 1], 1).unwrap();
    assert!(check(&Op::Conv2d(conv)).is_ok());
    let with = |change: fn(&mut Conv2d)| {
        let mut changed = conv;
        change(&mut changed);
        changed
    };
    for wrong in
        [with(|c| c.output = [9, 8]), with(|c| c.input = [8, 7]), with(|c| c.padding = [0, 1])]
    {
        for op in [Op::Conv2d(wrong), Op::Conv2dGradInput(wrong), Op::Conv2dGradWeight(wrong)] {
            refused(op, apart);
        }
    }
    refused(Op::Conv2d(with(|c| c.groups = 0)), "must be at least 1");
    refused(Op::Conv2d(with(|c| c.groups = 3)), "are not 4 channels");
    let mut pool = Pool2d::new(PoolKind::Max, shape([1, 4, 4, 2]), [2, 2], [2, 2], [0, 0]).unwrap();
    pool.output = [3, 2];
    refused(Op::Pool2d(pool), apart);
    refused(Op::Pool2dGrad(pool), apart);
    let mut add = Binary::new(BinaryKind::Add, shape([3]), shape([3])).unwrap();
    add.out = shape([4]);
    refused(Op::Binary(add), apart);
    let mut repeat = Broadcast::new(shape([1, 4]), shape([3, 4]), 1.0).unwrap();
    repeat.from = shape([2, 4]);
    refused(Op::Broadcast(repeat), "must be 1 or that of the second");
    repeat.from = shape([4]);
    refused(Op::Broadcast(repeat), apart);
    let mut sum = Reduce::new(ReduceKind::Sum, shape([0, 4]), &[0]).unwrap();
    sum.kind = ReduceKind::Mean;
    refused(Op::Reduce(sum), "mean: over nothing");
    (sum.kind, sum.to) = (ReduceKind::Sum, shape([2, 4]));
    refused(Op::Reduce(sum), apart);
    let mut block = Slice::new(shape([6]), shape([3]), &[0], &[2]).unwrap();
    block.step[0] = 3;
    refused(Op::Slice(block), "leaves axis 0");
    refused(Op::Embed(block), "leaves axis 0");
    let mut turned = Permute::new(shape([2, 3]), &[1, 0]).unwrap();
    turned.to = shape([2, 3]);
    refused(Op::Permute(turned), apart);
    let mut norm = BatchNorm::training(4, 2, 1e-5).unwrap();
    norm.eps = 0.0;
    refused(Op::BatchNorm(norm), "eps must be positive");
    refused(Op::BatchNormInferenceGrad(norm), "eps must be positive");
    let mut loss = CrossEntropy::new(4, 2, 0.0).unwrap();
    loss.rows = 0;
    refused(Op::CrossEntropy(loss), "a mean over nothing");
}

/// The sum of the directions.
#[derive(Debug)]
struct Plain;

impl Measure for Plain {
    fn name(&self) -> &'static str {
        "plain"
    }

    fn sums(&self) -> &'static [&'static str] {
        &["directions"]
    }

    fn terms<T: Real>(&self, _: Scalars<'_>, elements: Elements<'_, T>) {
        let (direction, [], [sum]) = elements.split();
        sum.iter_mut().zip(direction).for_each(|(term, d)| *term = d.f64());
    }
}

#[test]
fn tables_that_leave_their_arena_are_refused() {
    let outside = |op: Op| {
        let error = message(check(&op));
        assert!(error.contains("leaves "), "{error}");
    };
    let chain = Arc::new(Chain::new());
    let prepared = chain.prepare(&Clock::at_step(1, 0.1));
    let segments: Arc<[Segment]> = [Segment { param: 2, state: 0, len: 3 }].into();
    let step = Step::new(chain, prepared, segments.clone(), 5, 0).unwrap();
    let mut shorter = step.clone();
    shorter.params_len = 4;
    outside(Op::Step(shorter));
    let mut other = step;
    other.prepared.scalars.push(vec![]);
    assert!(message(check(&Op::Step(other))).contains("prepared for another chain"));
    let mut measure = MeasureTensors::new(Arc::new(Plain), vec![], segments, 5, 0).unwrap();
    measure.params_len = 4;
    outside(Op::Measure(measure));
    let at = |offset, len| TensorAt { offset, shape: shape([len]) };
    let clip = ClipNorm::new(1.0, &[at(0, 2), at(2, 2)], 4).unwrap();
    let with = |tensors: &[TensorAt]| {
        let mut clip = clip.clone();
        clip.tensors = tensors.into();
        check(&Op::ClipNorm(clip))
    };
    assert!(message(with(&[at(3, 2)])).contains("leaves the arena of 4"));
    assert!(message(with(&[at(2, 2), at(0, 2)])).contains("overlap"), "they come in order");
    assert!(message(with(&[at(1, 0)])).contains("is empty"));
    assert!(with(&[]).is_ok());
}
