//! The memory behind a buffer.

use std::sync::Arc;

use lowland_core::{Result, Storage};

use crate::memory::Block;
use crate::pool::Pool;

/// A block of a pool, which goes back when the last buffer that shares it is dropped.
#[derive(Debug)]
pub(crate) struct CpuStorage {
    /// `Some` until it is dropped.
    block: Option<Block>,
    pool: Arc<Pool>,
}

impl CpuStorage {
    /// # Errors
    /// As [`Pool::take`].
    pub(crate) fn new(pool: &Arc<Pool>, bytes: usize) -> Result<Self> {
        Ok(CpuStorage { block: Some(pool.take(bytes)?), pool: Arc::clone(pool) })
    }

    /// The memory, where it is from this pool.
    pub(crate) fn block_of(&self, pool: &Arc<Pool>) -> Option<&Block> {
        self.block.as_ref().filter(|_| Arc::ptr_eq(&self.pool, pool))
    }
}

impl Storage for CpuStorage {}

impl Drop for CpuStorage {
    fn drop(&mut self) {
        if let Some(block) = self.block.take() {
            self.pool.give(block);
        }
    }
}
