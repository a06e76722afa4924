//! How fast training and inference steps are, on synthetic images.

use std::time::Instant;

use lowland_core::{Clock, DType};
use lowland_models::ModelConfig;
use lowland_optim::{Method, Sgd};
use serde::Serialize;

use crate::console::grouped;
use crate::plan::Groups;
use crate::run::Memory;
use crate::trainer::{Images, Trainer};
use crate::{Error, Result, device, machine};

/// The most steps of a kind, and the most images of a step: more are a slip of the pen.
const MAX_STEPS: usize = 1_000_000;
const MAX_BATCH: usize = 1 << 16;

/// What to time.
#[derive(Clone, Debug)]
pub struct Options {
    /// The network, by name.
    pub model: String,
    /// Images a step.
    pub batch: usize,
    /// H, W, C of an image.
    pub image: [usize; 3],
    /// The number of classes.
    pub classes: usize,
    /// Steps that are timed, of training and of inference each.
    pub iterations: usize,
    /// Steps of each before these, which warm up caches and the memory pool.
    pub warmup: usize,
    /// The device, by name.
    pub device: String,
    /// Threads that the device computes on.
    pub threads: usize,
}

/// Times of one kind of step.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Timing {
    /// Median, in milliseconds.
    pub median_ms: f64,
    /// 5 % of the steps were faster, in milliseconds.
    pub p5_ms: f64,
    /// 95 % of the steps were faster, in milliseconds.
    pub p95_ms: f64,
    /// Images per second at the median.
    pub images_per_s: f64,
}

/// What was measured.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The network.
    pub model: String,
    /// Its trainable numbers.
    pub parameters: usize,
    /// Multiply-adds of one image's forward pass.
    pub multiply_adds: u64,
    /// N, H, W, C.
    pub batch: [usize; 4],
    /// The device.
    pub device: String,
    /// Its threads.
    pub threads: usize,
    /// The processor.
    pub cpu: String,
    /// Steps timed of each kind.
    pub iterations: usize,
    /// Training steps: forward, cross-entropy, backward, SGD with momentum and weight decay.
    pub train: Timing,
    /// Inference steps: forward by running statistics.
    pub inference: Timing,
    /// Memory; `fresh_allocations_after_first_epoch` are those of the timed steps.
    pub memory: Memory,
}

/// Times training steps, then inference steps.
///
/// # Errors
/// [`Error::Usage`] for sizes that cannot be; whatever network and device say.
pub fn run(options: &Options) -> Result<Report> {
    for (name, value, least, most) in [
        ("--batch", options.batch, 1, MAX_BATCH),
        ("--iterations", options.iterations, 1, MAX_STEPS),
        ("--warmup", options.warmup, 0, MAX_STEPS),
    ] {
        if !(least..=most).contains(&value) {
            let most = grouped(most);
            let problem = format!("{name} {value} is not possible: it must be {least} to {most}");
            return Err(Error::Usage(problem));
        }
    }
    measure(options).map_err(|error| match error.out_of_memory() {
        Some(reason) => Error::Usage(format!("--batch {}: {reason}", options.batch)),
        None => error,
    })
}

fn measure(options: &Options) -> Result<Report> {
    let opened = device::open(&options.device, options.threads)?;
    let config = ModelConfig::named(&options.model);
    let model = config.build(options.image, options.classes, &opened.device, DType::F32, 1)?;
    let (parameters, multiply_adds) = (model.store.count(), model.multiply_adds);
    let sgd = Method::Sgd(Sgd { momentum: 0.9, weight_decay: 5e-4, ..Sgd::default() });
    let mut trainer = Trainer::new(model, Groups::One(sgd.update()?), 0.0)?;
    let [h, w, c] = options.image;
    let (pixels, labels) = synthetic(options.batch, options.image, options.classes)?;
    let batch = Images { shape: [options.batch, h, w, c], pixels: &pixels, labels: &labels };
    let mut step = 0;
    let mut train = |trainer: &mut Trainer| {
        step += 1;
        trainer.step(&batch, &Clock::at_step(step, 0.01))?;
        // A GPU is handed the update and is not waited for, except here.
        Ok(trainer.device().sync()?)
    };
    let infer = |trainer: &mut Trainer| trainer.evaluate(&batch).map(drop);
    for _ in 0..options.warmup.max(1) {
        train(&mut trainer)?;
        infer(&mut trainer)?;
    }
    let warm = trainer.device().memory().fresh_allocations;
    let train = time(options, || train(&mut trainer))?;
    let inference = time(options, || infer(&mut trainer))?;
    let stats = trainer.device().memory();
    Ok(Report {
        model: options.model.clone(),
        parameters,
        multiply_adds,
        batch: batch.shape,
        device: options.device.clone(),
        threads: opened.threads,
        cpu: machine::Machine::this().cpu,
        iterations: options.iterations,
        train,
        inference,
        memory: Memory {
            peak_tensor_bytes: stats.peak_bytes_in_use,
            held_tensor_bytes: stats.bytes_held,
            fresh_allocations: stats.fresh_allocations,
            fresh_allocations_after_first_epoch: Some(stats.fresh_allocations - warm),
            peak_resident_bytes: machine::peak_resident_bytes(),
        },
    })
}

