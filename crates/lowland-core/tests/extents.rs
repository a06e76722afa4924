//! Sizes of every magnitude, against the same arithmetic in 128 bits: nothing wraps and nothing panics.

use std::sync::Arc;

use lowland_core::op::{
    BatchNorm, Binary, BinaryKind, Broadcast, ClipNorm, Conv2d, CrossEntropy, MatMul, Op, Operands,
    Permute, Pool2d, PoolKind, Reduce, ReduceKind, Segment, Slice, Softmax, Step, TensorAt,
};
use lowland_core::{Buffer, Chain, Clock, DType, Shape, Storage};
use proptest::prelude::*;

#[derive(Debug)]
struct Memory;
impl Storage for Memory {}

/// A size: most often a small one, else one about a power of two where arithmetic wraps, or any.
fn size() -> impl Strategy<Value = usize> {
    let edge = (prop::sample::select(vec![16u32, 31, 32, 62, 63]), -2isize..3);
    prop_oneof![
        6 => 0usize..5,
        2 => edge.prop_map(|(bits, off)| (1usize << bits).wrapping_add_signed(off)),
        1 => prop::sample::select(vec![usize::MAX, usize::MAX - 1]),
        1 => any::<usize>(),
    ]
}

fn shape() -> impl Strategy<Value = Shape> {
    prop::collection::vec(size(), 0..=Shape::MAX_RANK).prop_map(|extents| Shape::new(&extents))
}

fn shape_of<const N: usize>() -> impl Strategy<Value = [usize; N]> {
    prop::array::uniform(size()).prop_map(|extents: [usize; N]| extents)
}

/// The number of elements, at most `usize::MAX`.
fn len(extents: &[usize]) -> usize {
    if extents.contains(&0) {
        return 0;
    }
    let product = extents.iter().fold(1u128, |n, &extent| n.saturating_mul(extent as u128));
    usize::try_from(product).unwrap_or(usize::MAX)
}

/// The lengths of all operands.
fn lengths(op: &Op) -> Vec<usize> {
    let Operands { inputs, outputs } = op.operands();
    inputs.iter().chain(&outputs).map(|operand| operand.len).collect()
}

/// The check of an op on buffers of the right lengths, which have no memory.
fn check(op: &Op) -> lowland_core::Result<DType> {
    let Operands { inputs, outputs } = op.operands();
    let buffers = |operands: &[lowland_core::op::Operand]| -> Vec<Buffer> {
        let dtype = |kind| match kind {
            lowland_core::op::Kind::Float => DType::F64,
            lowland_core::op::Kind::Label => DType::U32,
        };
        let buffer =
            |o: &lowland_core::op::Operand| Buffer::new(Arc::new(Memory), dtype(o.kind), o.len);
        operands.iter().map(buffer).collect()
    };
    let (inputs, outputs) = (buffers(&inputs), buffers(&outputs));
    op.check(&inputs.iter().collect::<Vec<_>>(), &outputs.iter().collect::<Vec<_>>())
}

