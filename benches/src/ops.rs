//! Every kind of op at the sizes of a ResNet-20.

use std::sync::Arc;

use lowland_core::op::{
    Accumulate, BatchNorm, Binary, BinaryKind, Broadcast, ClipNorm, Conv2d, CrossEntropy, Epilogue,
    Fill, MatMul, MeasureTensors, Op, Permute, Pool2d, PoolKind, Reduce, ReduceKind, ScaledSum,
    Segment, Slice, Softmax, Step, TensorAt, TransformTensors, Unary, UnaryKind,
};
use lowland_core::transform::DynTransform;
use lowland_core::{Clock, DynMeasure, Result, Shape};
use lowland_optim::Adam;
use lowland_optim::stages::Swats;
use lowland_optim::transforms::channel_directed::{
    Axis, Ends, MeanSplitSobolev, Metric, ReweightedL2, Sobolev,
};
use lowland_optim::transforms::{AdaptiveAtan, ChannelDirected};

/// An op and the name of its benchmark.
pub type NamedOp = (String, Op);

/// Every kind of op, backward ones included, at the sizes of a ResNet-20 on a batch of images of
/// 32x32.
///
/// # Errors
/// None but for a batch of 0: the sizes fit.
pub fn ops(batch: usize) -> Result<Vec<NamedOp>> {
    let mut ops = convolutions(batch)?;
    ops.extend(elementwise(batch)?);
    ops.extend(layers(batch)?);
    ops.extend(moves(batch)?);
    ops.push(("adam_step".into(), adam_step(1 << 18)?));
    ops.extend(gradients()?);
    Ok(ops)
}

/// What is done to the gradients of all convolutions of a ResNet-20 before a step.
fn gradients() -> Result<Vec<NamedOp>> {
    let (tensors, len) = resnet20_convolutions();
    let (lambda, axis, ends) = (4.0, Axis::Output, Ends::Periodic);
    fn along<M: Metric>(metric: M, axis: Axis) -> Arc<dyn DynTransform> {
        Arc::new(ChannelDirected { metric, axis, linear: false })
    }
    let transforms = [
        ("smooth_h0", along(ReweightedL2 { lambda }, axis)),
        ("smooth_h1", along(MeanSplitSobolev { lambda, ends }, axis)),
        ("smooth_sobolev", along(Sobolev { lambda, ends }, axis)),
        ("smooth_h1_along_inputs", along(MeanSplitSobolev { lambda, ends }, Axis::Input)),
        ("adaptive_atan", Arc::new(AdaptiveAtan { shrink: 1.5, gamma: 1.5 })),
    ];
    let transform = |(name, transform): (&str, Arc<dyn DynTransform>)| {
        Ok((name.to_string(), Op::Transform(TransformTensors::new(transform, &tensors, len)?)))
    };
    let mut ops = transforms.into_iter().map(transform).collect::<Result<Vec<NamedOp>>>()?;
    ops.push(("clip_norm".into(), Op::ClipNorm(ClipNorm::new(1.0, &tensors, len)?)));
    let segment = |tensor: &TensorAt| Segment {
        param: tensor.offset,
        state: tensor.offset,
        len: tensor.shape.len(),
    };
    let segments: Vec<Segment> = tensors.iter().map(segment).collect();
    let swats: Arc<dyn DynMeasure> = Arc::new(Swats::default());
    let scalars = swats.scalars(&Clock::at_step(1, 1e-3));
    let measure = MeasureTensors::new(swats, scalars, segments.into(), len, len)?;
    ops.push(("measure_swats".into(), Op::Measure(measure)));
    Ok(ops)
}

/// The weights of a ResNet-20's convolutions, one behind the other, and how long they are together.
fn resnet20_convolutions() -> (Vec<TensorAt>, usize) {
    let stages = [(1, 3, 16), (6, 16, 16), (1, 16, 32), (5, 32, 32), (1, 32, 64), (5, 64, 64)];
    let mut len = 0;
    let mut tensors = Vec::new();
    for (count, inputs, outputs) in stages {
        for _ in 0..count {
            let shape = Shape::from([outputs, inputs, 3, 3]);
            tensors.push(TensorAt { offset: len, shape });
            len += shape.len();
        }
    }
    (tensors, len)
}

