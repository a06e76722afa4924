//! From ops to launches: a file for each op, of the same name as in lowland-core and as its kernels
//! in lowland-kernels.

mod accumulate;
mod aligned;
mod batch_norm;
mod binary;
mod broadcast;
mod clip_norm;
mod conv2d;
mod cross_entropy;
mod fill;
mod matmul;
mod measure;
mod permute;
mod pool2d;
mod reduce;
mod rows;
mod scaled_sum;
mod slice;
mod softmax;
mod statistics;
pub(crate) mod step;
pub(crate) mod transform;
mod unary;

use lowland_core::op::{Fill, Nothing};
use lowland_core::{Buffer, DType, Op, Result};

use crate::driver::Address;
use crate::launcher::Launcher;
use batch_norm::By;

/// Whether [`run`] knows an op.
pub(crate) fn supports(op: &Op, dtype: DType) -> bool {
    let known = match op {
        Op::Unary(op) | Op::UnaryGrad(op) => unary::supports(op.kind),
        Op::Binary(op) => binary::supports(op.kind),
        Op::Reduce(op) => reduce::supports(op.kind),
        Op::Pool2d(op) => pool2d::supports(op.kind),
        Op::Pool2dGrad(pool) => pool2d::supports(pool.kind) && lacks(op).is_none(),
        Op::Step(_) | Op::Transform(_) | Op::Measure(_) => lacks(op).is_none(),
        Op::Conv2d(_)
        | Op::Conv2dStatistics(_)
        | Op::Conv2dGradInput(_)
        | Op::Conv2dGradWeight(_)
        | Op::MatMul(_)
        | Op::ScaledSum(_)
        | Op::Accumulate(_)
        | Op::ReduceMaxGrad(_)
        | Op::Broadcast(_)
        | Op::BatchNorm(_)
        | Op::BatchNormGrad(_)
        | Op::BatchNormInference(_)
        | Op::BatchNormInferenceGrad(_)
        | Op::Softmax(_)
        | Op::SoftmaxGrad(_)
        | Op::CrossEntropy(_)
        | Op::CrossEntropyGrad(_)
        | Op::Slice(_)
        | Op::Embed(_)
        | Op::Permute(_)
        | Op::ClipNorm(_)
        | Op::Fill(_) => true,
        _ => false,
    };
    known && dtype == DType::F32
}

/// Checks what an op asks of the contents of its inputs, before anything is launched.
///
/// # Errors
/// [`Error::Label`](lowland_core::Error::Label).
pub(crate) fn check_contents(op: &Op, inputs: &[&Buffer]) -> Result<()> {
    match (op, inputs) {
        (Op::CrossEntropy(op) | Op::CrossEntropyGrad(op), [_, labels, ..]) => {
            cross_entropy::check_labels(op, labels)
        }
        _ => Ok(()),
    }
}

