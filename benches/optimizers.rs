//! One step of each optimizer over 25 million parameters, as one tensor.

use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use lowland_benches::{FlatOptimizer, methods, threads};
use lowland_core::Backend;
use lowland_cpu::Cpu;

const LEN: usize = 25_000_000;

fn optimizers(criterion: &mut Criterion) {
    let device: Arc<dyn Backend> = Arc::new(Cpu::new(threads()));
    let mut group = criterion.benchmark_group("optimizers");
    group.sample_size(10);
    for (name, method) in methods() {
        let mut optimizer = FlatOptimizer::new(&device, method, LEN).expect("memory");
        group.throughput(Throughput::Bytes(optimizer.bytes()));
        group.bench_function(name, |bencher| {
            bencher.iter(|| optimizer.step().expect("the step runs"));
        });
    }
    group.finish();
}

criterion_group!(benches, optimizers);
criterion_main!(benches);
