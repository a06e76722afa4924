//! Ops that are run: in every form in which they have kernels of their own.

use lowland_conformance::cases;
use lowland_core::op::{
    Binary, BinaryKind, Broadcast, CrossEntropy, Kind, Operand, Permute, Pool2d, PoolKind, Reduce,
    ReduceKind, Slice, Softmax,
};
use lowland_core::{Backend, Buffer, DType, Op, Result, Shape};

/// Runs the cases of the conformance suite that the backend supports, and ops of sizes that no
/// test has memory for.
pub fn run_all(backend: &dyn Backend) -> Result<()> {
    let cases = cases::all().into_iter().map(|case| case.op);
    for op in cases.chain(large()?).filter(|op| backend.supports(op, DType::F32)) {
        run(backend, &op)?;
    }
    Ok(())
}

fn run(backend: &dyn Backend, op: &Op) -> Result<()> {
    let operands = op.operands();
    let allocate = |operands: &[Operand]| -> Result<Vec<Buffer>> {
        let dtype = |kind| if kind == Kind::Label { DType::U32 } else { DType::F32 };
        operands.iter().map(|o| backend.allocate(o.len, dtype(o.kind))).collect()
    };
    let (inputs, outputs) = (allocate(&operands.inputs)?, allocate(&operands.outputs)?);
    let (inputs, outputs): (Vec<_>, Vec<_>) = (inputs.iter().collect(), outputs.iter().collect());
    backend.run(op, &inputs, &outputs)
}

/// Tensors of more than 2^32 elements, whose indices take 64 bits, and rows long enough for a block.
fn large() -> Result<Vec<Op>> {
    let (tall, row) = (Shape::new(&[1 << 17, 1 << 16]), Shape::new(&[1 << 16]));
    let images = Shape::new(&[1 << 16, 64, 64, 64]);
    let mut ops = vec![
        Op::Broadcast(Broadcast::new(row, tall, 1.0)?),
        Op::ReduceMaxGrad(Reduce::new(ReduceKind::Max, tall, &[1])?),
        Op::Permute(Permute::new(images, &[3, 1, 0, 2])?),
    ];
    for kind in [BinaryKind::Add, BinaryKind::Sub, BinaryKind::Mul, BinaryKind::Div] {
        ops.push(Op::Binary(Binary::new(kind, tall, row)?));
    }
    let block = Slice::new(tall, row_of(&tall), &[7, 0], &[1, 1])?;
    ops.extend([Op::Slice(block), Op::Embed(block)]);
    for kind in [PoolKind::Average, PoolKind::Max] {
        let pool = Pool2d::new(kind, images, [3, 3], [2, 2], [1, 1])?;
        ops.extend([Op::Pool2d(pool), Op::Pool2dGrad(pool)]);
    }
    let (rows, columns) = (4, 1 << 14);
    for log in [false, true] {
        let softmax = Softmax { rows, columns, log };
        ops.extend([Op::Softmax(softmax), Op::SoftmaxGrad(softmax)]);
    }
    let loss = CrossEntropy::new(rows, columns, 0.1)?;
    ops.extend([Op::CrossEntropy(loss), Op::CrossEntropyGrad(loss)]);
    Ok(ops)
}

/// The shape of one row of a matrix.
fn row_of(matrix: &Shape) -> Shape {
    Shape::new(&[1, matrix.extents()[1]])
}
