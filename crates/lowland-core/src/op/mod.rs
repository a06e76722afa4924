//! Ops as data: what is to be computed, as small structs of sizes and flags.
//!
//! An [`Op`] is everything a [`Backend`](crate::Backend) is told besides the buffers. Each op has a
//! file here that says what it computes, what its operands are, and which sizes it can have; the
//! files of the same name in the CPU backend, in the tensor crate and in the conformance suite
//! compute it, differentiate it and check it.
//!
//! Floats of one call are all of one type; labels are [`DType::U32`](crate::DType::U32). No output overlaps another
//! operand.
//!
//! # Nothing
//! Any extent may be 0 where the definition of an op still says what the result is: an operand without
//! elements is an ordinary one, an output without elements is left alone, and a sum over nothing is 0.
//!
//! | op | over nothing | refused, as [`Error::Invalid`] or [`Error::Shapes`] |
//! |---|---|---|
//! | [`Conv2d`], its gradients | without input channels `y` is 0, without output channels `dx` is 0, without images or pixels `dw` is 0; an image without pixels is all padding | a kernel, a stride or a number of groups of 0 |
//! | [`Conv2d`] with statistics | without input channels all is 0 | fewer than 2 values a channel |
//! | [`MatMul`] | `k = 0`: 0 | |
//! | [`Reduce`] | a sum is 0 | a mean or a maximum that has a result, and nothing to take it of |
//! | [`Pool2d`], its gradients | without images or channels, nothing | an image without pixels; a window or a stride of 0 |
//! | [`BatchNorm`] by the batch | without channels, nothing | fewer than 2 values a channel |
//! | [`BatchNorm`] by given statistics | without rows, the gradients of weight and bias are 0 | |
//! | [`CrossEntropy`], its gradient | | no rows, or no classes: a mean over nothing |
//! | [`Slice`], [`Broadcast`] | an empty block embedded is all 0 | a step of 0 |
//! | [`Step`], [`TransformTensors`] | without tensors, or with empty ones, nothing is changed | |
//! | [`ClipNorm`] | the norm is 0 | |
//! | [`MeasureTensors`] | each sum is 0 | a measure without sums |
//!
//! All others work element by element or row by row, and do nothing where there are none.
//! [`Op::over_nothing`] tells a backend which of the calls that pass [`Op::check`] need no kernel.
//!
//! Sizes are [`usize`]: products and sums of them saturate or are checked, so that what cannot be
//! counted ends in one of these errors, or in [`Error::Operand`] or [`Error::OutOfMemory`], and never in
//! a small buffer.

mod accumulate;
mod batch_norm;
mod binary;
mod broadcast;
mod clip_norm;
mod conv2d;
mod cross_entropy;
mod fill;
mod matmul;
mod measure;
mod nothing;
mod operands;
mod permute;
mod pool2d;
mod reduce;
mod scaled_sum;
mod slice;
mod softmax;
mod step;
mod transform;
mod unary;

pub use accumulate::Accumulate;
pub use batch_norm::{BatchNorm, Epilogue};
pub use binary::{Binary, BinaryKind};
pub use broadcast::Broadcast;
pub use clip_norm::ClipNorm;
pub use conv2d::Conv2d;
pub use cross_entropy::CrossEntropy;
pub use fill::Fill;
pub use matmul::MatMul;
pub use measure::MeasureTensors;
pub use nothing::Nothing;
pub use operands::{Access, Kind, Operand, Operands};
pub use permute::Permute;
pub use pool2d::{Pool2d, PoolKind};
pub use reduce::{Reduce, ReduceKind};
pub use scaled_sum::ScaledSum;
pub use slice::Slice;
pub use softmax::Softmax;
pub use step::{Segment, Step};
pub use transform::{TensorAt, TransformTensors};
pub use unary::{DerivativeFrom, Unary, UnaryKind};

use crate::{Error, Result};

/// What is said of an op whose sizes are no longer those that its constructor made of each other.
fn changed(op: &'static str, found: &dyn std::fmt::Debug) -> Error {
    let message = format!("its fields were set to sizes that do not belong together: {found:?}");
    Error::invalid(op, message)
}

