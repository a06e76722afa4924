//! The devices that experiments run on: a new backend is one line here.

use std::sync::Arc;

use lowland_cpu::{Cpu, Isa};
use lowland_tensor::Device;

use crate::{Error, Result};

/// A device, and what it turned out to be.
#[derive(Clone, Debug)]
pub struct Opened {
    /// The device.
    pub device: Device,
    /// The host threads that it works on: fewer than asked for, where the system refused to start
    /// them.
    pub threads: usize,
    /// The instruction set of its kernels, on which the bits of results may depend.
    pub instruction_set: &'static str,
}

/// Opens a device with so many host threads.
type Open = fn(threads: usize) -> Result<Opened>;

const DEVICES: &[(&str, Open)] = &[("cpu", open_cpu)];

/// The CPU, by the kernels that `LOWLAND_CPU_ISA` names, or the fastest.
fn open_cpu(threads: usize) -> Result<Opened> {
    let cpu = Cpu::with_isa(threads, Isa::from_env()?)?;
    let (threads, instruction_set) = (cpu.threads(), cpu.isa().name());
    Ok(Opened { device: Arc::new(cpu), threads, instruction_set })
}

/// The names of all devices.
pub fn names() -> impl Iterator<Item = &'static str> {
    DEVICES.iter().map(|(name, _)| *name)
}

/// The device of that name.
///
/// # Errors
/// [`Error::Usage`] where there is none, or where `threads` is 0 or more than 1024; whatever the
/// device says, such as of an instruction set that it lacks.
pub fn open(name: &str, threads: usize) -> Result<Opened> {
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
