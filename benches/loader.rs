//! The loader on images of CIFAR's size: crop, flip and normalise, and what more can be asked of it.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use lowland_benches::images;
use lowland_data::{ChannelStats, Cutout, InputNoise, Loader, LoaderConfig, NoiseKind};

const IMAGES: usize = 5_000;

fn loader(criterion: &mut Criterion) {
    let view = images(IMAGES).expect("the sizes fit");
    let mut group = criterion.benchmark_group("loader");
    group.sample_size(10).throughput(Throughput::Elements(IMAGES as u64));
    let with = |workers| LoaderConfig {
        workers,
        ..LoaderConfig::training(128, ChannelStats::cifar10(), 1)
    };
    let noise = Some(InputNoise::new(NoiseKind::Normal));
    for (name, config) in [
        ("in_the_caller", with(0)),
        ("one_worker", with(1)),
        ("two_workers", with(2)),
        ("cutout_in_the_caller", LoaderConfig { cutout: Some(Cutout { side: 16 }), ..with(0) }),
        ("noise_in_the_caller", LoaderConfig { input_noise: noise, ..with(0) }),
    ] {
        let loader = Loader::new(view.clone(), config).expect("the settings are sound");
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                for batch in loader.epoch(0) {
                    black_box(batch.expect("a batch").images());
                }
            });
        });
    }
    group.finish();
}

criterion_group!(benches, loader);
criterion_main!(benches);
