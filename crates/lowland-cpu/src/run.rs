//! From ops to the functions that compute them.

use lowland_core::op::Nothing;
use lowland_core::{DType, Op, Result};

use crate::access::Views;
use crate::batch_norm::{By, GradInputs};
use crate::context::Context;
use crate::conv2d::{self, Isa, Pass};
use crate::cpu::unsupported;
use crate::scalar::Scalar;
use crate::{
    accumulate, batch_norm, binary, broadcast, clip_norm, cross_entropy, fill, matmul, measure,
    permute, pool2d, reduce, scaled_sum, slice, softmax, step, transform, unary,
};

/// Whether [`run`] knows an op.
pub(crate) fn supports(op: &Op, dtype: DType) -> bool {
    let known = match op {
        Op::Unary(op) | Op::UnaryGrad(op) => unary::supports(op.kind),
        Op::Binary(op) => binary::supports(op.kind),
        Op::Reduce(op) => reduce::supports(op.kind),
        Op::Pool2d(op) | Op::Pool2dGrad(op) => pool2d::supports(op.kind),
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
        | Op::Fill(_)
        | Op::Step(_)
        | Op::Transform(_)
        | Op::ClipNorm(_)
        | Op::Measure(_) => true,
        _ => false,
    };
    known && matches!(dtype, DType::F32 | DType::F64)
}

/// The bytes of scratch memory of an op that takes much.
pub(crate) fn scratch_bytes<T: Scalar>(op: &Op, isa: Isa) -> usize {
    let conv = |op, pass| conv2d::scratch_len::<T>(isa, op, pass).saturating_mul(size_of::<T>());
    match op {
        Op::Conv2d(op) => conv(op, Pass::Forward),
        Op::Conv2dStatistics(op) => {
            let statistics = conv2d::statistics_len::<T>(isa, op).saturating_mul(size_of::<f64>());
            conv(op, Pass::Forward).saturating_add(statistics)
        }
        Op::Conv2dGradInput(op) => conv(op, Pass::GradInput),
        Op::Conv2dGradWeight(op) => conv(op, Pass::GradWeight),
        _ => 0,
    }
}

