//! Slices of shared buffers.
//!
//! Unsafe, because buffers are shared handles: that nobody else looks at what an op writes is
//! established at run time, here and nowhere else. One thread at a time has the turn of a pool, and
//! while it has it, what it writes overlaps nothing else that it sees.
#![allow(unsafe_code)]

use std::ops::Range;
use std::sync::{Arc, MutexGuard};

use lowland_core::{Buffer, Error, Result};

use crate::NAME;
use crate::memory::{Block, Plain};
use crate::pool::Pool;
use crate::storage::CpuStorage;
use crate::threads::lock;

/// The turn of one pool: as long as it lives, no other thread sees the pool's storages.
#[derive(Debug)]
pub(crate) struct Access<'p> {
    pool: &'p Arc<Pool>,
    _turn: MutexGuard<'p, ()>,
}

/// The operands of an op as slices, each kind in the order of the op.
#[derive(Debug)]
pub(crate) struct Views<'a, T> {
    /// The inputs of type `T`.
    pub(crate) inputs: Vec<&'a [T]>,
    /// The inputs that are class labels.
    pub(crate) labels: Vec<&'a [u32]>,
    /// The outputs.
    pub(crate) outputs: Vec<&'a mut [T]>,
}

impl<'p> Access<'p> {
    /// Waits for the turn of a pool.
    pub(crate) fn wait(pool: &'p Arc<Pool>) -> Self {
        Access { pool, _turn: lock(&pool.turn) }
    }

    /// The elements of a buffer.
    ///
    /// # Errors
    /// [`Error::ForeignBuffer`], in the name of `op`.
    pub(crate) fn read<'a, T: Plain>(
        &'a self,
        op: &'static str,
        from: &'a Buffer,
    ) -> Result<&'a [T]> {
        let pointer = self.pointer::<T>(op, from)?;
        // SAFETY: `pointer` checked the range and the type, and `from` keeps the storage; this thread
        // has the turn, and the shared borrow of `self` keeps `views` and `write` away.
        Ok(unsafe { std::slice::from_raw_parts(pointer, from.len()) })
    }

    /// The elements of a buffer, to be written to.
    ///
    /// # Errors
    /// As [`Access::read`].
    pub(crate) fn write<'a, T: Plain>(
        &'a mut self,
        op: &'static str,
        to: &'a Buffer,
    ) -> Result<&'a mut [T]> {
        let pointer = self.pointer::<T>(op, to)?;
        // SAFETY: as in `read`; the borrow of `self` is exclusive, so this is the only slice.
        Ok(unsafe { std::slice::from_raw_parts_mut(pointer, to.len()) })
    }

    /// All operands of an op at once.
    ///
    /// # Errors
    /// As [`Access::read`].
    ///
    /// # Panics
    /// Where an output overlaps another operand, or a type is not that of the call: what
    /// [`Op::check`](lowland_core::Op::check) excludes.
    pub(crate) fn views<'a, T: Plain>(
        &'a mut self,
        op: &'static str,
        inputs: &[&'a Buffer],
        outputs: &[&'a Buffer],
    ) -> Result<Views<'a, T>> {
        for (i, output) in outputs.iter().enumerate() {
            let others = inputs.iter().chain(&outputs[..i]);
            let range = self.addresses(op, output)?;
            for other in others {
                let other = self.addresses(op, other)?;
                let apart = range.end <= other.start || other.end <= range.start;
                assert!(apart || range.is_empty() || other.is_empty(), "{op}: an output overlaps");
            }
        }
        let mut views =
            Views { inputs: vec![], labels: vec![], outputs: Vec::with_capacity(outputs.len()) };
        for input in inputs {
            if input.dtype() == T::DTYPE {
                let pointer = self.pointer::<T>(op, input)?;
                // SAFETY: `pointer` checked range and type, and the handle, borrowed as long as the
                // slice, keeps the storage; this thread has the turn, as `self` is borrowed for
                // just as long; and no output overlaps.
                views.inputs.push(unsafe { std::slice::from_raw_parts(pointer, input.len()) });
            } else {
                let pointer = self.pointer::<u32>(op, input)?;
                // SAFETY: as for floats.
                views.labels.push(unsafe { std::slice::from_raw_parts(pointer, input.len()) });
            }
        }
        for output in outputs {
            let pointer = self.pointer::<T>(op, output)?;
            // SAFETY: as for inputs; the loop at the top found no other operand that overlaps this one.
            views.outputs.push(unsafe { std::slice::from_raw_parts_mut(pointer, output.len()) });
        }
        Ok(views)
    }

    /// The bytes that a buffer takes, as addresses.
    fn addresses(&self, op: &'static str, buffer: &Buffer) -> Result<Range<usize>> {
        let size = buffer.dtype().size();
        let start = self.block(op, buffer)?.address() + buffer.offset() * size;
        Ok(start..start + buffer.len() * size)
    }

    /// The first element of a buffer.
    fn pointer<T: Plain>(&self, op: &'static str, buffer: &Buffer) -> Result<*mut T> {
        assert_eq!(buffer.dtype(), T::DTYPE, "{op}: a buffer of another type than the call's");
        let block = self.block(op, buffer)?;
        Ok(block.pointer::<T>(buffer.offset(), buffer.len()).as_ptr())
    }

    /// The block that a buffer lies in.
    fn block<'b>(&self, op: &'static str, buffer: &'b Buffer) -> Result<&'b Block> {
        let storage = buffer.storage::<CpuStorage>();
        let block = storage.and_then(|storage| storage.block_of(self.pool));
        block.ok_or_else(|| Error::ForeignBuffer { op, backend: NAME.into() })
    }
}
