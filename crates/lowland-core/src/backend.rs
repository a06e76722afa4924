//! The one trait that hardware implements.

use std::fmt;

use crate::op::{Fill, Op};
use crate::{Buffer, DType, Element, HostMut, HostRef, Result};

/// A device: it owns memory and runs ops on it, in the order in which they were handed over.
///
/// A backend **must** return [`Error::Unsupported`](crate::Error::Unsupported) for an op that it
/// lacks; it never falls back to other hardware and never computes something else. It sees no
/// tape: gradients are ops like any other.
///
/// # Contract
/// - [`Backend::run`] validates its operands with [`Op::check`] before it touches memory.
/// - Results depend on the op and its inputs alone, bit for bit: not on the number of threads, nor
///   on what ran before.
/// - Memory that is let go goes back to a pool and is handed out again by [`Backend::allocate`].
pub trait Backend: Send + Sync + fmt::Debug {
    /// The name people use for it, such as `"cpu"`.
    fn name(&self) -> &str;

    /// A buffer of `len` elements, aligned to [`ALIGNMENT_BYTES`](crate::ALIGNMENT_BYTES). Its
    /// contents are unspecified.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory).
    fn allocate(&self, len: usize, dtype: DType) -> Result<Buffer>;

    /// Copies host memory into a buffer of the same length and type.
    ///
    /// # Errors
    /// [`Error::Operand`](crate::Error::Operand) where length or type differ, and
    /// [`Error::ForeignBuffer`](crate::Error::ForeignBuffer).
    fn upload(&self, from: HostRef<'_>, to: &Buffer) -> Result<()>;

    /// Copies a buffer into host memory of the same length and type, after all ops before it.
    ///
    /// # Errors
    /// As [`Backend::upload`].
    fn download(&self, from: &Buffer, to: HostMut<'_>) -> Result<()>;

    /// Whether [`Backend::run`] can run this op on floats of this type.
    fn supports(&self, op: &Op, dtype: DType) -> bool;

    /// What to do about an op that this backend does not support, for messages: which file to write,
    /// which limit it is beyond. `None` where there is nothing to say, or where it supports the op.
    fn remedy(&self, _op: &Op) -> Option<String> {
        None
    }

    /// Runs an op. The operands and their order are those of [`Op::operands`].
    ///
    /// # Errors
    /// [`Error::Unsupported`](crate::Error::Unsupported), and whatever [`Op::check`] finds.
    fn run(&self, op: &Op, inputs: &[&Buffer], outputs: &[&Buffer]) -> Result<()>;

    /// The bytes that an op takes from the pool for its own time, besides its operands, so that what a
    /// step will need can be worked out. 0 where there are none, or few, or where the backend does not
    /// tell.
    fn scratch_bytes(&self, _op: &Op, _dtype: DType) -> usize {
        0
    }

    /// Waits until everything handed over has run.
    ///
    /// # Errors
    /// The first failure of an op that ran in the background.
    fn sync(&self) -> Result<()>;

    /// What memory this backend holds, and how often it had to ask for more.
    fn memory(&self) -> MemoryStats;
}

/// The state of a backend's memory pool. A warm training step leaves `fresh_allocations` as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryStats {
    /// Bytes in buffers that are alive.
    pub bytes_in_use: usize,
    /// Bytes held, in use or waiting in the pool.
    pub bytes_held: usize,
    /// The largest `bytes_in_use` so far.
    pub peak_bytes_in_use: usize,
    /// How often memory had to be asked of the system, as no buffer in the pool would do.
    pub fresh_allocations: u64,
}

impl dyn Backend + '_ {
    /// A new buffer with the contents of a slice.
    ///
    /// # Errors
    /// As [`Backend::allocate`].
    pub fn buffer_from<T: Element>(&self, slice: &[T]) -> Result<Buffer> {
        let buffer = self.allocate(slice.len(), T::DTYPE)?;
        self.upload(T::host(slice), &buffer)?;
        Ok(buffer)
    }

    /// A new buffer of floats that are all `value`.
    ///
    /// # Errors
    /// As [`Backend::allocate`] and [`Backend::run`].
    pub fn filled(&self, len: usize, dtype: DType, value: f64) -> Result<Buffer> {
        let buffer = self.allocate(len, dtype)?;
        self.run(&Op::Fill(Fill { len, value }), &[], &[&buffer])?;
        Ok(buffer)
    }

    /// The contents of a buffer.
    ///
    /// # Errors
    /// As [`Backend::download`].
    pub fn to_vec<T: Element>(&self, buffer: &Buffer) -> Result<Vec<T>> {
        let mut out = vec![T::default(); buffer.len()];
        self.download(buffer, T::host_mut(&mut out))?;
        Ok(out)
    }
}
