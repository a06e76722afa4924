//! The driver.
//!
//! Unsafe, because launching a kernel lets it read and write what its arguments point to.
#![allow(unsafe_code)]

use std::collections::HashMap;
use std::sync::Arc;

use lowland_core::op::Conv2d;
use lowland_core::{Error, Result};
use lowland_cuda::driver::{Address, Convolve, Driver, Kernel, Multiply, RawArgs, Unit};

use crate::compile::Program;
use crate::library;
use crate::memory::Memory;
use crate::module::{Entry, Module};
use crate::{Order, Sanitizer};

/// What the device is called.
pub(crate) const NAME: &str = "shim";

/// A device that is this computer: kernels are compiled by its C++ compiler and run one thread at a
/// time.
///
/// Everything has happened when a call returns. Under a sanitizer
/// ([`sanitized`](crate::sanitized)) kernels are compiled with it.
#[derive(Debug)]
pub struct Shim {
    memory: Memory,
    order: Order,
    multiprocessors: u32,
    sources: HashMap<String, String>,
}

impl Default for Shim {
    fn default() -> Self {
        Self::new()
    }
}

impl Shim {
    /// A device of two multiprocessors, so that launches of many elements take several rounds, with
    /// threads in forward order.
    #[must_use]
    pub fn new() -> Self {
        let (memory, sources) = (Memory::new(), HashMap::new());
        Shim { memory, order: Order::Forward, multiprocessors: 2, sources }
    }

    /// The same with another order of threads and blocks.
    #[must_use]
    pub fn order(mut self, order: Order) -> Self {
        self.order = order;
        self
    }

    /// The same with more or fewer multiprocessors.
    #[must_use]
    pub fn multiprocessors(mut self, multiprocessors: u32) -> Self {
        self.multiprocessors = multiprocessors;
        self
    }

    /// The same with another text for a file of `lowland-kernels`: to see whether a mistake in it
    /// is found.
    #[must_use]
    pub fn source(mut self, name: impl Into<String>, text: impl Into<String>) -> Self {
        self.sources.insert(name.into(), text.into());
        self
    }

    /// The text of a file.
    fn text(&self, name: &str) -> Option<String> {
        let known = || lowland_kernels::source(name).map(|source| source.text.to_string());
        self.sources.get(name).cloned().or_else(known)
    }
}

impl Driver for Shim {
    fn name(&self) -> &str {
        NAME
    }

    fn allocate(&self, bytes: usize) -> Option<Address> {
        self.memory.allocate(bytes)
    }

    fn free(&self, address: Address, _bytes: usize) {
        self.memory.free(address);
    }

    fn lend(&self, address: Address, _capacity: usize, bytes: usize) {
        self.memory.use_only(address, bytes);
    }

    fn upload(&self, from: &[u8], to: Address) -> Result<()> {
        self.memory.upload(from, to)
    }

    fn download(&self, from: Address, to: &mut [u8]) -> Result<()> {
        self.memory.download(from, to)
    }

    fn copy(&self, from: Address, to: Address, bytes: usize) -> Result<()> {
        self.memory.copy(from, to, bytes)
    }

    fn kernel(&self, unit: &Unit, name: &str, args_bytes: usize) -> Result<Kernel> {
        let program = Program::new(unit, |name| self.text(name), Sanitizer::current());
        let module = Module::load(program.library()?)?;
        let entry = module.entry(&unit.name, name, args_bytes)?;
        Ok(Kernel { name: name.into(), handle: Arc::new(entry) })
    }

    fn launch(&self, kernel: &Kernel, blocks: u32, args: RawArgs<'_>) -> Result<()> {
        let foreign = || Error::device(NAME, format!("`{}` is of another driver", kernel.name));
        let entry = kernel.handle.downcast_ref::<Entry>().ok_or_else(foreign)?;
        // SAFETY: `RawArgs` points to that many bytes, of the struct that the kernel was found with.
        // What a kernel does outside the memory of its operands is what this device looks for.
        unsafe { entry.launch(blocks, self.order, args.pointer(), args.bytes()) }?;
        self.memory
            .check_guards()
            .map_err(|damage| Error::device(NAME, format!("kernel `{}`, {damage}", kernel.name)))
    }

    fn convolve(&self, conv: &Conv2d, what: Convolve, _workspace: Address) -> Result<()> {
        library::convolve(&self.memory, conv, what)
    }

    fn multiply(&self, product: &Multiply) -> Result<()> {
        library::multiply(&self.memory, product)
    }

    fn multiprocessors(&self) -> u32 {
        self.multiprocessors
    }

    fn sync(&self) -> Result<()> {
        self.memory.check_guards().map_err(|damage| Error::device(NAME, damage))
    }
}