/// Runs an op on operands that [`Op::check`] has passed.
///
/// # Errors
/// [`Error::Unsupported`](lowland_core::Error::Unsupported),
/// [`Error::OutOfMemory`](lowland_core::Error::OutOfMemory) for scratch memory, and
/// [`Error::Label`](lowland_core::Error::Label).
pub(crate) fn run<T: Scalar>(op: &Op, context: Context<'_>, views: Views<'_, T>) -> Result<()> {
    let Views { inputs, labels, mut outputs } = views;
    match op.over_nothing() {
        Some(Nothing::Done) => return Ok(()),
        Some(Nothing::Zeros) => {
            outputs.iter_mut().for_each(|output| output.fill(T::zero()));
            return Ok(());
        }
        None => {}
    }
    let Context { isa, threads, pool } = context;
    match op {
        Op::Conv2d(op) => {
            let ([x, w], [y]) = (exactly(inputs), exactly(outputs));
            let mut scratch = pool.scratch(conv2d::scratch_len::<T>(isa, op, Pass::Forward))?;
            conv2d::forward(isa, op, threads, x, w, y, &mut scratch);
        }
        Op::Conv2dStatistics(op) => {
            let ([x, w], [y, mean, var]) = (exactly(inputs), exactly(outputs));
            conv2d::forward_statistics(op, context, x, w, y, [mean, var])?;
        }
        Op::Conv2dGradInput(op) => {
            let ([dy, w], [dx]) = (exactly(inputs), exactly(outputs));
            let mut scratch = pool.scratch(conv2d::scratch_len::<T>(isa, op, Pass::GradInput))?;
            conv2d::grad_input(isa, op, threads, dy, w, dx, &mut scratch);
        }
        Op::Conv2dGradWeight(op) => {
            let ([x, dy], [dw]) = (exactly(inputs), exactly(outputs));
            let mut scratch = pool.scratch(conv2d::scratch_len::<T>(isa, op, Pass::GradWeight))?;
            conv2d::grad_weight(isa, op, threads, x, dy, dw, &mut scratch);
        }
        Op::MatMul(op) => {
            let ([a, b], [y]) = (exactly(inputs), exactly(outputs));
            matmul::forward(op, context, a, b, y)?;
        }
        Op::Unary(op) => {
            let ([x], [y]) = (exactly(inputs), exactly(outputs));
            unary::forward(op, threads, x, y)?;
        }
        Op::UnaryGrad(op) => {
            let ([x, y, dy], [dx]) = (exactly(inputs), exactly(outputs));
            unary::grad(op, threads, x, y, dy, dx)?;
        }
        Op::Binary(op) => {
            let ([a, b], [y]) = (exactly(inputs), exactly(outputs));
            binary::forward(op, threads, a, b, y)?;
        }
        Op::ScaledSum(op) => {
            let [y] = exactly(outputs);
            scaled_sum::forward(op, context, &inputs, y);
        }
        Op::Accumulate(op) => {
            let ([x], [y]) = (exactly(inputs), exactly(outputs));
            accumulate::forward(op, threads, x, y);
        }
        Op::Reduce(op) => {
            let ([x], [y]) = (exactly(inputs), exactly(outputs));
            reduce::forward(op, context, x, y)?;
        }
        Op::ReduceMaxGrad(op) => {
            let ([x, y, dy], [dx]) = (exactly(inputs), exactly(outputs));
            reduce::max_grad(op, context, x, y, dy, dx)?;
        }
        Op::Broadcast(op) => {
            let ([x], [y]) = (exactly(inputs), exactly(outputs));
            broadcast::forward(op, threads, x, y);
        }
        Op::Pool2d(op) => {
            let ([x], [y]) = (exactly(inputs), exactly(outputs));
            pool2d::forward(op, threads, x, y)?;
        }
        Op::Pool2dGrad(op) => {
            let [dx] = exactly(outputs);
            pool2d::grad(op, threads, &inputs, dx)?;
        }
        Op::BatchNorm(op) => batch_norm::training(op, context, &inputs, exactly(outputs))?,
        Op::BatchNormInference(op) => {
            let [y] = exactly(outputs);
            batch_norm::inference(op, context, &inputs, y)?;
        }
        Op::BatchNormGrad(op) => {
            let inputs = GradInputs::new(op, &inputs);
            batch_norm::grad(op, By::Batch, context, &inputs, outputs)?;
        }
        Op::BatchNormInferenceGrad(op) => {
            let inputs = GradInputs::new(op, &inputs);
            batch_norm::grad(op, By::Given, context, &inputs, outputs)?;
        }
        Op::Softmax(op) => {
            let ([x], [y]) = (exactly(inputs), exactly(outputs));
            softmax::forward(op, threads, x, y);
        }
        Op::SoftmaxGrad(op) => {
            let ([y, dy], [dx]) = (exactly(inputs), exactly(outputs));
            softmax::grad(op, threads, y, dy, dx);
        }
        Op::CrossEntropy(op) => {
            let ([logits], [labels], [loss]) = (exactly(inputs), exactly(labels), exactly(outputs));
            cross_entropy::forward(op, threads, pool, logits, labels, loss)?;
        }
        Op::CrossEntropyGrad(op) => {
            let ([logits, dloss], [labels]) = (exactly(inputs), exactly(labels));
            let [dlogits] = exactly(outputs);
            cross_entropy::grad(op, threads, logits, labels, dloss, dlogits)?;
        }
        Op::Slice(op) => {
            let ([x], [y]) = (exactly(inputs), exactly(outputs));
            slice::slice(op, threads, x, y);
        }
        Op::Embed(op) => {
            let ([x], [y]) = (exactly(inputs), exactly(outputs));
            slice::embed(op, threads, x, y);
        }
        Op::Permute(op) => {
            let ([x], [y]) = (exactly(inputs), exactly(outputs));
            permute::forward(op, threads, x, y);
        }
        Op::Fill(op) => {
            let [y] = exactly(outputs);
            fill::forward(op, threads, y);
        }
        Op::Step(op) => {
            let [read] = exactly(inputs);
            step::forward(op, threads, read, outputs);
        }
        Op::Transform(op) => {
            let [arena] = exactly(outputs);
            transform::forward(op, context, arena)?;
        }
        Op::ClipNorm(op) => {
            let [grads, norm] = exactly(outputs);
            clip_norm::forward(op, context, grads, norm)?;
        }
        Op::Measure(op) => {
            let (directions, state) = inputs.split_first().expect("the directions");
            measure::forward(op, context, directions, state, exactly(outputs))?;
        }
        op => return Err(unsupported(op.name(), T::DTYPE)),
    }
    Ok(())
}

/// As many operands as the op has, which [`Op::check`] counted.
fn exactly<V, const N: usize>(operands: Vec<V>) -> [V; N] {
    match operands.try_into() {
        Ok(operands) => operands,
        Err(operands) => unreachable!("{} operands, not {N}", Vec::len(&operands)),
    }
}