/// Runs an op on operands that [`Op::check`] has passed: their addresses, in its order.
///
/// # Errors
/// [`Error::Unsupported`](lowland_core::Error::Unsupported), and what memory, compiling and
/// launching say.
pub(crate) fn run(
    op: &Op,
    launcher: &Launcher,
    inputs: &[Address],
    outputs: &[Address],
) -> Result<()> {
    match op.over_nothing() {
        Some(Nothing::Done) => return Ok(()),
        Some(Nothing::Zeros) => return zero(op, launcher, outputs),
        None => {}
    }
    match op {
        Op::Conv2d(op) => conv2d::forward(op, launcher, exactly(inputs), exactly(outputs)),
        Op::Conv2dStatistics(op) => {
            conv2d::forward_statistics(op, launcher, exactly(inputs), exactly(outputs))
        }
        Op::Conv2dGradInput(op) => {
            conv2d::grad_input(op, launcher, exactly(inputs), exactly(outputs))
        }
        Op::Conv2dGradWeight(op) => {
            conv2d::grad_weight(op, launcher, exactly(inputs), exactly(outputs))
        }
        Op::MatMul(op) => matmul::forward(op, launcher, exactly(inputs), exactly(outputs)),
        Op::Unary(op) => unary::forward(op, launcher, exactly(inputs), exactly(outputs)),
        Op::UnaryGrad(op) => unary::grad(op, launcher, exactly(inputs), exactly(outputs)),
        Op::Binary(op) => binary::forward(op, launcher, exactly(inputs), exactly(outputs)),
        Op::ScaledSum(op) => scaled_sum::forward(op, launcher, inputs, exactly(outputs)),
        Op::Accumulate(op) => accumulate::forward(op, launcher, exactly(inputs), exactly(outputs)),
        Op::Reduce(op) => reduce::forward(op, launcher, exactly(inputs), exactly(outputs)),
        Op::ReduceMaxGrad(op) => reduce::max_grad(op, launcher, exactly(inputs), exactly(outputs)),
        Op::Broadcast(op) => broadcast::forward(op, launcher, exactly(inputs), exactly(outputs)),
        Op::Pool2d(op) => pool2d::forward(op, launcher, exactly(inputs), exactly(outputs)),
        Op::Pool2dGrad(op) => pool2d::grad(op, launcher, inputs, exactly(outputs)),
        Op::BatchNorm(op) => batch_norm::training(op, launcher, inputs, exactly(outputs)),
        Op::BatchNormGrad(op) => batch_norm::grad(op, By::Batch, launcher, inputs, outputs),
        Op::BatchNormInference(op) => batch_norm::inference(op, launcher, inputs, exactly(outputs)),
        Op::BatchNormInferenceGrad(op) => {
            batch_norm::grad(op, By::Given, launcher, inputs, outputs)
        }
        Op::Softmax(op) => softmax::forward(op, launcher, exactly(inputs), exactly(outputs)),
        Op::SoftmaxGrad(op) => softmax::grad(op, launcher, exactly(inputs), exactly(outputs)),
        Op::CrossEntropy(op) => {
            cross_entropy::forward(op, launcher, exactly(inputs), exactly(outputs))
        }
        Op::CrossEntropyGrad(op) => {
            cross_entropy::grad(op, launcher, exactly(inputs), exactly(outputs))
        }
        Op::Slice(op) => slice::slice(op, launcher, exactly(inputs), exactly(outputs)),
        Op::Embed(op) => slice::embed(op, launcher, exactly(inputs), exactly(outputs)),
        Op::Permute(op) => permute::forward(op, launcher, exactly(inputs), exactly(outputs)),
        Op::Fill(op) => fill::forward(op, launcher, exactly(outputs)),
        Op::Step(op) => step::forward(op, launcher, exactly(inputs), outputs),
        Op::Transform(op) => transform::forward(op, launcher, exactly(outputs)),
        Op::Measure(op) => measure::forward(op, launcher, inputs, exactly(outputs)),
        Op::ClipNorm(op) => clip_norm::forward(op, launcher, exactly(outputs)),
        op => Err(launcher.unsupported(op.name())),
    }
}

/// All outputs of an op, whose elements are sums over nothing.
fn zero(op: &Op, launcher: &Launcher, outputs: &[Address]) -> Result<()> {
    for (operand, &output) in op.operands().outputs.iter().zip(outputs) {
        fill::forward(&Fill { len: operand.len, value: 0.0 }, launcher, [output])?;
    }
    Ok(())
}

/// What an op lacks that it could have, and what to do about it.
pub(crate) fn lacks(op: &Op) -> Option<String> {
    match op {
        Op::Pool2dGrad(op) => pool2d::lacks(op),
        Op::Step(op) => step::lacks(&op.chain),
        Op::Transform(op) => transform::lacks(&*op.transform),
        Op::Measure(op) => measure::lacks(op),
        _ => None,
    }
}

/// What an op is called where it is refused.
pub(crate) fn describe(op: &Op) -> String {
    let name = match op {
        Op::Step(op) => format!("optimizer step of [{}]", step::describe(&op.chain)),
        Op::Transform(op) => format!("tensor transform `{}`", op.transform.name()),
        Op::Measure(op) => format!("measure of `{}`", op.measure.name()),
        op => op.name().into(),
    };
    match lacks(op) {
        Some(remedy) => format!("{name} ({remedy})"),
        None => name,
    }
}

/// As many operands as the op has, which [`Op::check`] counted.
fn exactly<const N: usize>(operands: &[Address]) -> [Address; N] {
    match operands.try_into() {
        Ok(operands) => operands,
        Err(_) => unreachable!("{} operands, not {N}", operands.len()),
    }
}
