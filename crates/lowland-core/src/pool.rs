//! The pool that a backend's memory comes from and goes back to.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::{ALIGNMENT_BYTES, Error, MemoryStats, Result};

/// A piece of some hardware's memory, owned: dropping it gives it back to the system.
pub trait Block: Send {
    /// Its size, as it was asked for.
    fn bytes(&self) -> usize;
}

/// Blocks of memory by size class, for backends. A block that is let go waits here for the next
/// request of its class, so that a warm training step asks nothing of the system.
#[derive(Debug)]
pub struct Pool<B> {
    state: Mutex<State<B>>,
}

#[derive(Debug)]
struct State<B> {
    free: BTreeMap<usize, Vec<B>>,
    stats: MemoryStats,
}

impl<B> Default for Pool<B> {
    fn default() -> Self {
        let state = State { free: BTreeMap::new(), stats: MemoryStats::default() };
        Pool { state: Mutex::new(state) }
    }
}

impl<B: Block> Pool<B> {
    /// A block of at least `bytes` bytes with unspecified contents: one that waits, or what `fresh`
    /// gives for a size of this pool's choice.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`], in the name of `backend`, once what waits in the pool has been given
    /// up in vain.
    pub fn take(
        &self,
        backend: &str,
        bytes: usize,
        fresh: impl Fn(usize) -> Option<B>,
    ) -> Result<B> {
        let out_of_memory = || Error::OutOfMemory { backend: backend.into(), bytes };
        let class = size_class(bytes).ok_or_else(out_of_memory)?;
        let mut state = self.lock();
        // A little larger will do: the last, shorter batch of an epoch finds room in the memory of
        // the others. Twice as large will not, or layers would take the memory of wider ones.
        let fitting = state.free.range_mut(class..class.saturating_mul(2));
        let block = match fitting.filter_map(|(_, blocks)| blocks.pop()).next() {
            Some(block) => block,
            None => {
                let block = fresh(class).or_else(|| {
                    state.release();
                    fresh(class)
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
    pub fn give(&self, block: B) {
        let mut state = self.lock();
        state.stats.bytes_in_use -= block.bytes();
        state.free.entry(block.bytes()).or_default().push(block);
    }

    /// What it holds, and how often it had to ask for more.
    pub fn stats(&self) -> MemoryStats {
        self.lock().stats
    }

    /// A panic elsewhere leaves nothing half-done in the lists.
    fn lock(&self) -> MutexGuard<'_, State<B>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<B> State<B> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Bytes(usize);

    impl Block for Bytes {
        fn bytes(&self) -> usize {
            self.0
        }
    }

    /// A block, where the system has as much.
    fn fresh(bytes: usize) -> Option<Bytes> {
        (bytes < 1 << 40).then_some(Bytes(bytes))
    }

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
        let take = |bytes| pool.take("here", bytes, fresh);
        let first = take(1000).unwrap();
        let second = take(3000).unwrap();
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
        let again = take(960).unwrap();
        assert_eq!((again.bytes(), pool.stats().fresh_allocations), (1024, 2));
        pool.give(again);
        pool.give(second);
        let wider = take(1600).unwrap();
        assert_eq!(wider.bytes(), 3072, "less than twice as large as asked for");
        pool.give(wider);
        let stats = pool.stats();
        assert_eq!((stats.bytes_in_use, stats.bytes_held, stats.fresh_allocations), (0, 4096, 2));
        let error = take(1 << 62).unwrap_err();
        assert!(matches!(&error, Error::OutOfMemory { bytes, .. } if *bytes == 1 << 62), "{error}");
        assert!(error.to_string().contains("the here backend"), "{error}");
        assert_eq!(pool.stats().bytes_held, 0, "what waits is given up before an error");
        assert!(take(usize::MAX).is_err());
    }
}