fn convolutions(batch: usize) -> Result<Vec<NamedOp>> {
    let mut ops = Vec::new();
    for (name, size, from, to, kernel, stride) in [
        ("3to16_32px", 32, 3, 16, 3, 1),
        ("16to16_32px", 32, 16, 16, 3, 1),
        ("16to32_stride2", 32, 16, 32, 3, 2),
        ("32to32_16px", 16, 32, 32, 3, 1),
        ("32to64_stride2", 16, 32, 64, 3, 2),
        ("64to64_8px", 8, 64, 64, 3, 1),
        ("32to64_1x1_stride2", 16, 32, 64, 1, 2),
    ] {
        let x = Shape::from([batch, size, size, from]);
        let w = Shape::from([to, from, kernel, kernel]);
        let conv = Conv2d::new(x, w, [stride; 2], [kernel / 2; 2], 1)?;
        ops.push((format!("conv_{name}_forward"), Op::Conv2d(conv)));
        ops.push((format!("conv_{name}_statistics"), Op::Conv2dStatistics(conv)));
        ops.push((format!("conv_{name}_grad_input"), Op::Conv2dGradInput(conv)));
        ops.push((format!("conv_{name}_grad_weight"), Op::Conv2dGradWeight(conv)));
    }
    Ok(ops)
}

/// The activations of the first stage: the largest.
fn activations(batch: usize) -> Shape {
    Shape::from([batch, 32, 32, 16])
}

fn elementwise(batch: usize) -> Result<Vec<NamedOp>> {
    let (shape, channels) = (activations(batch), Shape::from([16]));
    let len = shape.len();
    let mut ops = Vec::new();
    for kind in UnaryKind::ALL {
        let name = kind.name().replace(' ', "_");
        ops.push((format!("{name}_grad"), Op::UnaryGrad(Unary { kind, len })));
        ops.push((name, Op::Unary(Unary { kind, len })));
    }
    for kind in BinaryKind::ALL {
        ops.push((kind.name().into(), Op::Binary(Binary::new(kind, shape, shape)?)));
    }
    let scale = Binary::new(BinaryKind::Mul, shape, channels)?;
    ops.push(("mul_by_channel".into(), Op::Binary(scale)));
    let four = ScaledSum::new(len, &[1.0, 0.5, -0.25, 2.0])?;
    ops.push(("scaled_sum_of_4".into(), Op::ScaledSum(four)));
    ops.push(("accumulate".into(), Op::Accumulate(Accumulate { len, a: 1.0, b: 1.0 })));
    ops.push(("fill".into(), Op::Fill(Fill { len, value: 1.0 })));
    Ok(ops)
}

