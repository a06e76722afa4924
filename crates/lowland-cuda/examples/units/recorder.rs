//! A driver without a device, which writes down the kernels that it is asked for.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use lowland_core::op::Conv2d;
use lowland_core::{Error, Result};
use lowland_cuda::driver::{Address, Convolve, Driver, Kernel, Multiply, RawArgs, Unit};

/// A unit, and the kernels that were asked for with the bytes of their arguments.
pub type Request = (Unit, BTreeMap<String, usize>);

/// Hands out addresses that nothing is behind, and computes nothing: what is read from it is 0.
#[derive(Debug)]
pub struct Recorder {
    next: AtomicU64,
    requests: Mutex<BTreeMap<String, Request>>,
}

impl Default for Recorder {
    fn default() -> Self {
        Recorder { next: AtomicU64::new(256), requests: Mutex::default() }
    }
}

impl Recorder {
    /// What was asked for, by the names of the units.
    pub fn requests(&self) -> Vec<Request> {
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        requests.values().cloned().collect()
    }
}

impl Driver for Recorder {
    fn name(&self) -> &str {
        "recorder"
    }

    fn allocate(&self, bytes: usize) -> Option<Address> {
        let bytes = bytes.next_multiple_of(256) as u64;
        Some(Address(self.next.fetch_add(bytes, Ordering::Relaxed)))
    }

    fn free(&self, _: Address, _: usize) {}

    fn upload(&self, _: &[u8], _: Address) -> Result<()> {
        Ok(())
    }

    fn download(&self, _: Address, to: &mut [u8]) -> Result<()> {
        to.fill(0);
        Ok(())
    }

    fn copy(&self, _: Address, _: Address, _: usize) -> Result<()> {
        Ok(())
    }

    fn kernel(&self, unit: &Unit, name: &str, args_bytes: usize) -> Result<Kernel> {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        let (known, kernels) =
            requests.entry(unit.name.clone()).or_insert_with(|| (unit.clone(), BTreeMap::new()));
        if known.text != unit.text {
            let message = format!("there are two units of the name {}", unit.name);
            return Err(Error::invalid("recorder", message));
        }
        if *kernels.entry(name.into()).or_insert(args_bytes) != args_bytes {
            let message = format!("{name} of {} is launched with two arguments", unit.name);
            return Err(Error::invalid("recorder", message));
        }
        Ok(Kernel { name: name.into(), handle: Arc::new(()) })
    }

    fn launch(&self, _: &Kernel, _: u32, _: RawArgs<'_>) -> Result<()> {
        Ok(())
    }

    fn convolve(&self, _: &Conv2d, _: Convolve, _: Address) -> Result<()> {
        Ok(())
    }

    fn multiply(&self, _: &Multiply) -> Result<()> {
        Ok(())
    }

    fn multiprocessors(&self) -> u32 {
        132
    }

    fn sync(&self) -> Result<()> {
        Ok(())
    }
}
