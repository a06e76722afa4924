//! The pool of this machine's memory.

use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::sync::Mutex;

use lowland_core::{MemoryStats, Result, pool};

use crate::NAME;
use crate::memory::{Block, Plain};

/// Blocks of memory, recycled.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    blocks: pool::Pool<Block>,
    /// Whose turn it is to look into the storages of this pool, see [`crate::access`].
    pub(crate) turn: Mutex<()>,
}

impl Pool {
    /// A block of at least `bytes` bytes with unspecified contents.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](lowland_core::Error::OutOfMemory).
    pub(crate) fn take(&self, bytes: usize) -> Result<Block> {
        self.blocks.take(NAME, bytes, Block::zeroed)
    }

    /// Takes a block of this pool back.
    pub(crate) fn give(&self, block: Block) {
        self.blocks.give(block);
    }

    /// `len` elements with unspecified contents, for the time of an op.
    ///
    /// # Errors
    /// As [`Pool::take`].
    pub(crate) fn scratch<T: Plain>(&self, len: usize) -> Result<Scratch<'_, T>> {
        let block = self.take(len.saturating_mul(size_of::<T>()))?;
        Ok(Scratch { block: Some(block), pool: self, len, of: PhantomData })
    }

    pub(crate) fn stats(&self) -> MemoryStats {
        self.blocks.stats()
    }
}

impl pool::Block for Block {
    fn bytes(&self) -> usize {
        self.size()
    }
}

/// A slice of pool memory that goes back when it is dropped.
#[derive(Debug)]
pub(crate) struct Scratch<'a, T> {
    /// `Some` until it is dropped.
    block: Option<Block>,
    pool: &'a Pool,
    len: usize,
    of: PhantomData<T>,
}

impl<T: Plain> Deref for Scratch<'_, T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        self.block.as_ref().map_or(&[], |block| block.slice(self.len))
    }
}

impl<T: Plain> DerefMut for Scratch<'_, T> {
    fn deref_mut(&mut self) -> &mut [T] {
        self.block.as_mut().map_or(&mut [], |block| block.slice_mut(self.len))
    }
}

impl<T> Drop for Scratch<'_, T> {
    fn drop(&mut self) {
        if let Some(block) = self.block.take() {
            self.pool.give(block);
        }
    }
}

#[cfg(test)]
mod tests {
    use lowland_core::Error;

    use super::*;

    #[test]
    fn scratch_memory_is_as_long_as_asked_for_and_goes_back() {
        let pool = Pool::default();
        pool.give(pool.take(1000).unwrap());
        let mut scratch = pool.scratch::<f64>(120).unwrap();
        assert_eq!(scratch.len(), 120);
        scratch[119] = 1.0;
        assert_eq!(pool.stats().bytes_in_use, 1024);
        drop(scratch);
        assert_eq!((pool.stats().bytes_in_use, pool.stats().fresh_allocations), (0, 1));
        assert!(matches!(pool.scratch::<f64>(usize::MAX), Err(Error::OutOfMemory { .. })));
    }
}
