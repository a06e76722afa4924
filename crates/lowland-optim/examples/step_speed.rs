//! Nanoseconds a parameter of a few chains and transforms, on one thread and 4 M parameters.
//!
//! `cargo run --release -p lowland-optim --example step_speed`

use std::error::Error;
use std::time::Instant;

use lowland_core::{Chain, Clock, DynTransform, Shape};
use lowland_optim::stages::{Activate, Atan, Log, Tanh};
use lowland_optim::transforms::channel_directed::{
    Axis, Ends, MeanSplitSobolev, Metric, ReweightedL2, Sobolev,
};
use lowland_optim::transforms::{AdaptiveAtan, ChannelDirected};
use lowland_optim::{Adam, MiAdam, Sgd, StepScale};

const PARAMS: usize = 4 << 20;
const STEPS: usize = 21;

fn main() -> Result<(), Box<dyn Error>> {
    let momentum = Sgd { momentum: 0.9, weight_decay: 5e-4, ..Sgd::default() };
    let miadam = MiAdam { order: 3, step_scale: StepScale::UnitGain, ..MiAdam::default() };
    let chains = [
        ("sgd, momentum and decay", momentum.chain()?),
        ("adam", Adam::default().chain()?),
        ("miadam of order 3", miadam.chain()?),
        ("sgd, atan", Chain::new().then(Activate(Atan::default()))),
        ("sgd, tanh", Chain::new().then(Activate(Tanh::default()))),
        ("sgd, log", Chain::new().then(Activate(Log::default()))),
    ];
    // Small enough for the second-level cache, and far too large for any.
    for (place, len) in [("in cache", 8 << 10), ("in memory", PARAMS)] {
        for (name, chain) in &chains {
            let ns = median_ns(chain, len);
            let bytes = 4 * (3 + 2 * chain.slots().len());
            println!(
                "{place:9}  {name:24} {ns:6.3} ns a parameter, {:6.2} GB/s",
                bytes as f64 / ns
            );
        }
    }
    // The weight of a convolution of 256 channels.
    let weight = Shape::from([256, 256, 3, 3]);
    let (lambda, ends) = (0.1, Ends::Periodic);
    for axis in [Axis::Output, Axis::Input, Axis::Width] {
        along(axis, ReweightedL2 { lambda }, weight);
        along(axis, MeanSplitSobolev { lambda, ends }, weight);
        along(axis, Sobolev { lambda, ends }, weight);
        along(axis, Sobolev { lambda, ends: Ends::Neumann }, weight);
    }
    print_transform("adaptive atan", &AdaptiveAtan { shrink: 1.5, gamma: 1.3 }, weight);
    Ok(())
}

fn along<M: Metric>(axis: Axis, metric: M, weight: Shape) {
    let name = format!("{} along {axis:?}", metric.name()).to_lowercase();
    print_transform(&name, &ChannelDirected { metric, axis, linear: false }, weight);
}

fn print_transform(name: &str, transform: &impl DynTransform, shape: Shape) {
    let mut values: Vec<f32> = (0..shape.len()).map(|i| (i as f32).sin()).collect();
    let mut scratch = vec![0.0; transform.scratch_len(&shape)];
    let mut times = Vec::new();
    for _ in 0..STEPS {
        let start = Instant::now();
        transform.apply_f32(&mut values, &shape, &mut scratch);
        times.push(start.elapsed().as_secs_f64() * 1e9 / shape.len() as f64);
    }
    times.sort_by(f64::total_cmp);
    println!("{shape}  {name:24} {:6.3} ns a parameter", times[STEPS / 2]);
}

/// The median time of a step of so many parameters, divided by their number.
fn median_ns(chain: &Chain, len: usize) -> f64 {
    let mut params = vec![0.5f32; len];
    let grads: Vec<f32> = (0..len).map(|i| (i as f32).sin()).collect();
    let mut state = vec![vec![0.0f32; len]; chain.slots().len()];
    let mut slots: Vec<&mut [f32]> = state.iter_mut().map(Vec::as_mut_slice).collect();
    let rounds = PARAMS / len;
    let mut times = Vec::new();
    for step in 1..=STEPS as u64 {
        let start = Instant::now();
        for _ in 0..rounds {
            chain.step(&Clock::at_step(step, 1e-3), &mut params, &grads, &mut slots);
        }
        times.push(start.elapsed().as_secs_f64() * 1e9 / (rounds * len) as f64);
    }
    times.sort_by(f64::total_cmp);
    times[STEPS / 2]
}
