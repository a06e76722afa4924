//! Measures the convolutions of ResNet-20 and ResNet-18 on CIFAR images, all three passes, in
//! GFLOP/s (a multiply-add is two, padding counted): the best of many runs, and the median.
//!
//! `cargo run --release -p lowland-cpu --example conv_speed [THREADS [BATCH [RUNS [NAME]]]]`, by
//! default 2 threads, 128 images and 30 runs of every shape, or of those whose name contains NAME.
//! `LOWLAND_CPU_ISA` chooses the instruction set.

use std::time::Instant;

use lowland_core::op::{Conv2d, Op};
use lowland_core::{Backend, Error, Result, Shape};
use lowland_cpu::{Cpu, Isa};

/// Name, extent of the square image, input and output channels, kernel, stride.
const SHAPES: [(&str, usize, [usize; 2], usize, usize); 18] = [
    ("resnet20 3->16", 32, [3, 16], 3, 1),
    ("resnet20 16->16", 32, [16, 16], 3, 1),
    ("resnet20 16->32 /2", 32, [16, 32], 3, 2),
    ("resnet20 32->32", 16, [32, 32], 3, 1),
    ("resnet20 32->64 /2", 16, [32, 64], 3, 2),
    ("resnet20 64->64", 8, [64, 64], 3, 1),
    ("1x1 16->32 /2", 32, [16, 32], 1, 2),
    ("1x1 32->64 /2", 16, [32, 64], 1, 2),
    ("resnet18 3->64", 32, [3, 64], 3, 1),
    ("resnet18 64->64", 32, [64, 64], 3, 1),
    ("resnet18 64->128 /2", 32, [64, 128], 3, 2),
    ("resnet18 128->128", 16, [128, 128], 3, 1),
    ("resnet18 128->256 /2", 16, [128, 256], 3, 2),
    ("resnet18 256->256", 8, [256, 256], 3, 1),
    ("resnet18 256->512 /2", 8, [256, 512], 3, 2),
    ("resnet18 512->512", 4, [512, 512], 3, 1),
    ("1x1 64->128 /2", 32, [64, 128], 1, 2),
    ("1x1 256->512 /2", 8, [256, 512], 1, 2),
];

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |i: usize, default: usize| match arguments.get(i) {
        None => Ok(default),
        Some(text) => {
            text.parse().map_err(|_| Error::invalid("conv_speed", format!("{text}: not a number")))
        }
    };
    let (threads, batch, runs) = (number(0, 2)?, number(1, 128)?, number(2, 30)?);
    let name_contains = arguments.get(3).map_or("", String::as_str);
    let cpu = Cpu::with_isa(threads, Isa::from_env()?)?;
    println!("{:?}, {threads} threads, batch {batch}; GFLOP/s, best (median)", cpu.isa());
    println!("{:<22}{:>14}{:>14}{:>14}", "", "forward", "grad input", "grad weight");
    for (name, extent, [inputs, outputs], kernel, stride) in SHAPES {
        if !name.contains(name_contains) {
            continue;
        }
        let x = Shape::from([batch, extent, extent, inputs]);
        let w = Shape::from([outputs, inputs, kernel, kernel]);
        let conv = Conv2d::new(x, w, [stride; 2], [(kernel - 1) / 2; 2], 1)?;
        print!("{name:<22}");
        for op in [Op::Conv2d(conv), Op::Conv2dGradInput(conv), Op::Conv2dGradWeight(conv)] {
            let mut rates = rates(&cpu, &op, conv.multiply_adds(), runs.max(1))?;
            rates.sort_by(f64::total_cmp);
            print!("{:>8.0} ({:>3.0})", rates[rates.len() - 1], rates[rates.len() / 2]);
        }
        println!();
    }
    Ok(())
}

/// GFLOP/s of each run, after one to warm up.
fn rates(backend: &dyn Backend, op: &Op, multiply_adds: usize, runs: usize) -> Result<Vec<f64>> {
    let operands = op.operands();
    let buffer = |len: usize| {
        let numbers: Vec<f32> = (0..len).map(|i| (i * 7919 % 1000) as f32 / 500.0 - 1.0).collect();
        backend.buffer_from(&numbers)
    };
    let inputs: Vec<_> = operands.inputs.iter().map(|o| buffer(o.len)).collect::<Result<_>>()?;
    let outputs: Vec<_> = operands.outputs.iter().map(|o| buffer(o.len)).collect::<Result<_>>()?;
    let (inputs, outputs): (Vec<_>, Vec<_>) = (inputs.iter().collect(), outputs.iter().collect());
    let run = || -> Result<f64> {
        let start = Instant::now();
        backend.run(op, &inputs, &outputs)?;
        backend.sync()?;
        Ok(2e-9 * multiply_adds as f64 / start.elapsed().as_secs_f64())
    };
    run()?;
    (0..runs).map(|_| run()).collect()
}