/// Something a backend can compute.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Op {
    /// Convolution.
    Conv2d(Conv2d),
    /// Convolution, with the mean and variance of each channel of its output.
    Conv2dStatistics(Conv2d),
    /// Gradient of a convolution with respect to its input.
    Conv2dGradInput(Conv2d),
    /// Gradient of a convolution with respect to its weight.
    Conv2dGradWeight(Conv2d),
    /// Matrix product.
    MatMul(MatMul),
    /// A function of each element.
    Unary(Unary),
    /// Gradient of a function of each element.
    UnaryGrad(Unary),
    /// Arithmetic on two tensors, with broadcasting.
    Binary(Binary),
    /// A linear combination of several tensors.
    ScaledSum(ScaledSum),
    /// `y <- a x + b y`, in place.
    Accumulate(Accumulate),
    /// Sum, mean or maximum over some axes.
    Reduce(Reduce),
    /// Gradient of a maximum over some axes.
    ReduceMaxGrad(Reduce),
    /// Repetition along some axes, times a factor.
    Broadcast(Broadcast),
    /// Average or maximum over windows.
    Pool2d(Pool2d),
    /// Gradient of [`Op::Pool2d`].
    Pool2dGrad(Pool2d),
    /// Batch normalisation by the statistics of the batch.
    BatchNorm(BatchNorm),
    /// Gradients of [`Op::BatchNorm`].
    BatchNormGrad(BatchNorm),
    /// Batch normalisation by given statistics.
    BatchNormInference(BatchNorm),
    /// Gradients of [`Op::BatchNormInference`].
    BatchNormInferenceGrad(BatchNorm),
    /// Softmax or its logarithm, row by row.
    Softmax(Softmax),
    /// Gradient of [`Op::Softmax`].
    SoftmaxGrad(Softmax),
    /// Mean cross-entropy of logits against labels.
    CrossEntropy(CrossEntropy),
    /// Gradient of [`Op::CrossEntropy`] with respect to the logits.
    CrossEntropyGrad(CrossEntropy),
    /// A strided block of a tensor.
    Slice(Slice),
    /// A tensor written into a strided block of zeros: the transpose of [`Op::Slice`].
    Embed(Slice),
    /// Axes in another order.
    Permute(Permute),
    /// All elements the same.
    Fill(Fill),
    /// One step of an optimizer.
    Step(Step),
    /// A map of whole tensors, in place.
    Transform(TransformTensors),
    /// Gradients scaled down to a norm, in place.
    ClipNorm(ClipNorm),
    /// Sums over the elements of whole tensors.
    Measure(MeasureTensors),
}

