//! Device memory behind buffers.

use std::sync::Arc;

use lowland_core::{Error, Result, Storage, pool};

use crate::driver::{Address, Driver};
use crate::labels::Labels;

/// A piece of device memory, which goes back to the driver when it is dropped.
#[derive(Debug)]
pub(crate) struct Block {
    driver: Arc<dyn Driver>,
    address: Address,
    bytes: usize,
}

impl Drop for Block {
    fn drop(&mut self) {
        self.driver.free(self.address, self.bytes);
    }
}

impl pool::Block for Block {
    fn bytes(&self) -> usize {
        self.bytes
    }
}

/// The device memory of one backend, recycled.
#[derive(Debug)]
pub(crate) struct Pool {
    driver: Arc<dyn Driver>,
    blocks: pool::Pool<Block>,
}

impl Pool {
    pub(crate) fn new(driver: Arc<dyn Driver>) -> Self {
        Pool { driver, blocks: pool::Pool::default() }
    }

    pub(crate) fn driver(&self) -> &Arc<dyn Driver> {
        &self.driver
    }

    pub(crate) fn stats(&self) -> lowland_core::MemoryStats {
        self.blocks.stats()
    }

    /// Memory of at least so many bytes with unspecified contents. Work that was handed over before
    /// may still use it; what is handed over next comes after that.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    pub(crate) fn take(self: &Arc<Self>, bytes: usize) -> Result<DeviceMemory> {
        let fresh = |bytes| {
            let address = self.driver.allocate(bytes)?;
            Some(Block { driver: Arc::clone(&self.driver), address, bytes })
        };
        let block = self.blocks.take(self.driver.name(), bytes, fresh);
        let block = block.map_err(|error| match self.driver.sync() {
            // The device has failed before, and gives no memory for that reason.
            Err(failure) => failure,
            Ok(()) => out_of_memory(error, self.driver.free_memory()),
        })?;
        self.driver.lend(block.address, block.bytes, bytes);
        let (block, labels) = (Some(block), Labels::default());
        Ok(DeviceMemory { block, pool: Arc::clone(self), labels })
    }
}

/// [`Error::OutOfMemory`] with what the device says of its memory.
fn out_of_memory(error: Error, memory: Option<(usize, usize)>) -> Error {
    let gib = |bytes: usize| bytes as f64 / f64::from(1 << 30);
    match (error, memory) {
        (Error::OutOfMemory { backend, bytes }, Some((free, total))) => {
            let (free, total) = (gib(free), gib(total));
            let backend = format!("{backend} ({free:.1} of {total:.1} GiB free)");
            Error::OutOfMemory { backend, bytes }
        }
        (error, _) => error,
    }
}

/// A block of a pool, which goes back when the last buffer that shares it is dropped.
#[derive(Debug)]
pub(crate) struct DeviceMemory {
    /// `Some` until it is dropped.
    block: Option<Block>,
    pool: Arc<Pool>,
    /// What was uploaded, where it is labels.
    pub(crate) labels: Labels,
}

impl DeviceMemory {
    /// The address of the first byte.
    pub(crate) fn address(&self) -> Address {
        self.block.as_ref().map_or(Address::default(), |block| block.address)
    }

    /// The address of the first byte, where the memory is from this pool.
    pub(crate) fn address_in(&self, pool: &Arc<Pool>) -> Option<Address> {
        let block = self.block.as_ref().filter(|_| Arc::ptr_eq(&self.pool, pool));
        block.map(|block| block.address)
    }
}

impl Storage for DeviceMemory {}

impl Drop for DeviceMemory {
    fn drop(&mut self) {
        if let Some(block) = self.block.take() {
            self.pool.driver.lend(block.address, block.bytes, 0);
            self.pool.blocks.give(block);
        }
    }
}

/// The address of a buffer's first element.
///
/// # Errors
/// [`Error::ForeignBuffer`], in the name of `op`.
pub(crate) fn address(
    op: &'static str,
    pool: &Arc<Pool>,
    buffer: &lowland_core::Buffer,
) -> Result<Address> {
    let memory = buffer.storage::<DeviceMemory>();
    let start = memory.and_then(|memory| memory.address_in(pool));
    let start = start
        .ok_or_else(|| Error::ForeignBuffer { op, backend: pool.driver.name().to_string() })?;
    Ok(start.offset(buffer.offset() * buffer.dtype().size()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn running_out_of_memory_says_how_much_there_is() {
        let error = || Error::OutOfMemory { backend: "cuda:0".into(), bytes: 1 << 33 };
        assert_eq!(
            out_of_memory(error(), Some((3 << 29, 80 << 30))).to_string(),
            "the cuda:0 (1.5 of 80.0 GiB free) backend cannot allocate 8589934592 bytes; use a smaller \
             batch or model"
        );
        assert_eq!(out_of_memory(error(), None).to_string(), error().to_string());
    }
}
