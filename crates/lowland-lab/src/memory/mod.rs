//! The memory that a run will need, worked out before it begins, and refused where it is not there.

mod available;
mod counting;

use std::sync::Arc;

use lowland_core::{Backend, Clock, DType, Error as CoreError, Shape};
use lowland_tensor::{Device, Tensor};

pub(crate) use available::available_bytes;
use counting::Counting;

use crate::Result;
use crate::console::grouped;
use crate::device::{Opened, TensorMemory};
use crate::plan::{Plan, in_model};
use crate::trainer::Trainer;

/// The fewest images of a step that every network can learn from: batch norm needs two values a channel.
const LEAST_BATCH: usize = 2;

/// The images of a run, as far as its memory depends on them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    /// H, W, C of an image.
    pub(crate) image: [usize; 3],
    /// The number of classes.
    pub(crate) classes: usize,
    /// Images of the largest batch that is trained on.
    pub(crate) training: usize,
    /// Images of the largest batch that is scored.
    pub(crate) scored: usize,
    /// Bytes of the batches that wait on the host.
    pub(crate) waiting_bytes: u64,
}

impl Sizes {
    /// The same run with batches of at most so many images.
    fn with_batches_of(&self, images: usize) -> Sizes {
        let (training, scored) = (self.training.min(images), self.scored.min(images));
        let part = images as f64 / self.training.max(self.scored).max(1) as f64;
        let waiting_bytes = (self.waiting_bytes as f64 * part.min(1.0)) as u64;
        Sizes { training, scored, waiting_bytes, ..*self }
    }
}

/// What a run needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Need {
    /// The most bytes in tensors that are alive together.
    pub(crate) tensor_bytes: usize,
    /// The bytes that the device's pool will hold for them.
    pub(crate) held_bytes: usize,
}

/// Works out what a run needs, and refuses it where `host`, the bytes that the host can give, or the
/// device's own memory, cannot hold that. What is not known of either refuses nothing.
///
/// # Errors
/// [`Error::Config`](crate::Error::Config) with what is needed, what there is, and what would fit.
pub(crate) fn check(
    plan: &Plan,
    sizes: &Sizes,
    opened: &Opened,
    host: Option<u64>,
) -> Result<Need> {
    let available = match opened.memory {
        TensorMemory::Host => host,
        TensorMemory::Own(free) => free,
    };
    // Parameters and their gradients are arenas of one size, and both must be there.
    let largest_arena = available.map(|bytes| usize::try_from(bytes / 2).unwrap_or(usize::MAX));
    let demand = |sizes: &Sizes| -> Result<(Need, u64)> {
        let need = need(plan, sizes, &opened.device, largest_arena)?;
        Ok(match opened.memory {
            TensorMemory::Host => (need, need.held_bytes as u64 + sizes.waiting_bytes),
            TensorMemory::Own(_) => (need, need.tensor_bytes as u64),
        })
    };
    let (need, wanted) = demand(sizes)?;
    let Some(available) = available.filter(|available| wanted > *available) else {
        return Ok(need);
    };
    let batch = sizes.training.max(sizes.scored);
    let (_, least) = demand(&sizes.with_batches_of(LEAST_BATCH))?;
    let there_are =
        format!("{} of memory, of which there are {}", readable(wanted), readable(available));
    if least > available || batch <= LEAST_BATCH {
        let problem = format!("the network needs too much memory: {there_are}");
        return Err(plan.file().error("model", problem, "choose smaller widths or fewer blocks"));
    }
    // What is needed grows with the batch almost in a straight line.
    let part = (available - least) as f64 / (wanted - least) as f64;
    let fitting = LEAST_BATCH + (part * (batch - LEAST_BATCH) as f64) as usize;
    let allowed = format!(
        "batches of {} images would take {there_are}; about {} would fit, or choose a narrower network",
        grouped(batch),
        grouped(fitting)
    );
    Err(plan.file().impossible("train.batch_size", plan.config().train.batch_size, &allowed))
}

/// Counts what the network, its optimizer, a training step and the scoring of a batch take on a device,
/// which is asked what it supports and for nothing else.
///
/// # Errors
/// Mistakes of the config that only show when the network is built; [`Error::Config`](crate::Error::Config) where a single
/// arena would be larger than `limit`.
fn need(plan: &Plan, sizes: &Sizes, device: &Device, limit: Option<usize>) -> Result<Need> {
    let counting = Arc::new(Counting::new(device.clone()));
    let device: Device = counting.clone();
    let Sizes { image, classes, training, scored, .. } = *sizes;
    // Initial values are drawn on the host, for which there must be room.
    counting.limit(limit);
    let model = plan.model().build(image, classes, &device, DType::F32, plan.config().seed);
    let model = model.map_err(|error| in_model(plan.file(), error))?;
    counting.limit(None);
    let mut trainer = Trainer::of_plan(plan, model)?;
    let batch = |images: usize| -> Result<(Tensor, Tensor), CoreError> {
        let [h, w, c] = image;
        let pixels = Shape::new(&[images, h, w, c]);
        let labels = Shape::new(&[images]);
        let tensor = |shape: Shape, dtype| {
            Tensor::from_buffer(&device, shape, device.allocate(shape.len(), dtype)?)
        };
        Ok((tensor(pixels, DType::F32)?, tensor(labels, DType::U32)?))
    };
    // What the pool hands out depends on what it was given back before.
    for step in 1..=3 {
        let (images, labels) = batch(training)?;
        trainer.step_on(images, labels, &[], &Clock::at_step(step, 0.0))?;
        let (images, labels) = batch(scored)?;
        trainer.evaluate_on(images, labels, &[])?;
    }
    let stats = counting.memory();
    Ok(Need { tensor_bytes: stats.peak_bytes_in_use, held_bytes: stats.bytes_held })
}

