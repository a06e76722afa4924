//! What an op runs with: kernels by name, scratch memory, tables that stay on the device.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lowland_core::{DType, Error, Result};

use crate::args::{Args, RawArgs};
use crate::driver::{Address, Driver, Kernel, Unit};
use crate::storage::{DeviceMemory, Pool};
use crate::tables::Tables;

/// Threads of a block, as `lowland.cuh` has it.
pub(crate) const THREADS: u64 = 256;

/// Compiled kernels and scratch memory of one device.
#[derive(Debug)]
pub(crate) struct Launcher {
    pub(crate) driver: Arc<dyn Driver>,
    pub(crate) pool: Arc<Pool>,
    pub(crate) tables: Tables,
    /// By the key of their unit, and then by name.
    kernels: Mutex<HashMap<String, HashMap<String, Kernel>>>,
}

impl Launcher {
    pub(crate) fn new(driver: Arc<dyn Driver>) -> Self {
        let pool = Arc::new(Pool::new(Arc::clone(&driver)));
        Launcher { driver, pool, tables: Tables::default(), kernels: Mutex::default() }
    }

    /// Launches a kernel of a file of `lowland-kernels`.
    ///
    /// # Errors
    /// What compiling and launching say.
    pub(crate) fn launch<A: Args>(
        &self,
        file: &str,
        kernel: &str,
        blocks: u32,
        args: &A,
    ) -> Result<()> {
        let unit = || {
            let source = lowland_kernels::source(file);
            let source = source
                .ok_or_else(|| Error::invalid("cuda", format!("there are no sources {file}")))?;
            Ok(Unit { name: file.into(), text: source.text.into() })
        };
        self.launch_unit(file, unit, kernel, blocks, args)
    }

    /// Launches a kernel of a unit that is written when it is first needed; `key` names it.
    ///
    /// # Errors
    /// As [`Launcher::launch`], and what `unit` says.
    pub(crate) fn launch_unit<A: Args>(
        &self,
        key: &str,
        unit: impl FnOnce() -> Result<Unit>,
        kernel: &str,
        blocks: u32,
        args: &A,
    ) -> Result<()> {
        if blocks == 0 {
            return Ok(());
        }
        let kernel = self.kernel(key, unit, kernel, size_of::<A>())?;
        self.driver.launch(&kernel, blocks, RawArgs::new(args))
    }

    fn kernel(
        &self,
        key: &str,
        unit: impl FnOnce() -> Result<Unit>,
        name: &str,
        args_bytes: usize,
    ) -> Result<Kernel> {
        let mut kernels = lock(&self.kernels);
        if let Some(kernel) = kernels.get(key).and_then(|of_unit| of_unit.get(name)) {
            return Ok(kernel.clone());
        }
        let kernel = self.driver.kernel(&unit()?, name, args_bytes)?;
        kernels.entry(key.into()).or_default().insert(name.into(), kernel.clone());
        Ok(kernel)
    }

    /// The blocks of a launch that shares `len` elements among its threads: as many as there are
    /// elements, and no more than keep the device busy.
    pub(crate) fn blocks(&self, len: usize) -> u32 {
        let enough = u64::from(self.driver.multiprocessors()) * 16;
        (len as u64).div_ceil(THREADS).min(enough) as u32
    }

    /// [`Launcher::blocks`], where threads take four elements at a time.
    pub(crate) fn blocks_of_fours(&self, len: usize) -> u32 {
        self.blocks(len.div_ceil(4))
    }

    /// The blocks of a launch that shares items of work among its blocks.
    pub(crate) fn items(&self, count: u64) -> u32 {
        count.min(u64::from(self.driver.multiprocessors()) * 64) as u32
    }

    /// Memory for this op alone, with unspecified contents. It may go back to the pool as soon as
    /// what uses it was handed over: what takes it next comes after that.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    pub(crate) fn scratch(&self, bytes: usize) -> Result<DeviceMemory> {
        self.pool.take(bytes)
    }

    /// What an op says of a kind that it has no kernel for.
    pub(crate) fn unsupported(&self, op: &str) -> Error {
        let backend = self.driver.name().into();
        Error::Unsupported { op: op.into(), backend, dtype: DType::F32 }
    }

    /// The address of a buffer.
    ///
    /// # Errors
    /// [`Error::ForeignBuffer`], in the name of `op`.
    pub(crate) fn address(
        &self,
        op: &'static str,
        buffer: &lowland_core::Buffer,
    ) -> Result<Address> {
        crate::storage::address(op, &self.pool, buffer)
    }
}

/// Locks a mutex. A panic elsewhere leaves nothing half-done in what this crate's mutexes hold.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