fn layers(batch: usize) -> Result<Vec<NamedOp>> {
    let shape = activations(batch);
    let last = Shape::from([batch, 8, 8, 64]);
    let norm = BatchNorm::training(shape.len() / 16, 16, 1e-5)?;
    let (relu, add_relu) =
        (norm.with_epilogue(Epilogue::Relu), norm.with_epilogue(Epilogue::AddRelu));
    let pool = |kind| Pool2d::new(kind, shape, [2, 2], [2, 2], [0, 0]);
    let (average, max) = (pool(PoolKind::Average)?, pool(PoolKind::Max)?);
    let classes = CrossEntropy::new(batch, 10, 0.0)?;
    let softmax = |log| Softmax { rows: batch, columns: 10, log };
    let linear = MatMul { m: batch, k: 512, n: 100, transpose_a: false, transpose_b: true };
    let square = MatMul { m: 128, k: 128, n: 128, transpose_a: false, transpose_b: false };
    let named = |(name, op): (&str, Op)| (name.to_string(), op);
    let ops = [
        ("batch_norm", Op::BatchNorm(norm)),
        ("batch_norm_grad", Op::BatchNormGrad(norm)),
        ("batch_norm_inference", Op::BatchNormInference(norm)),
        ("batch_norm_inference_grad", Op::BatchNormInferenceGrad(norm)),
        ("batch_norm_relu", Op::BatchNorm(relu)),
        ("batch_norm_relu_grad", Op::BatchNormGrad(relu)),
        ("batch_norm_relu_inference", Op::BatchNormInference(relu)),
        ("batch_norm_add_relu", Op::BatchNorm(add_relu)),
        ("batch_norm_add_relu_grad", Op::BatchNormGrad(add_relu)),
        ("batch_norm_add_relu_inference", Op::BatchNormInference(add_relu)),
        ("average_pool", Op::Pool2d(average)),
        ("average_pool_grad", Op::Pool2dGrad(average)),
        ("max_pool", Op::Pool2d(max)),
        ("max_pool_grad", Op::Pool2dGrad(max)),
        ("global_average", Op::Reduce(Reduce::new(ReduceKind::Mean, last, &[1, 2])?)),
        ("sum_to_channels", Op::Reduce(Reduce::new(ReduceKind::Sum, shape, &[0, 1, 2])?)),
        ("global_max", Op::Reduce(Reduce::new(ReduceKind::Max, last, &[1, 2])?)),
        ("global_max_grad", Op::ReduceMaxGrad(Reduce::new(ReduceKind::Max, last, &[1, 2])?)),
        ("linear", Op::MatMul(linear)),
        ("matmul_128", Op::MatMul(square)),
        ("softmax", Op::Softmax(softmax(false))),
        ("softmax_grad", Op::SoftmaxGrad(softmax(false))),
        ("log_softmax", Op::Softmax(softmax(true))),
        ("log_softmax_grad", Op::SoftmaxGrad(softmax(true))),
        ("cross_entropy", Op::CrossEntropy(classes)),
        ("cross_entropy_grad", Op::CrossEntropyGrad(classes)),
    ];
    Ok(ops.into_iter().map(named).collect())
}

/// Ops that only move numbers: those of the shortcut without weights, of the global average's
/// gradient, and of the way between layouts.
fn moves(batch: usize) -> Result<Vec<NamedOp>> {
    let shape = activations(batch);
    let halved = Shape::from([batch, 16, 16, 16]);
    let widened = Shape::from([batch, 16, 16, 32]);
    let every_other = Slice::new(shape, halved, &[0; 4], &[1, 2, 2, 1])?;
    let zeros_around = Slice::new(widened, halved, &[0, 0, 0, 8], &[1; 4])?;
    let (mean, last) = (Shape::from([batch, 1, 1, 64]), Shape::from([batch, 8, 8, 64]));
    Ok(vec![
        ("slice_stride2".into(), Op::Slice(every_other)),
        ("pad_channels".into(), Op::Embed(zeros_around)),
        ("broadcast".into(), Op::Broadcast(Broadcast::new(mean, last, 1.0 / 64.0)?)),
        ("permute_to_nchw".into(), Op::Permute(Permute::new(shape, &[0, 3, 1, 2])?)),
    ])
}

fn adam_step(len: usize) -> Result<Op> {
    let chain = Arc::new(Adam::default().chain().expect("its defaults are sound"));
    let prepared = chain.prepare(&Clock::at_step(1, 1e-3));
    let all = Segment { param: 0, state: 0, len };
    Ok(Op::Step(Step::new(chain, prepared, vec![all].into(), len, len)?))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::testing::{variant, variants};

    #[test]
    fn every_op_has_a_benchmark() {
        let wanted = variants("Op", include_str!("../../crates/lowland-core/src/op/mod.rs"));
        let ops = ops(2).unwrap();
        assert_eq!(ops.iter().map(|(_, op)| variant(op)).collect::<BTreeSet<_>>(), wanted);
    }

    #[test]
    fn names_are_unique() {
        let ops = ops(2).unwrap();
        let names: BTreeSet<&String> = ops.iter().map(|(name, _)| name).collect();
        assert_eq!(names.len(), ops.len());
    }
}
