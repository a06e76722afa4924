//! Whole steps: a training step (forward, loss, backward, SGD with momentum) and an inference pass
//! of 128 images of 32x32.

use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use lowland_benches::{threads, values};
use lowland_core::{Clock, DType};
use lowland_cpu::Cpu;
use lowland_lab::{Groups, Images, Trainer};
use lowland_models::ModelConfig;
use lowland_optim::Sgd;
use lowland_tensor::{Device, Tensor};

const BATCH: usize = 128;
const SHAPE: [usize; 4] = [BATCH, 32, 32, 3];

fn training(criterion: &mut Criterion) {
    let device: Device = Arc::new(Cpu::new(threads()));
    let pixels = values(SHAPE.iter().product());
    let labels: Vec<u32> = (0..BATCH as u32).map(|i| i % 10).collect();
    let batch = Images { shape: SHAPE, pixels: &pixels, labels: &labels };
    let images = Tensor::from_slice(&device, SHAPE, &pixels).expect("memory");
    let mut group = criterion.benchmark_group("training");
    group.sample_size(10).throughput(Throughput::Elements(BATCH as u64));
    for name in ["resnet20", "resnet18"] {
        let model = ModelConfig::named(name)
            .build([32, 32, 3], 10, &device, DType::F32, 1)
            .expect("a network of the zoo");
        let chain = Sgd { momentum: 0.9, ..Sgd::default() }.chain().expect("sound settings");
        let mut trainer = Trainer::new(model, Groups::One(chain), 0.0).expect("memory");
        group.bench_function(format!("{name}_train"), |bencher| {
            bencher.iter(|| trainer.step(&batch, &Clock::at_step(1, 0.05)).expect("a step"));
        });
        group.bench_function(format!("{name}_infer"), |bencher| {
            bencher.iter(|| trainer.model().eval(&images).expect("a forward pass").to_vec::<f32>());
        });
    }
    group.finish();
}

criterion_group!(benches, training);
criterion_main!(benches);
