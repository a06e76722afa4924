//! Whole steps: a training step (forward, loss, backward, SGD with momentum) and an inference pass
//! of 128 images of 32x32.

use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use lowland_benches::{Network, threads};
use lowland_cpu::Cpu;
use lowland_tensor::Device;

const BATCH: usize = 128;

fn training(criterion: &mut Criterion) {
    let device: Device = Arc::new(Cpu::new(threads()));
    let mut group = criterion.benchmark_group("training");
    group.sample_size(10).throughput(Throughput::Elements(BATCH as u64));
    for name in ["resnet20", "resnet18"] {
        let mut network = Network::new(name, BATCH, &device).expect("a network of the zoo");
        group.bench_function(format!("{name}_train"), |bencher| {
            bencher.iter(|| network.train().expect("a step"));
        });
        group.bench_function(format!("{name}_infer"), |bencher| {
            bencher.iter(|| network.infer().expect("a forward pass"));
        });
    }
    group.finish();
}

criterion_group!(benches, training);
criterion_main!(benches);
