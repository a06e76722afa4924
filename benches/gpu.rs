//! How far a GPU is from its limits: optimizer steps and smoothing against the bandwidth of a copy in
//! the same run, and networks by the images that they train a second.
//!
//! ```text
//! cargo run --release -p lowland-benches --example gpu              the first GPU
//! cargo run --release -p lowland-benches --example gpu -- 1         the second
//! ```
//!
//! Ends with exit code 2 and a sentence where there is no such device.

use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use lowland_benches::{FlatOptimizer, methods};
use lowland_core::op::{Reduce, ReduceKind};
use lowland_core::{Backend, Clock, DType, Op};
use lowland_cuda::Cuda;
use lowland_lab::bench;
use lowland_optim::{ArenaOptimizer, ArenaParam, GroupSpec, Recipe};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Runs of each piece of work that are not timed, and that are.
const WARM: usize = 5;
const TIMED: usize = 30;

/// The optimizers that are measured, by their names in [`methods`].
const STEPS: &[&str] = &["sgd_momentum", "adam", "miadam_order_3"];

/// The networks, with the images of a step.
const NETWORKS: &[(&str, usize)] =
    &[("resnet20", 128), ("resnet20", 512), ("resnet18", 128), ("zerosnet20", 128)];

fn main() -> ExitCode {
    let index = match std::env::args().nth(1).map_or(Ok(0), |number| number.parse()) {
        Ok(index) => index,
        Err(_) => {
            eprintln!("error: give the number of a GPU, counted from 0");
            return ExitCode::from(2);
        }
    };
    let gpu = match Cuda::open(index) {
        Ok(gpu) => gpu,
        Err(reason) => {
            eprintln!("error: {reason}");
            return ExitCode::from(2);
        }
    };
    match measure(Arc::new(gpu), index) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(gpu: Arc<Cuda>, index: usize) -> Result<()> {
    println!("cuda:{index}, {}; medians of {TIMED}\n", gpu.architecture());
    let gpu: Arc<dyn Backend> = gpu;
    for len in [25_000_000, 200_000_000] {
        let copy = copy(&gpu, len)?;
        println!(
            "{} M parameters; a copy of as many moves {:.0} GB/s",
            len / 1_000_000,
            copy / 1e9
        );
        for &name in STEPS {
            let (seconds, bytes) = step(&gpu, name, len)?;
            row(name, seconds, bytes, copy);
        }
        println!();
    }
    let copy = copy(&gpu, 25_000_000)?;
    println!("smoothing of a weight of 512 x 512 x 3 x 3 times 10, and one step of sgd");
    for metric in ["h0", "h1", "sobolev"] {
        let (seconds, bytes) = smoothing(&gpu, metric)?;
        row(metric, seconds, bytes, copy);
    }
    drop(gpu);
    println!("\ntraining in f32, 32 x 32 images");
    for &(model, batch) in NETWORKS {
        train(&format!("cuda:{index}"), model, batch)?;
    }
    Ok(())
}

/// A line: time, what it moves at least, and how much of a copy's bandwidth that is.
fn row(name: &str, seconds: f64, bytes: f64, copy: f64) {
    let (us, rate) = (seconds * 1e6, bytes / seconds);
    println!("  {name:<16} {us:>10.1} us {:>8.0} GB/s {:>5.0} %", rate / 1e9, 100.0 * rate / copy);
}

/// The median time of some work on a device, in seconds. The device is waited for after each: launches
/// cost a few microseconds, the work measured here takes hundreds.
fn median(gpu: &Arc<dyn Backend>, mut work: impl FnMut() -> Result<()>) -> Result<f64> {
    let mut times = Vec::new();
    for round in 0..WARM + TIMED {
        gpu.sync()?;
        let began = Instant::now();
        work()?;
        gpu.sync()?;
        if round >= WARM {
            times.push(began.elapsed().as_secs_f64());
        }
    }
    times.sort_by(f64::total_cmp);
    Ok(times[TIMED / 2])
}

/// Bytes a second of the driver's own copy of so many floats, both directions counted: it is what a
/// sum over no axis comes to.
fn copy(gpu: &Arc<dyn Backend>, len: usize) -> Result<f64> {
    let (from, to) = (gpu.filled(len, DType::F32, 1.0)?, gpu.allocate(len, DType::F32)?);
    let op = Op::Reduce(Reduce::new(ReduceKind::Sum, [len].into(), &[])?);
    let seconds = median(gpu, || Ok(gpu.run(&op, &[&from], &[&to])?))?;
    Ok(8.0 * len as f64 / seconds)
}

/// The time of a fused step, and the bytes that it moves at least.
fn step(gpu: &Arc<dyn Backend>, name: &str, len: usize) -> Result<(f64, f64)> {
    let method = methods().into_iter().find(|(known, _)| *known == name);
    let (_, method) = method.ok_or_else(|| format!("there is no optimizer {name}"))?;
    let mut optimizer = FlatOptimizer::new(gpu, method, len)?;
    let seconds = median(gpu, || Ok(optimizer.step()?))?;
    Ok((seconds, optimizer.bytes() as f64))
}

/// The time of a step of SGD on smoothed gradients: each gradient is read and written by the smoothing,
/// then read by the step, which reads and writes the parameters.
fn smoothing(gpu: &Arc<dyn Backend>, metric: &str) -> Result<(f64, f64)> {
    let text = format!(
        "learning_rate = 0.1\nsgd = {{}}\nchannel_directed = {{ metric = '{metric}', lambda = 0.1 }}"
    );
    let recipe: Recipe = toml::from_str(&text)?;
    let each = 512 * 512 * 9;
    let param = |i: usize| ArenaParam {
        name: format!("conv{i}"),
        offset: i * each,
        shape: [512, 512, 3, 3].into(),
    };
    let (table, len) = ((0..10).map(param).collect(), 10 * each);
    let groups = vec![GroupSpec::all("all", recipe.update()?)];
    let mut optimizer = ArenaOptimizer::new(Arc::clone(gpu), DType::F32, len, table, groups)?;
    let params = gpu.filled(len, DType::F32, 0.1)?;
    let grads = gpu.filled(len, DType::F32, 0.1)?;
    let clock = Clock::at_step(1, 1e-6);
    let seconds = median(gpu, || Ok(optimizer.step(&clock, &params, &grads)?))?;
    Ok((seconds, 5.0 * 4.0 * len as f64))
}

/// Prints the images a second of a network.
fn train(device: &str, model: &str, batch: usize) -> Result<()> {
    let options = bench::Options {
        model: model.into(),
        batch,
        image: [32, 32, 3],
        classes: 10,
        iterations: TIMED,
        warmup: WARM,
        device: device.into(),
        threads: lowland_benches::threads(),
    };
    let report = bench::run(&options)?;
    let (train, infer) = (report.train.images_per_s, report.inference.images_per_s);
    println!(
        "  {model:<12} batch {batch:>4} {train:>10.0} images/s trained {infer:>10.0} evaluated"
    );
    Ok(())
}
