//! `bench`: times training and inference steps, alone or against PyTorch.

use std::process::ExitCode;

use lowland_lab::Result;
use lowland_lab::against::{self, Comparison};
use lowland_lab::bench::{self, Options, Timing};
use lowland_lab::console::{Align, Console, Table, counted, grouped, mebibytes};

use crate::args::Bench;

/// The images of CIFAR-10, for which the networks were made.
const IMAGE: [usize; 3] = [32, 32, 3];
const CLASSES: usize = 10;

pub fn bench(arguments: &Bench) -> Result<ExitCode> {
    let console = Console::new(arguments.json);
    if arguments.against.is_some() {
        return compare(arguments, &console);
    }
    let report = bench::run(&Options {
        model: arguments.model.clone(),
        batch: arguments.batch,
        image: IMAGE,
        classes: CLASSES,
        iterations: arguments.iterations,
        warmup: arguments.warmup,
        device: arguments.device.device.clone(),
        threads: arguments.device.threads(),
    })?;
    console.emit(&report);
    if console.is_json() {
        return Ok(ExitCode::SUCCESS);
    }
    let [n, h, w, c] = report.batch;
    console.say(&format!(
        "{} with {} parameters, {:.1} million multiply-adds an image; batches of {n} images of \
         {h}x{w}x{c}; {} with {}, {}",
        report.model,
        grouped(report.parameters),
        report.multiply_adds as f64 / 1e6,
        report.device,
        counted(report.threads, "thread", "threads"),
        report.cpu
    ));
    let mut table = Table::new(&[
        ("step", Align::Left),
        ("median", Align::Right),
        ("5 %", Align::Right),
        ("95 %", Align::Right),
        ("images/s", Align::Right),
    ]);
    for (name, Timing { median_ms, p5_ms, p95_ms, images_per_s }) in
        [("training", report.train), ("inference", report.inference)]
    {
        let ms = |value: f64| format!("{value:.2} ms");
        table.row([
            name.into(),
            ms(median_ms),
            ms(p5_ms),
            ms(p95_ms),
            format!("{images_per_s:.0}"),
        ]);
    }
    console.say(&format!("{table}"));
    let memory = report.memory;
    console.say(&format!(
        "{} steps of each; {} in tensors at most, {} resident at most, {} allocations of tensor memory \
         in timed steps",
        report.iterations,
        mebibytes(memory.peak_tensor_bytes as u64),
        memory.peak_resident_bytes.map_or("an unknown amount".into(), mebibytes),
        memory.fresh_allocations_after_first_epoch.map_or("unknown".into(), |n| n.to_string())
    ));
    Ok(ExitCode::SUCCESS)
}

fn compare(arguments: &Bench, console: &Console) -> Result<ExitCode> {
    let options = against::Options {
        python: std::env::var("PYTHON").unwrap_or_else(|_| "python3".into()),
        batch: arguments.batch,
        pairs: arguments.iterations,
        threads: arguments.device.threads(),
    };
    against::run(&options, &arguments.only, &mut |comparison| {
        console.emit(comparison);
        let Comparison { case, threads, ratio, ratio_p5, ratio_p95, ours_ms, theirs_ms, peer } =
            comparison;
        let threads = counted(*threads, "thread", "threads");
        console.say(&format!(
            "{case:34}  {threads}  {ratio:.2}x  [{ratio_p5:.2}-{ratio_p95:.2}]  \
             {ours_ms:.1} ms, {peer} {theirs_ms:.1} ms"
        ));
    })?;
    Ok(ExitCode::SUCCESS)
}
