//! Device memory behind buffers.

use std::sync::Arc;

use lowland_core::{Error, Result, Storage, pool};

use crate::driver::{Address, Driver};

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
        let block = self.blocks.take(self.driver.name(), bytes, fresh)?;
        self.driver.lend(block.address, block.bytes, bytes);
        Ok(DeviceMemory { block: Some(block), pool: Arc::clone(self) })
    }
}

/// A block of a pool, which goes back when the last buffer that shares it is dropped.
#[derive(Debug)]
pub(crate) struct DeviceMemory {
    /// `Some` until it is dropped.
    block: Option<Block>,
    pool: Arc<Pool>,
}

impl DeviceMemory {
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
