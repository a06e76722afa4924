//! Copies of a store's numbers that stay on the device.

use lowland_core::op::{Accumulate, Op};
use lowland_core::{Buffer, Result};

use super::ParamStore;

/// The parameters and running statistics of a [`ParamStore`] at one moment, on its device.
#[derive(Debug)]
pub struct Snapshot {
    params: Buffer,
    stats: Buffer,
}

impl ParamStore {
    /// Copies parameters and running statistics, not gradients.
    ///
    /// # Errors
    /// As [`Backend::allocate`](lowland_core::Backend::allocate).
    pub fn snapshot(&self) -> Result<Snapshot> {
        Ok(Snapshot { params: self.copy_of(&self.params)?, stats: self.copy_of(&self.stats)? })
    }

    /// Brings back the numbers of a snapshot.
    ///
    /// # Errors
    /// [`Error::Operand`](lowland_core::Error::Operand) where the snapshot is of a store of another
    /// structure.
    pub fn restore(&self, snapshot: &Snapshot) -> Result<()> {
        self.copy(&snapshot.params, &self.params)?;
        self.copy(&snapshot.stats, &self.stats)
    }

    /// A store of the same structure with the same numbers in memory of its own; gradients are 0.
    ///
    /// # Errors
    /// As [`Backend::allocate`](lowland_core::Backend::allocate).
    pub fn try_clone(&self) -> Result<ParamStore> {
        let store = ParamStore {
            device: self.device.clone(),
            dtype: self.dtype,
            entries: self.entries.clone(),
            stat_entries: self.stat_entries.clone(),
            params: self.copy_of(&self.params)?,
            grads: self.device.allocate(self.grads.len(), self.dtype)?,
            stats: self.copy_of(&self.stats)?,
            fusion: self.fusion,
        };
        store.zero_grad()?;
        Ok(store)
    }

    fn copy_of(&self, from: &Buffer) -> Result<Buffer> {
        let to = self.device.allocate(from.len(), from.dtype())?;
        self.copy(from, &to)?;
        Ok(to)
    }

    fn copy(&self, from: &Buffer, to: &Buffer) -> Result<()> {
        let copy = Op::Accumulate(Accumulate { len: to.len(), a: 1.0, b: 0.0 });
        self.device.run(&copy, &[from], &[to])
    }
}
