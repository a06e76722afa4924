//! Whole steps: a training step (forward, loss, backward, SGD with momentum) and an inference pass
//! of 128 images of 32x32.

use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use lowland_benches::{threads, values};
use lowland_core::{Clock, DType};
use lowland_cpu::Cpu;
use lowland_models::{CrossEntropy, ModelConfig};
use lowland_optim::{ArenaOptimizer, ArenaParam, GroupSpec, Sgd};
use lowland_tensor::{Device, Tensor};

const BATCH: usize = 128;

fn training(criterion: &mut Criterion) {
    let device: Device = Arc::new(Cpu::new(threads()));
    let mut group = criterion.benchmark_group("training");
    group.sample_size(10).throughput(Throughput::Elements(BATCH as u64));
    for name in ["resnet20", "resnet18"] {
        let model = ModelConfig::named(name)
            .build([32, 32, 3], 10, &device, DType::F32, 1)
            .expect("a network of the zoo");
        let images = values(BATCH * 32 * 32 * 3);
        let images = Tensor::from_slice(&device, [BATCH, 32, 32, 3], &images).expect("memory");
        let labels: Vec<u32> = (0..BATCH as u32).map(|i| i % 10).collect();
        let labels = Tensor::from_slice(&device, [BATCH], &labels).expect("memory");
        let entry = |entry: &lowland_models::ParamEntry| ArenaParam {
            name: entry.name.to_string(),
            offset: entry.offset,
            len: entry.shape.len(),
        };
        let table = model.store.entries().iter().map(entry).collect();
        let chain = Sgd { momentum: 0.9, ..Sgd::default() }.chain().expect("sound settings");
        let all = vec![GroupSpec::all("all", chain)];
        let arena = model.store.params();
        let mut optimizer =
            ArenaOptimizer::new(device.clone(), DType::F32, arena.len(), table, all)
                .expect("the table fits");
        let loss = CrossEntropy { label_smoothing: 0.0 };
        group.bench_function(format!("{name}_train"), |bencher| {
            bencher.iter(|| {
                model.store.zero_grad().expect("memory");
                let logits = model.train(&images).expect("a forward pass");
                let loss = loss.forward(&logits, &labels).expect("a loss");
                loss.backward().expect("a backward pass");
                optimizer
                    .step(&Clock::at_step(1, 0.05), arena, model.store.grads())
                    .expect("a step");
            });
        });
        group.bench_function(format!("{name}_infer"), |bencher| {
            bencher.iter(|| model.eval(&images).expect("a forward pass").to_vec::<f32>());
        });
    }
    group.finish();
}

criterion_group!(benches, training);
criterion_main!(benches);