/// Output positions along one axis, where there are some.
fn windows(extent: usize, kernel: usize, stride: usize, padding: usize) -> Option<usize> {
    let padded = extent as u128 + 2 * padding as u128;
    let fits = padded <= usize::MAX as u128 && kernel > 0 && stride > 0 && padded >= kernel as u128;
    fits.then(|| ((padded - kernel as u128) / stride as u128 + 1) as usize)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn shapes(shape in shape(), other in shape()) {
        prop_assert_eq!(shape.len(), len(shape.extents()));
        for axis in 0..shape.rank() {
            let behind = &shape.extents()[axis + 1..];
            let product = behind.iter().fold(1u128, |n, &extent| n.saturating_mul(extent as u128));
            let stride = usize::try_from(product).unwrap_or(usize::MAX);
            // Beyond counting, and then times 0: where an element lies does not matter.
            prop_assert!(shape.strides()[axis] == stride || behind.contains(&0));
        }
        for kind in BinaryKind::ALL {
            let Ok(op) = Binary::new(kind, shape, other) else { continue };
            let want = [&shape, &other, &op.out].map(|shape| len(shape.extents()));
            prop_assert_eq!(lengths(&Op::Binary(op)), want.to_vec());
            prop_assert!(check(&Op::Binary(op)).is_ok());
        }
        if let Ok(op) = Broadcast::new(shape, other, 1.0) {
            prop_assert_eq!(lengths(&Op::Broadcast(op)), vec![shape.len(), other.len()]);
            prop_assert!(check(&Op::Broadcast(op)).is_ok());
        }
    }

    #[test]
    fn ranges_of_buffers(
        available in size(), start in size(), n in size(), again in size(), m in size(),
    ) {
        let inside = |start: usize, n: usize, available: usize| {
            start as u128 + n as u128 <= available as u128
        };
        let whole = Buffer::new(Arc::new(Memory), DType::F64, available);
        let slice = whole.slice(start, n);
        prop_assert_eq!(slice.is_ok(), inside(start, n, available));
        for dtype in [DType::F32, DType::F64] {
            let multiple = (256 / dtype.size()) as u128;
            let aligned = (n as u128).div_ceil(multiple) * multiple;
            let want = usize::try_from(aligned).unwrap_or(usize::MAX);
            prop_assert_eq!(Buffer::aligned_len(n, dtype), want);
        }
        let Ok(slice) = slice else { return Ok(()) };
        let other = slice.slice(again, m);
        prop_assert_eq!(other.is_ok(), inside(again, m, n));
        if let Ok(other) = other {
            prop_assert_eq!(other.offset(), start + again);
            prop_assert_eq!(whole.overlaps(&other), m > 0);
        }
    }

    #[test]
    fn convolutions(
        [n, h, w, i] in shape_of::<4>(),
        [o, kh, kw, groups] in shape_of::<4>(),
        stride in shape_of::<2>(),
        padding in shape_of::<2>(),
    ) {
        let per_group = i.checked_div(groups).unwrap_or(0);
        let (x, weight) = (Shape::from([n, h, w, i]), Shape::from([o, per_group, kh, kw]));
        let op = Conv2d::new(x, weight, stride, padding, groups);
        let output = windows(h, kh, stride[0], padding[0])
            .zip(windows(w, kw, stride[1], padding[1]))
            .map(|(rows, columns)| [rows, columns]);
        let divide = groups > 0 && i % groups == 0 && o % groups == 0;
        prop_assert_eq!(op.as_ref().ok().map(|op| op.output), output.filter(|_| divide));
        let Ok(op) = op else { return Ok(()) };
        let y = len(&[n, op.output[0], op.output[1], o]);
        prop_assert_eq!(lengths(&Op::Conv2d(op)), vec![x.len(), weight.len(), y]);
        prop_assert_eq!(op.multiply_adds(), len(&[n, op.output[0], op.output[1], o, per_group, kh, kw]));
        for op in [Op::Conv2d(op), Op::Conv2dGradInput(op), Op::Conv2dGradWeight(op)] {
            prop_assert!(check(&op).is_ok());
            let _ = op.over_nothing();
        }
        let values = len(&[n, op.output[0], op.output[1]]);
        prop_assert_eq!(check(&Op::Conv2dStatistics(op)).is_ok(), values >= 2);
    }

    #[test]
    fn poolings(
        [n, h, w, c] in shape_of::<4>(),
        kernel in shape_of::<2>(),
        stride in shape_of::<2>(),
        padding in shape_of::<2>(),
    ) {
        let x = Shape::from([n, h, w, c]);
        let op = Pool2d::new(PoolKind::Max, x, kernel, stride, padding);
        let output = windows(h, kernel[0], stride[0], padding[0])
            .zip(windows(w, kernel[1], stride[1], padding[1]))
            .map(|(rows, columns)| [rows, columns]);
        let window = kernel[0] as u128 * kernel[1] as u128 <= usize::MAX as u128;
        let half = (0..2).all(|axis| padding[axis] <= kernel[axis] / 2);
        let allowed = h > 0 && w > 0 && window && half;
        prop_assert_eq!(op.as_ref().ok().map(|op| op.output), output.filter(|_| allowed));
        let Ok(op) = op else { return Ok(()) };
        let y = len(&[n, op.output[0], op.output[1], c]);
        prop_assert_eq!(lengths(&Op::Pool2d(op)), vec![x.len(), y]);
        prop_assert!(check(&Op::Pool2dGrad(op)).is_ok());
    }

    #[test]
    fn blocks(
        axes in prop::collection::vec((size(), size(), size(), size()), 0..=Shape::MAX_RANK),
    ) {
        let part = |f: fn(&(usize, usize, usize, usize)) -> usize| axes.iter().map(f).collect::<Vec<_>>();
        let (whole, block) = (part(|a| a.0), part(|a| a.1));
        let (start, step) = (part(|a| a.2), part(|a| a.3));
        let op = Slice::new(Shape::new(&whole), Shape::new(&block), &start, &step);
        let inside = axes.iter().all(|&(whole, block, start, step)| {
            let last = |n: usize| (n as u128 - 1) * step as u128 + start as u128;
            step > 0 && (block == 0 || last(block) < whole as u128)
        });
        prop_assert_eq!(op.is_ok(), inside);
        let Ok(op) = op else { return Ok(()) };
        prop_assert_eq!(lengths(&Op::Slice(op)), vec![len(&whole), len(&block)]);
        prop_assert!(check(&Op::Embed(op)).is_ok());
    }

    #[test]
    fn axes((shape, order) in shape().prop_flat_map(|shape| {
        let axes: Vec<usize> = (0..shape.rank()).collect();
        (Just(shape), Just(axes).prop_shuffle())
    }), reduced in 0usize..=6) {
        let op = Permute::new(shape, &order).unwrap();
        prop_assert_eq!(lengths(&Op::Permute(op)), vec![shape.len(); 2]);
        prop_assert!(check(&Op::Permute(op)).is_ok());
        let axes = &order[..reduced.min(order.len())];
        for kind in ReduceKind::ALL {
            let op = Reduce::new(kind, shape, axes);
            let mut to = shape.extents().to_vec();
            axes.iter().for_each(|&axis| to[axis] = 1);
            let nothing = shape.is_empty() && len(&to) > 0;
            prop_assert_eq!(op.is_ok(), kind == ReduceKind::Sum || !nothing);
            let Ok(op) = op else { continue };
            prop_assert_eq!(lengths(&Op::Reduce(op)), vec![shape.len(), len(&to)]);
            prop_assert!(check(&Op::Reduce(op)).is_ok());
            prop_assert!(op.count() <= shape.len());
        }
    }

    #[test]
    fn matrices([m, k, n] in shape_of::<3>()) {
        let op = Op::MatMul(MatMul { m, k, n, transpose_a: false, transpose_b: true });
        prop_assert_eq!(lengths(&op), vec![len(&[m, k]), len(&[k, n]), len(&[m, n])]);
        let op = Op::SoftmaxGrad(Softmax { rows: m, columns: n, log: true });
        prop_assert_eq!(lengths(&op), vec![len(&[m, n]); 3]);
        let norm = BatchNorm::inference(m, n, 1e-5).unwrap();
        let (x, of_channel) = (len(&[m, n]), n);
        let want = vec![x, of_channel, of_channel, of_channel, of_channel, x];
        prop_assert_eq!(lengths(&Op::BatchNormInference(norm)), want);
        prop_assert_eq!(BatchNorm::training(m, n, 1e-5).is_ok(), m >= 2);
        let loss = CrossEntropy::new(m, n, 0.1);
        prop_assert_eq!(loss.is_ok(), m > 0 && n > 0);
        if let Ok(loss) = loss {
            prop_assert_eq!(lengths(&Op::CrossEntropy(loss)), vec![len(&[m, n]), m, 1]);
            let beyond = loss.check_labels(&[u32::MAX]).is_ok();
            prop_assert_eq!(beyond, n > u32::MAX as usize);
        }
    }

    #[test]
    fn tables(ranges in prop::collection::vec((size(), size()), 0..4), arena in size()) {
        let some = || ranges.iter().filter(|(_, n)| *n > 0);
        let end = |&(start, n): &(usize, usize)| start as u128 + n as u128;
        let apart = some().enumerate().all(|(k, a)| {
            some().skip(k + 1).all(|b| end(a) <= b.0 as u128 || end(b) <= a.0 as u128)
        });
        let inside = |all: bool| {
            ranges.iter().filter(|r| all || r.1 > 0).all(|range| end(range) <= arena as u128)
        };
        let segment = |&(param, len): &(usize, usize)| Segment { param, state: 0, len };
        let segments: Arc<[Segment]> = ranges.iter().map(segment).collect();
        let chain = Arc::new(Chain::new());
        let prepared = chain.prepare(&Clock::at_step(1, 0.1));
        let step = Step::new(chain, prepared, segments, arena, 0);
        prop_assert_eq!(step.is_ok(), apart && inside(true));
        let at = |&(offset, n): &(usize, usize)| TensorAt { offset, shape: Shape::from([n]) };
        let tensors: Vec<TensorAt> = ranges.iter().map(at).collect();
        let clip = ClipNorm::new(1.0, &tensors, arena);
        prop_assert_eq!(clip.is_ok(), apart && inside(false));
        for op in [step.ok().map(Op::Step), clip.ok().map(Op::ClipNorm)].into_iter().flatten() {
            prop_assert!(check(&op).is_ok());
        }
    }
}