/// Bytes in the largest unit that there is one of.
fn readable(bytes: u64) -> String {
    let units = ["bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    match bytes.checked_ilog2().unwrap_or(0) / 10 {
        0 => format!("{bytes} bytes"),
        unit => format!("{:.1} {}", bytes as f64 / 1024f64.powi(unit as i32), units[unit as usize]),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Instant;

    use super::*;
    use crate::config::ConfigFile;
    use crate::{Error, device};

    const TEXT: &str = "data.dataset = \"digits\"\nmodel.name = \"resnet-tiny\"\n\
                        train.batch_size = 100000\noptimizer = { learning_rate = 0.1, sgd = {} }\n";

    const GIB: u64 = 1 << 30;

    /// What is said of a run on so many images of 512x512 where there is so much memory.
    fn checked(images: usize, memory: TensorMemory, host: Option<u64>) -> Result<Need> {
        let file = ConfigFile::parse("a.toml", TEXT, &[])?;
        let plan = Plan::new(file, Path::new(""))?;
        let opened = Opened { memory, ..device::open("cpu", 1)? };
        let sizes = Sizes {
            image: [512, 512, 3],
            classes: 10,
            training: images,
            scored: images / 2,
            waiting_bytes: 3 * GIB,
        };
        check(&plan, &sizes, &opened, host)
    }

    #[test]
    fn bytes_are_readable() {
        let bytes = [0, 1023, 1024, 3 << 19, 16 << 30, 10 << 40, u64::MAX].map(readable);
        let want =
            ["0 bytes", "1023 bytes", "1.0 KiB", "1.5 MiB", "16.0 GiB", "10.0 TiB", "16.0 EiB"];
        assert_eq!(bytes, want);
    }

    #[test]
    fn terabytes_are_refused_at_once_and_what_fits_is_told() {
        let began = Instant::now();
        let error = checked(100_000, TensorMemory::Host, Some(16 * GIB)).unwrap_err();
        assert!(began.elapsed().as_secs_f64() < 1.0);
        assert_eq!(error.exit_code(), 2);
        let Error::Config(mistake) = &error else { panic!("{error}") };
        assert_eq!(mistake.field(), "train.batch_size");
        let needed = checked(100_000, TensorMemory::Host, None).unwrap();
        assert!(needed.tensor_bytes > 10 << 40, "{needed:?}");
        let total = needed.held_bytes as u64 + 3 * GIB;
        let says = format!(
            "100000 is not possible; batches of 100,000 images would take {} of memory, of which there \
             are 16.0 GiB; about ",
            readable(total)
        );
        let message = error.to_string();
        assert!(message.contains(&says), "{message}");
        // What is said to fit does, and little more.
        let fitting = message.split("about ").nth(1).unwrap().split(' ').next().unwrap();
        let fitting: usize = fitting.replace(',', "").parse().unwrap();
        let at = |images: usize| {
            let part = images as f64 / 100_000.0;
            let need = checked(images, TensorMemory::Host, None).unwrap().held_bytes as f64;
            (need + 3.0 * GIB as f64 * part) / (16 * GIB) as f64
        };
        assert!(at(fitting) < 1.05 && at(fitting * 5 / 4) > 1.0, "{fitting}: {}", at(fitting));
    }

    #[test]
    fn a_network_too_large_for_any_batch_is_told_apart() {
        for (images, bytes) in [(100_000, 40 << 20), (100_000, 1000), (2, 1 << 20)] {
            let error = checked(images, TensorMemory::Host, Some(bytes)).unwrap_err();
            let Error::Config(mistake) = &error else { panic!("{error}") };
            assert_eq!(mistake.field(), "model", "{error}");
            assert!(error.to_string().contains("the network needs too much memory: "), "{error}");
        }
    }

    #[test]
    fn memory_of_the_device_is_its_own_and_what_is_unknown_refuses_nothing() {
        checked(1000, TensorMemory::Host, None).unwrap();
        checked(1000, TensorMemory::Own(None), Some(1)).unwrap();
        let need = checked(1000, TensorMemory::Own(Some(1 << 50)), Some(1)).unwrap();
        let bytes = need.tensor_bytes as u64;
        assert_eq!(checked(1000, TensorMemory::Own(Some(bytes)), None).unwrap(), need);
        let error = checked(1000, TensorMemory::Own(Some(bytes - 1)), None).unwrap_err();
        assert!(error.to_string().contains("`train.batch_size`"), "{error}");
    }
}
