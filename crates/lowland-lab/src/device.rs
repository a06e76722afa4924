//! The devices that experiments run on: a new backend is one line here.

use std::sync::Arc;

use lowland_cpu::Cpu;
use lowland_tensor::Device;

use crate::{Error, Result};

/// Opens a device with so many host threads.
type Open = fn(threads: usize) -> Result<Device>;

const DEVICES: &[(&str, Open)] = &[("cpu", |threads| Ok(Arc::new(Cpu::new(threads))))];

/// The names of all devices.
pub fn names() -> impl Iterator<Item = &'static str> {
    DEVICES.iter().map(|(name, _)| *name)
}

/// The device of that name.
///
/// # Errors
/// [`Error::Usage`] where there is none, or where `threads` is 0 or more than 1024.
pub fn open(name: &str, threads: usize) -> Result<Device> {
    if !(1..=1024).contains(&threads) {
        return Err(Error::Usage(format!("{threads} threads are not possible: give 1 to 1024")));
    }
    match DEVICES.iter().find(|(known, _)| *known == name) {
        Some((_, open)) => open(threads),
        None => {
            let names: Vec<&str> = names().collect();
            let names = names.join(", ");
            Err(Error::Usage(format!("there is no device `{name}`; there are: {names}")))
        }
    }
}
