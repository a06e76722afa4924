//! Every kind of op at the sizes of a ResNet-20 on a batch of 128.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use lowland_benches::{Bound, ops, threads};
use lowland_core::op::Op;
use lowland_cpu::Cpu;

/// The floating-point operations of an op that computes more than it moves, and the bytes that the
/// operands of any other take in f32, as each is passed over once.
fn work(op: &Op) -> Throughput {
    match op {
        Op::Conv2d(conv) | Op::Conv2dGradInput(conv) | Op::Conv2dGradWeight(conv) => {
            Throughput::Elements(2 * conv.multiply_adds() as u64)
        }
        Op::MatMul(product) => Throughput::Elements(2 * (product.m * product.k * product.n) as u64),
        _ => {
            let operands = op.operands();
            let len: usize = operands.inputs.iter().chain(&operands.outputs).map(|o| o.len).sum();
            Throughput::Bytes(4 * len as u64)
        }
    }
}

fn all(criterion: &mut Criterion) {
    let device = Cpu::new(threads());
    let mut group = criterion.benchmark_group("ops");
    group.sample_size(20);
    for (name, op) in ops(128).expect("the sizes fit") {
        let bound = Bound::new(&device, &op).expect("memory for the operands");
        group.throughput(work(&op));
        group.bench_function(name, |bencher| {
            bencher.iter(|| bound.run(&device).expect("the op runs"));
        });
    }
    group.finish();
}

criterion_group!(benches, all);
criterion_main!(benches);
