//! A device that counts memory and has none.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use lowland_core::pool::{Block, Pool};
use lowland_core::{Backend, Buffer, DType, HostMut, HostRef, MemoryStats, Op, Result, Storage};
use lowland_tensor::Device;

/// No block is larger, so that no sum of blocks overflows.
const LARGEST: usize = 1 << 50;

/// In place of a device: it hands out buffers without memory from a pool like the device's, checks ops and
/// runs none, and all that it has are zeros. What asks it for memory asks the device for as much.
#[derive(Debug)]
pub(super) struct Counting {
    device: Device,
    pool: Arc<Pool<Counted>>,
    largest: AtomicUsize,
}

/// The size of a block that is not there.
#[derive(Debug)]
struct Counted(usize);

impl Block for Counted {
    fn bytes(&self) -> usize {
        self.0
    }
}

/// A block of the pool, which goes back when the last buffer that shares it is dropped.
#[derive(Debug)]
struct Counter {
    bytes: usize,
    pool: Arc<Pool<Counted>>,
}

impl Storage for Counter {}

impl Drop for Counter {
    fn drop(&mut self) {
        self.pool.give(Counted(self.bytes));
    }
}

impl Counting {
    /// In place of this device.
    pub(super) fn new(device: Device) -> Counting {
        Counting { device, pool: Arc::default(), largest: AtomicUsize::new(LARGEST) }
    }

    /// From now on no block is larger than this.
    pub(super) fn limit(&self, largest: Option<usize>) {
        self.largest.store(largest.unwrap_or(LARGEST).min(LARGEST), Ordering::Relaxed);
    }

    /// A block of so many bytes at least.
    fn counter(&self, bytes: usize) -> Result<Counter> {
        let largest = self.largest.load(Ordering::Relaxed);
        let fresh = |bytes| (bytes <= largest).then_some(Counted(bytes));
        let Counted(bytes) = self.pool.take(self.name(), bytes, fresh)?;
        Ok(Counter { bytes, pool: Arc::clone(&self.pool) })
    }
}

impl Backend for Counting {
    fn name(&self) -> &str {
        self.device.name()
    }

    fn allocate(&self, len: usize, dtype: DType) -> Result<Buffer> {
        let counter = self.counter(len.saturating_mul(dtype.size()))?;
        Ok(Buffer::new(Arc::new(counter), dtype, len))
    }

    fn upload(&self, _: HostRef<'_>, _: &Buffer) -> Result<()> {
        Ok(())
    }

    fn download(&self, _: &Buffer, to: HostMut<'_>) -> Result<()> {
        match to {
            HostMut::F32(to) => to.fill(0.0),
            HostMut::F64(to) => to.fill(0.0),
            HostMut::U32(to) => to.fill(0),
            _ => {}
        }
        Ok(())
    }

    fn supports(&self, op: &Op, dtype: DType) -> bool {
        self.device.supports(op, dtype)
    }

    fn remedy(&self, op: &Op) -> Option<String> {
        self.device.remedy(op)
    }

    fn run(&self, op: &Op, inputs: &[&Buffer], outputs: &[&Buffer]) -> Result<()> {
        let dtype = op.check(inputs, outputs)?;
        let scratch = self.device.scratch_bytes(op, dtype);
        if scratch > 0 {
            self.counter(scratch)?;
        }
        Ok(())
    }

    fn sync(&self) -> Result<()> {
        Ok(())
    }

    fn memory(&self) -> MemoryStats {
        self.pool.stats()
    }
}
