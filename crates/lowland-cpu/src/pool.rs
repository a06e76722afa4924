//! The pool that memory comes from and goes back to.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::sync::Mutex;

use lowland_core::{ALIGNMENT_BYTES, Error, MemoryStats, Result};

use crate::NAME;
use crate::memory::{Block, Plain};
use crate::threads::lock;

/// Blocks of memory by size class. A block that is let go waits here for the next request of its
/// class, so that a warm training step asks nothing of the system.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    state: Mutex<State>,
    /// Whose turn it is to look into the storages of this pool, see [`crate::access`].
    pub(crate) turn: Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    free: BTreeMap<usize, Vec<Block>>,
    stats: MemoryStats,
}

impl Pool {
    /// A block of at least `bytes` bytes with unspecified contents.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`], once what waits in the pool has been given up in vain.
    pub(crate) fn take(&self, bytes: usize) -> Result<Block> {
        let out_of_memory = || Error::OutOfMemory { backend: NAME.into(), bytes };
        let class = size_class(bytes).ok_or_else(out_of_memory)?;
        let mut state = lock(&self.state);
        // A little larger will do: the last, shorter batch of an epoch finds room in the memory of
        // the others. Twice as large will not, or layers would take the memory of wider ones.
        let fitting = state.free.range_mut(class..class.saturating_mul(2));
        let block = match fitting.filter_map(|(_, blocks)| blocks.pop()).next() {
            Some(block) => block,
            None => {
                let block = Block::zeroed(class).or_else(|| {
                    state.release();
                    Block::zeroed(class)
                });
                let block = block.ok_or_else(out_of_memory)?;
                state.stats.fresh_allocations += 1;
                state.stats.bytes_held += class;
                block
            }
        };
        let stats = &mut state.stats;
        stats.bytes_in_use += block.bytes();
        stats.peak_bytes_in_use = stats.peak_bytes_in_use.max(stats.bytes_in_use);
        Ok(block)
    }

    /// Takes a block of this pool back.
    pub(crate) fn give(&self, block: Block) {
        let mut state = lock(&self.state);
        state.stats.bytes_in_use -= block.bytes();
        state.free.entry(block.bytes()).or_default().push(block);
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
        lock(&self.state).stats
    }
}

impl State {
    /// Gives what waits back to the system.
    fn release(&mut self) {
        for (class, blocks) in std::mem::take(&mut self.free) {
            self.stats.bytes_held -= class * blocks.len();
        }
    }
}

/// The size of the blocks that serve a request: eight classes between a power of two and the next,
/// so that at most an eighth is wasted on requests of 2 KiB and more. `None` where it overflows.
fn size_class(bytes: usize) -> Option<usize> {
    let bytes = bytes.max(1);
    let power = bytes.checked_next_power_of_two()?;
    bytes.checked_next_multiple_of((power / 16).max(ALIGNMENT_BYTES))
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
    use super::*;

    #[test]
    fn classes_waste_at_most_an_eighth() {
        assert_eq!(size_class(0), Some(256));
        assert_eq!(size_class(256), Some(256));
        assert_eq!(size_class(257), Some(512));
        assert_eq!(size_class(8 << 20), Some(8 << 20));
        assert_eq!(size_class((8 << 20) + 1), Some(9 << 20));
        assert_eq!(size_class(usize::MAX), None);
        for bytes in (2048..100_000).step_by(7) {
            let class = size_class(bytes).unwrap();
            assert!(class >= bytes && (class - bytes) * 8 <= bytes, "{bytes} in {class}");
            assert_eq!(size_class(class), Some(class));
        }
    }

    #[test]
    fn memory_is_counted_and_recycled() {
        let pool = Pool::default();
        let first = pool.take(1000).unwrap();
        let second = pool.take(3000).unwrap();
        assert_eq!(
            pool.stats(),
            MemoryStats {
                bytes_in_use: 1024 + 3072,
                bytes_held: 1024 + 3072,
                peak_bytes_in_use: 1024 + 3072,
                fresh_allocations: 2
            }
        );
        pool.give(first);
        let scratch = pool.scratch::<f64>(120).unwrap();
        assert_eq!(scratch.len(), 120);
        drop(scratch);
        pool.give(second);
        let wider = pool.take(1600).unwrap();
        assert_eq!(wider.bytes(), 3072, "less than twice as large as asked for");
        pool.give(wider);
        let stats = pool.stats();
        assert_eq!((stats.bytes_in_use, stats.bytes_held, stats.fresh_allocations), (0, 4096, 2));
        assert!(matches!(
            pool.take(1 << 62),
            Err(Error::OutOfMemory { bytes, .. }) if bytes == 1 << 62
        ));
        assert_eq!(pool.stats().bytes_held, 0, "what waits is given up before an error");
        assert!(matches!(pool.scratch::<f64>(usize::MAX), Err(Error::OutOfMemory { .. })));
    }
}
