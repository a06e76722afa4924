//! Every kind of op at the sizes of a ResNet-20 on a batch of 128.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use lowland_benches::{resnet20_convolutions, threads, values};
use lowland_core::op::{
    BatchNorm, Binary, BinaryKind, CrossEntropy, Kind, MatMul, Op, Pool2d, PoolKind, Reduce,
    ReduceKind, Softmax, Unary, UnaryKind,
};
use lowland_core::{Backend, Buffer, DType, Shape};
use lowland_cpu::Cpu;

/// Times an op on operands of its own sizes.
fn bench(criterion: &mut Criterion, device: &dyn Backend, name: &str, op: &Op, work: Throughput) {
    let operands = op.operands();
    let inputs: Vec<Buffer> = operands
        .inputs
        .iter()
        .map(|operand| match operand.kind {
            Kind::Float => device.buffer_from(&values(operand.len)),
            Kind::Label => device.buffer_from(&vec![3u32; operand.len]),
        })
        .collect::<Result<_, _>>()
        .expect("memory for the inputs");
    let outputs: Vec<Buffer> = operands
        .outputs
        .iter()
        .map(|operand| device.filled(operand.len, DType::F32, 0.0))
        .collect::<Result<_, _>>()
        .expect("memory for the outputs");
    let (inputs, outputs): (Vec<_>, Vec<_>) = (inputs.iter().collect(), outputs.iter().collect());
    let mut group = criterion.benchmark_group("ops");
    group.sample_size(20).throughput(work);
    group.bench_function(name, |bencher| {
        bencher.iter(|| device.run(op, &inputs, &outputs).expect("the op runs"));
    });
    group.finish();
}

/// The bytes that an op's operands take in f32, as each is passed over once.
fn bytes(op: &Op) -> Throughput {
    let operands = op.operands();
    let len: usize = operands.inputs.iter().chain(&operands.outputs).map(|o| o.len).sum();
    Throughput::Bytes(4 * len as u64)
}

fn convolutions(criterion: &mut Criterion) {
    let device = Cpu::new(threads());
    for (name, conv) in resnet20_convolutions() {
        let flops = Throughput::Elements(2 * conv.multiply_adds() as u64);
        for (pass, op) in [
            ("forward", Op::Conv2d(conv)),
            ("grad_input", Op::Conv2dGradInput(conv)),
            ("grad_weight", Op::Conv2dGradWeight(conv)),
        ] {
            bench(criterion, &device, &format!("conv_{name}_{pass}"), &op, flops.clone());
        }
    }
}

fn others(criterion: &mut Criterion) {
    let device = Cpu::new(threads());
    let activations = Shape::from([128, 32, 32, 16]);
    let len = activations.len();
    let norm = BatchNorm::training(len / 16, 16, 1e-5).expect("a batch");
    let relu = Unary { kind: UnaryKind::Relu, len };
    let pool = |kind| Pool2d::new(kind, activations, [2, 2], [2, 2], [0, 0]).expect("it fits");
    let classes = CrossEntropy::new(128, 10, 0.0).expect("a batch");
    let ops = [
        ("batch_norm", Op::BatchNorm(norm)),
        ("batch_norm_grad", Op::BatchNormGrad(norm)),
        ("batch_norm_inference", Op::BatchNormInference(norm)),
        ("relu", Op::Unary(relu)),
        ("relu_grad", Op::UnaryGrad(relu)),
        ("tanh", Op::Unary(Unary { kind: UnaryKind::Tanh, len })),
        ("atan", Op::Unary(Unary { kind: UnaryKind::Atan, len })),
        (
            "add",
            Op::Binary(Binary::new(BinaryKind::Add, activations, activations).expect("it fits")),
        ),
        ("average_pool", Op::Pool2d(pool(PoolKind::Average))),
        ("max_pool", Op::Pool2d(pool(PoolKind::Max))),
        ("max_pool_grad", Op::Pool2dGrad(pool(PoolKind::Max))),
        (
            "global_average",
            Op::Reduce(Reduce::new(ReduceKind::Mean, activations, &[1, 2]).expect("it fits")),
        ),
        (
            "linear",
            Op::MatMul(MatMul { m: 128, k: 512, n: 100, transpose_a: false, transpose_b: true }),
        ),
        ("log_softmax", Op::Softmax(Softmax { rows: 128, columns: 10, log: true })),
        ("cross_entropy", Op::CrossEntropy(classes)),
        ("cross_entropy_grad", Op::CrossEntropyGrad(classes)),
    ];
    for (name, op) in ops {
        bench(criterion, &device, name, &op, bytes(&op));
    }
}

criterion_group!(benches, convolutions, others);
criterion_main!(benches);
