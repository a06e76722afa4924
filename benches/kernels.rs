//! Every kind of op, every optimizer, a batch of the loader and whole steps, in small and on one
//! thread, for `cargo xtask guard` to count the instructions of.
//!
//! Each piece of work is done once to warm up, and once more in [`counted`], whose name tells
//! callgrind what to count. Its name is printed before. AVX2 does the work: callgrind knows no AVX-512.

use std::error::Error;
use std::hint::black_box;
use std::sync::Arc;

use lowland_benches::{Bound, FlatOptimizer, Network, images, methods, ops};
use lowland_core::Backend;
use lowland_cpu::{Cpu, Isa};
use lowland_data::{ChannelStats, Loader, LoaderConfig};

const BATCH: usize = 4;

/// An op to run with the portable kernels too.
const PORTABLE: &str = "conv_16to16_32px_forward";

type Outcome = Result<(), Box<dyn Error>>;

fn main() -> Outcome {
    let device: Arc<dyn Backend> = Arc::new(Cpu::with_isa(1, Isa::Avx2)?);
    for (name, op) in ops(BATCH)? {
        let bound = Bound::new(&*device, &op)?;
        count(&name, || Ok(bound.run(&*device)?))?;
        if name == PORTABLE {
            let portable = Cpu::with_isa(1, Isa::Portable)?;
            let bound = Bound::new(&portable, &op)?;
            count(&format!("{name}_portable"), || Ok(bound.run(&portable)?))?;
        }
    }
    for (name, method) in methods() {
        let mut optimizer = FlatOptimizer::new(&device, method, 1 << 14)?;
        count(&format!("{name}_step_of_16384"), || Ok(optimizer.step()?))?;
    }
    let loader = loader()?;
    count("loader_batch_of_32", || {
        for batch in loader.epoch(0) {
            black_box(batch?.images());
        }
        Ok(())
    })?;
    let mut network = Network::new("resnet20", 2, &device)?;
    count("resnet20_train_2_images", || Ok(network.train()?))?;
    count("resnet20_infer_2_images", || {
        black_box(network.infer()?);
        Ok(())
    })
}

/// A loader of one batch: crop, flip and normalise, in the calling thread.
fn loader() -> Result<Loader, lowland_data::Error> {
    const IMAGES: usize = 32;
    let training = LoaderConfig::training(IMAGES, ChannelStats::cifar10(), 1);
    Loader::new(images(IMAGES)?, LoaderConfig { workers: 0, ..training })
}

fn count(name: &str, mut work: impl FnMut() -> Outcome) -> Outcome {
    work()?;
    println!("{name}");
    counted(&mut work)
}

/// Does the work. Neither inlined nor left by a jump, so that callgrind sees it begin and end.
#[inline(never)]
fn counted(work: &mut dyn FnMut() -> Outcome) -> Outcome {
    let outcome = work();
    black_box(&outcome);
    outcome
}
