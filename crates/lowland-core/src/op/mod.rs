//! Ops as data: what is to be computed, as small structs of sizes and flags.
//!
//! An [`Op`] is everything a [`Backend`](crate::Backend) is told besides the buffers. Each op has a
//! file here that says what it computes, what its operands are, and which sizes it can have; the
//! files of the same name in the CPU backend, in the tensor crate and in the conformance suite
//! compute it, differentiate it and check it.
//!
//! Floats of one call are all of one type; labels are [`DType::U32`](crate::DType::U32). No output overlaps another
//! operand.

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

use crate::Result;

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
            Op::BatchNorm(op) | Op::BatchNormGrad(op) => op.validate_training(),
            Op::Conv2dStatistics(op) => op.validate_statistics(),
            Op::ReduceMaxGrad(op) => op.validate_max_grad(),
            _ => Ok(()),
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
