//! The backend.

use std::sync::{Arc, Mutex, MutexGuard};

use lowland_core::{Backend, Buffer, DType, Error, HostMut, HostRef, MemoryStats, Op, Result};

use crate::driver::Driver;
use crate::launcher::{Launcher, lock};
use crate::ops;
use crate::storage::DeviceMemory;

/// A device as a [`Backend`]. It runs ops on `f32`.
///
/// Calls return before the work is done; those that read memory wait for it. Buffers may outlive
/// it. Each has its own memory pool, and takes its own buffers alone.
#[derive(Debug)]
pub struct Cuda {
    launcher: Launcher,
    /// Whose turn it is: the calls of one op follow one another.
    turn: Mutex<()>,
}

impl Cuda {
    /// The backend on a driver.
    #[must_use]
    pub fn on(driver: Arc<dyn Driver>) -> Self {
        Cuda { launcher: Launcher::new(driver), turn: Mutex::new(()) }
    }

    /// What the kernels are compiled for, such as `sm_90`. The last bits of results may depend on it.
    #[must_use]
    pub fn architecture(&self) -> &str {
        self.launcher.driver.architecture()
    }

    /// Bytes of the device's memory that nobody uses; `None` where it does not tell.
    #[must_use]
    pub fn free_bytes(&self) -> Option<u64> {
        self.launcher.driver.free_memory().map(|(free, _)| free as u64)
    }

    pub(crate) fn launcher(&self) -> &Launcher {
        &self.launcher
    }

    /// Holds off the calls of other threads.
    pub(crate) fn take_turn(&self) -> MutexGuard<'_, ()> {
        lock(&self.turn)
    }

    fn unsupported(&self, op: &str, dtype: DType) -> Error {
        Error::Unsupported { op: op.into(), backend: self.name().into(), dtype }
    }
}

/// Checks that host memory fits a buffer.
fn check_host(op: &'static str, buffer: &Buffer, len: usize, dtype: DType) -> Result<()> {
    if (buffer.len(), buffer.dtype()) == (len, dtype) {
        return Ok(());
    }
    let (want_len, want) = (buffer.len(), buffer.dtype().name());
    Err(Error::Operand { op, operand: "host", want_len, want, len, dtype })
}

/// Host memory as bytes.
fn bytes(from: HostRef<'_>) -> Result<&[u8]> {
    match from {
        HostRef::F32(from) => Ok(bytemuck::cast_slice(from)),
        HostRef::F64(from) => Ok(bytemuck::cast_slice(from)),
        HostRef::U32(from) => Ok(bytemuck::cast_slice(from)),
        other => Err(Error::invalid("upload", format!("{} is not known here", other.dtype()))),
    }
}

/// [`bytes`] to be written to.
fn bytes_mut<'a>(to: &'a mut HostMut<'_>) -> Result<&'a mut [u8]> {
    match to {
        HostMut::F32(to) => Ok(bytemuck::cast_slice_mut(to)),
        HostMut::F64(to) => Ok(bytemuck::cast_slice_mut(to)),
        HostMut::U32(to) => Ok(bytemuck::cast_slice_mut(to)),
        other => Err(Error::invalid("download", format!("{} is not known here", other.dtype()))),
    }
}

impl Backend for Cuda {
    fn name(&self) -> &str {
        self.launcher.driver.name()
    }

    fn allocate(&self, len: usize, dtype: DType) -> Result<Buffer> {
        let memory = self.launcher.pool.take(len.saturating_mul(dtype.size()))?;
        Ok(Buffer::new(Arc::new(memory), dtype, len))
    }

    fn upload(&self, from: HostRef<'_>, to: &Buffer) -> Result<()> {
        check_host("upload", to, from.len(), from.dtype())?;
        let address = self.launcher.address("upload", to)?;
        let _turn = lock(&self.turn);
        self.launcher.driver.upload(bytes(from)?, address)?;
        if let (HostRef::U32(labels), Some(memory)) = (from, to.storage::<DeviceMemory>()) {
            memory.labels.note(to.offset(), labels);
        }
        Ok(())
    }

    fn download(&self, from: &Buffer, mut to: HostMut<'_>) -> Result<()> {
        check_host("download", from, to.len(), to.dtype())?;
        let address = self.launcher.address("download", from)?;
        let _turn = lock(&self.turn);
        self.launcher.driver.download(address, bytes_mut(&mut to)?)
    }

    fn supports(&self, op: &Op, dtype: DType) -> bool {
        ops::supports(op, dtype)
    }

    fn remedy(&self, op: &Op) -> Option<String> {
        ops::lacks(op)
    }

    fn run(&self, op: &Op, inputs: &[&Buffer], outputs: &[&Buffer]) -> Result<()> {
        let dtype = op.check(inputs, outputs)?;
        if !ops::supports(op, dtype) {
            return Err(self.unsupported(&ops::describe(op), dtype));
        }
        let addresses = |buffers: &[&Buffer]| -> Result<Vec<_>> {
            buffers.iter().map(|buffer| self.launcher.address(op.name(), buffer)).collect()
        };
        let (read, written) = (addresses(inputs)?, addresses(outputs)?);
        let _turn = lock(&self.turn);
        ops::check_contents(op, inputs)?;
        ops::run(op, &self.launcher, &read, &written)
    }

    fn sync(&self) -> Result<()> {
        let _turn = lock(&self.turn);
        self.launcher.driver.sync()
    }

    fn memory(&self) -> MemoryStats {
        self.launcher.pool.stats()
    }
}
