//! Times training steps (forward, loss, backward) and evaluations of a network of the zoo on
//! CIFAR-sized images: `network_speed [NETWORK] [BATCH] [THREADS]`, by default `resnet20 128 2`.

use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

use lowland_core::{DType, Shape};
use lowland_models::{CrossEntropy, Init, ModelConfig};
use lowland_tensor::{Device, Tensor};

/// Runs are timed until this many seconds have passed.
const SECONDS: f64 = 10.0;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let name = arguments.first().map_or("resnet20", String::as_str);
    let number = |i: usize, default: usize| match arguments.get(i) {
        Some(text) => text.parse().map_err(|error| format!("`{text}`: {error}")),
        None => Ok(default),
    };
    let (batch, threads) = (number(1, 128)?, number(2, 2)?);

    let device: Device = Arc::new(lowland_cpu::Cpu::new(threads));
    let model = ModelConfig::named(name).build([32, 32, 3], 10, &device, DType::F32, 0)?;
    let shape = Shape::from([batch, 32, 32, 3]);
    let pixels = Init::Normal { std: 1.0 }.values(0, "images", &shape);
    let pixels: Vec<f32> = pixels.into_iter().map(|pixel| pixel as f32).collect();
    let images = Tensor::from_slice(&device, shape, &pixels)?;
    let labels: Vec<u32> = (0..batch as u32).map(|i| i % 10).collect();
    let labels = Tensor::from_slice(&device, [batch], &labels)?;

    let train = || -> lowland_core::Result<()> {
        model.store.zero_grad()?;
        let loss = CrossEntropy::default().forward(&model.train(&images)?, &labels)?;
        loss.backward()?;
        device.sync()
    };
    let evaluate = || -> lowland_core::Result<()> {
        model.eval(&images)?;
        device.sync()
    };
    println!("{name}, batch {batch}, {threads} threads");
    println!("training    {:8.1} images/s", batch as f64 / median_seconds(train)?);
    println!("evaluation  {:8.1} images/s", batch as f64 / median_seconds(evaluate)?);
    let memory = device.memory();
    println!("peak memory of tensors {} MiB", memory.peak_bytes_in_use >> 20);
    Ok(())
}

/// The median time of a call, after two that warm up.
fn median_seconds(call: impl Fn() -> lowland_core::Result<()>) -> lowland_core::Result<f64> {
    call()?;
    call()?;
    let mut times = Vec::new();
    while times.iter().sum::<f64>() < SECONDS {
        let start = Instant::now();
        call()?;
        times.push(start.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    Ok(times[times.len() / 2])
}