impl Op {
    /// The op's name in messages.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Op::Conv2d(_) => "conv2d",
            Op::Conv2dStatistics(_) => "conv2d with statistics",
            Op::Conv2dGradInput(_) => "conv2d gradient of the input",
            Op::Conv2dGradWeight(_) => "conv2d gradient of the weight",
            Op::MatMul(_) => "matmul",
            Op::Unary(unary) => unary.kind.name(),
            Op::UnaryGrad(unary) => unary.kind.grad_name(),
            Op::Binary(binary) => binary.kind.name(),
            Op::ScaledSum(_) => "scaled sum",
            Op::Accumulate(_) => "accumulate",
            Op::Reduce(reduce) => reduce.kind.name(),
            Op::ReduceMaxGrad(_) => "gradient of max",
            Op::Broadcast(_) => "broadcast",
            Op::Pool2d(pool) => pool.kind.name(),
            Op::Pool2dGrad(pool) => pool.kind.grad_name(),
            Op::BatchNorm(norm) => norm.name(),
            Op::BatchNormGrad(norm) => norm.grad_name(),
            Op::BatchNormInference(norm) => norm.inference_name(),
            Op::BatchNormInferenceGrad(norm) => norm.inference_grad_name(),
            Op::Softmax(softmax) => softmax.name(),
            Op::SoftmaxGrad(softmax) => softmax.grad_name(),
            Op::CrossEntropy(_) => "cross-entropy",
            Op::CrossEntropyGrad(_) => "gradient of cross-entropy",
            Op::Slice(_) => "slice",
            Op::Embed(_) => "embed",
            Op::Permute(_) => "permute",
            Op::Fill(_) => "fill",
            Op::Step(_) => "optimizer step",
            Op::Transform(_) => "tensor transform",
            Op::ClipNorm(_) => "clip by norm",
            Op::Measure(_) => "measure",
        }
    }

    /// Whether the op is one that can be, as far as its constructor cannot know: which op a struct
    /// is used for, and what was set in its fields.
    fn validate(&self) -> Result<()> {
        match self {
            Op::Conv2d(op) | Op::Conv2dGradInput(op) | Op::Conv2dGradWeight(op) => op.validate(),
            Op::Conv2dStatistics(op) => op.validate().and_then(|()| op.validate_statistics()),
            Op::Binary(op) => op.validate(),
            Op::Reduce(op) => op.validate(),
            Op::ReduceMaxGrad(op) => op.validate_max_grad().and_then(|()| op.validate()),
            Op::Broadcast(op) => op.validate(),
            Op::Pool2d(op) | Op::Pool2dGrad(op) => op.validate(),
            Op::BatchNorm(op) | Op::BatchNormGrad(op) => op.validate_training(),
            Op::BatchNormInference(op) | Op::BatchNormInferenceGrad(op) => op.validate(),
            Op::CrossEntropy(op) | Op::CrossEntropyGrad(op) => op.validate(),
            Op::Slice(op) | Op::Embed(op) => op.validate(),
            Op::Permute(op) => op.validate(),
            Op::Step(op) => op.validate(),
            Op::Transform(op) => op.validate(),
            Op::ClipNorm(op) => op.validate(),
            Op::Measure(op) => op.validate(),
            // Any lengths will do.
            Op::MatMul(_)
            | Op::Unary(_)
            | Op::UnaryGrad(_)
            | Op::ScaledSum(_)
            | Op::Accumulate(_)
            | Op::Softmax(_)
            | Op::SoftmaxGrad(_)
            | Op::Fill(_) => Ok(()),
        }
    }

    /// The operands, in order: what each is called, how long it is, and what is done to it.
    #[must_use]
    pub fn operands(&self) -> Operands {
        match self {
            Op::Conv2d(op) => op.operands(),
            Op::Conv2dStatistics(op) => op.statistics_operands(),
            Op::Conv2dGradInput(op) => op.grad_input_operands(),
            Op::Conv2dGradWeight(op) => op.grad_weight_operands(),
            Op::MatMul(op) => op.operands(),
            Op::Unary(op) => op.operands(),
            Op::UnaryGrad(op) => op.grad_operands(),
            Op::Binary(op) => op.operands(),
            Op::ScaledSum(op) => op.operands(),
            Op::Accumulate(op) => op.operands(),
            Op::Reduce(op) => op.operands(),
            Op::ReduceMaxGrad(op) => op.max_grad_operands(),
            Op::Broadcast(op) => op.operands(),
            Op::Pool2d(op) => op.operands(),
            Op::Pool2dGrad(op) => op.grad_operands(),
            Op::BatchNorm(op) => op.operands(),
            Op::BatchNormGrad(op) => op.grad_operands(),
            Op::BatchNormInference(op) => op.inference_operands(),
            Op::BatchNormInferenceGrad(op) => op.grad_operands(),
            Op::Softmax(op) => op.operands(),
            Op::SoftmaxGrad(op) => op.grad_operands(),
            Op::CrossEntropy(op) => op.operands(),
            Op::CrossEntropyGrad(op) => op.grad_operands(),
            Op::Slice(op) => op.operands(),
            Op::Embed(op) => op.embed_operands(),
            Op::Permute(op) => op.operands(),
            Op::Fill(op) => op.operands(),
            Op::Step(op) => op.operands(),
            Op::Transform(op) => op.operands(),
            Op::ClipNorm(op) => op.operands(),
            Op::Measure(op) => op.operands(),
        }
    }
}