fn time(options: &Options, mut step: impl FnMut() -> Result<()>) -> Result<Timing> {
    let mut times = Vec::with_capacity(options.iterations);
    for _ in 0..options.iterations {
        let began = Instant::now();
        step()?;
        times.push(1e3 * began.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    let median_ms = quantile(&times, 0.5);
    Ok(Timing {
        median_ms,
        p5_ms: quantile(&times, 0.05),
        p95_ms: quantile(&times, 0.95),
        images_per_s: 1e3 * options.batch as f64 / median_ms,
    })
}

/// A quantile of sorted numbers, with straight lines between them.
pub(crate) fn quantile(sorted: &[f64], q: f64) -> f64 {
    let at = q * (sorted.len() - 1) as f64;
    let (below, part) = (at.floor() as usize, at.fract());
    let above = sorted[(below + 1).min(sorted.len() - 1)];
    sorted[below] + part * (above - sorted[below])
}

/// Noise of mean 0 and variance 1, and labels in turn.
///
/// # Errors
/// [`Error::Usage`] where there is no memory for them.
pub(crate) fn synthetic(
    batch: usize,
    image: [usize; 3],
    classes: usize,
) -> Result<(Vec<f32>, Vec<u32>)> {
    let len = image.iter().try_fold(batch, |len, &size| len.checked_mul(size));
    let mut pixels: Vec<f32> = Vec::new();
    let Some(len) = len.filter(|&len| pixels.try_reserve_exact(len).is_ok()) else {
        let [h, w, c] = image;
        let problem = format!("there is no memory for {batch} images of {h}x{w}x{c}");
        return Err(Error::Usage(format!("--batch {batch}: {problem}; use a smaller batch")));
    };
    let mut state = 1u64;
    let mut noise = || {
        // Knuth's MMIX generator; its high bits are good enough to be multiplied.
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let unit = (state >> 40) as f32 / (1u64 << 24) as f32;
        (unit - 0.5) * 12f32.sqrt()
    };
    pixels.extend((0..len).map(|_| noise()));
    let labels = (0..batch).map(|i| (i % classes.max(1)) as u32).collect();
    Ok((pixels, labels))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_lie_between_their_neighbours() {
        let sorted = [1.0, 2.0, 4.0];
        assert_eq!(
            [0.0, 0.25, 0.5, 0.75, 1.0].map(|q| quantile(&sorted, q)),
            [1.0, 1.5, 2.0, 3.0, 4.0]
        );
        assert_eq!(quantile(&[3.0], 0.95), 3.0);
    }

    #[test]
    fn a_small_network_is_timed_and_takes_no_memory_when_warm() {
        let options = Options {
            model: "resnet-tiny".into(),
            batch: 4,
            image: [8, 8, 1],
            classes: 10,
            iterations: 3,
            // In the first step a request may borrow a larger block of the pool, which the second
            // step then finds missing where it was needed.
            warmup: 3,
            device: "cpu".into(),
            threads: 1,
        };
        let report = run(&options).unwrap();
        assert!(report.train.p5_ms > 0.0 && report.train.p5_ms <= report.train.median_ms);
        assert!(report.train.median_ms <= report.train.p95_ms);
        assert_eq!(report.memory.fresh_allocations_after_first_epoch, Some(0));
        assert!(report.memory.peak_tensor_bytes > 0);
        let unknown = Options { model: "resnet21".into(), ..options };
        assert!(run(&unknown).unwrap_err().to_string().contains("resnet20"));
    }

    #[test]
    fn sizes_that_cannot_be_are_told_by_their_argument() {
        let options = Options {
            model: "resnet-tiny".into(),
            batch: 1,
            image: [8, 8, 1],
            classes: 10,
            iterations: 1,
            warmup: 1,
            device: "cpu".into(),
            threads: 1,
        };
        let cases = [
            (
                Options { batch: 0, ..options.clone() },
                "--batch 0 is not possible: it must be 1 to 65,536",
            ),
            (Options { batch: usize::MAX, ..options.clone() }, "--batch 18446744073709551615"),
            (Options { iterations: 1 << 60, ..options.clone() }, "it must be 1 to 1,000,000"),
            (Options { warmup: 1 << 60, ..options.clone() }, "it must be 0 to 1,000,000"),
        ];
        for (options, says) in cases {
            let error = run(&options).unwrap_err();
            assert!(matches!(error, Error::Usage(_)) && error.exit_code() == 2, "{error}");
            assert!(error.to_string().contains(says), "{error}");
        }
        for image in [[usize::MAX, 2, 1], [1 << 30, 1 << 30, 1]] {
            let error = synthetic(1 << 16, image, 10);
            assert!(error.unwrap_err().to_string().contains("use a smaller batch"));
        }
    }
}
