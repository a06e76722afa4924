//! One step of each optimizer over 25 million parameters, as one tensor.

use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use lowland_benches::{threads, values};
use lowland_core::{Backend, Clock, DType};
use lowland_cpu::Cpu;
use lowland_optim::{Adam, ArenaOptimizer, ArenaParam, GroupSpec, Method, MiAdam, Sgd};

const LEN: usize = 25_000_000;

fn optimizers(criterion: &mut Criterion) {
    let methods = [
        ("sgd_momentum", Method::Sgd(Sgd { momentum: 0.9, ..Sgd::default() })),
        ("adam", Method::Adam(Adam::default())),
        ("adam_weight_decay", Method::Adam(Adam { weight_decay: 5e-4, ..Adam::default() })),
        ("miadam_order_1", Method::Miadam(MiAdam { order: 1, ..MiAdam::default() })),
        ("miadam_order_3", Method::Miadam(MiAdam { order: 3, ..MiAdam::default() })),
    ];
    let device: Arc<dyn Backend> = Arc::new(Cpu::new(threads()));
    let params = device.buffer_from(&values(LEN)).expect("memory");
    let grads = device.buffer_from(&values(LEN)).expect("memory");
    let mut group = criterion.benchmark_group("optimizers");
    group.sample_size(10);
    for (name, method) in methods {
        let chain = method.chain().expect("its settings are sound");
        // Parameters and every state slot are read and written, gradients are read.
        group.throughput(Throughput::Bytes(4 * LEN as u64 * (3 + 2 * chain.slots().len() as u64)));
        let table = vec![ArenaParam { name: "weight".into(), offset: 0, len: LEN }];
        let all = vec![GroupSpec::all("all", chain)];
        let mut optimizer = ArenaOptimizer::new(device.clone(), DType::F32, LEN, table, all)
            .expect("the table fits");
        group.bench_function(name, |bencher| {
            let clock = Clock::at_step(1, 1e-3);
            bencher.iter(|| optimizer.step(&clock, &params, &grads).expect("the step runs"));
        });
    }
    group.finish();
}

criterion_group!(benches, optimizers);
criterion_main!(benches);
