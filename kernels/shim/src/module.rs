//! Compiled units, loaded, and their kernels.
//!
//! Unsafe, because it runs code that was compiled a moment ago: the two functions that a kernel
//! leaves behind have the types that `shim.h` gives them.
#![allow(unsafe_code)]

use std::collections::HashMap;
use std::ffi::{CStr, c_char, c_void};
use std::path::PathBuf;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use libloading::Library;
use lowland_core::{Error, Result};

use crate::Order;
use crate::shim::NAME;

/// What a launch is told, and tells: `shim::Launch` of `shim.h`.
#[repr(C)]
struct Launch {
    seed: u64,
    blocks: u32,
    order: u32,
    failure: [c_char; 500],
}

type Bytes = unsafe extern "C" fn() -> u64;
type Run = unsafe extern "C" fn(*const c_void, *mut Launch) -> bool;

/// A loaded library. It has one set of threads and of shared memory: launches take turns.
#[derive(Debug)]
pub(crate) struct Module {
    library: Library,
    turn: Mutex<()>,
}

impl Module {
    /// Loads a library that was compiled for this shim, once in a process.
    ///
    /// # Errors
    /// What the loader says.
    pub(crate) fn load(path: PathBuf) -> Result<Arc<Module>> {
        static LOADED: LazyLock<Mutex<HashMap<PathBuf, Arc<Module>>>> =
            LazyLock::new(Mutex::default);
        let mut loaded = lock(&LOADED);
        if let Some(module) = loaded.get(&path) {
            return Ok(Arc::clone(module));
        }
        // SAFETY: the library was compiled from the kernels and the shim, none of which does anything
        // when it is loaded.
        let library = unsafe { Library::new(&path) };
        let library = library.map_err(|e| Error::device(NAME, format!("cannot load: {e}")))?;
        let module = Arc::new(Module { library, turn: Mutex::new(()) });
        loaded.insert(path, Arc::clone(&module));
        Ok(module)
    }

    /// The kernel of that name, where its argument has the size that is expected.
    ///
    /// # Errors
    /// Which kernel is missing from `unit`, or both sizes.
    pub(crate) fn entry(
        self: &Arc<Self>,
        unit: &str,
        name: &str,
        args_bytes: usize,
    ) -> Result<Entry> {
        let missing = |_| Error::device(NAME, format!("{unit} has no kernel `{name}`"));
        // SAFETY: KERNEL declares functions of these names with these types.
        let (bytes, run) = unsafe {
            let bytes = self.library.get::<Bytes>(format!("shim_bytes_{name}").as_bytes());
            let run = self.library.get::<Run>(format!("shim_launch_{name}").as_bytes());
            (*bytes.map_err(missing)?, *run.map_err(missing)?)
        };
        // SAFETY: it takes nothing and returns a number.
        let compiled = unsafe { bytes() };
        if compiled != args_bytes as u64 {
            let message = format!(
                "the argument of kernel `{name}` has {compiled} bytes in {unit}, and {args_bytes} \
                 bytes in its Rust struct: make the fields agree"
            );
            return Err(Error::device(NAME, message));
        }
        Ok(Entry { module: Arc::clone(self), name: name.into(), run, args_bytes })
    }
}

/// A kernel that can be launched.
#[derive(Debug)]
pub(crate) struct Entry {
    module: Arc<Module>,
    name: String,
    run: Run,
    args_bytes: usize,
}

impl Entry {
    /// Runs the kernel to its end.
    ///
    /// # Errors
    /// Which of its threads wait for one another in vain.
    ///
    /// # Safety
    /// `args` points to the kernel's argument; the kernel reads and writes what that points to.
    pub(crate) unsafe fn launch(
        &self,
        blocks: u32,
        order: Order,
        args: *const u8,
        args_bytes: usize,
    ) -> Result<()> {
        if args_bytes != self.args_bytes {
            let (name, want) = (&self.name, self.args_bytes);
            let message = format!("kernel `{name}` takes {want} bytes, got {args_bytes}");
            return Err(Error::device(NAME, message));
        }
        let (order, seed) = match order {
            Order::Forward => (0, 0),
            Order::Reversed => (1, 0),
            Order::Shuffled(seed) => (2, seed),
        };
        let mut launch = Launch { seed, blocks, order, failure: [0; 500] };
        let _turn = lock(&self.module.turn);
        // SAFETY: the library is loaded as long as the module lives; the caller vouches for `args`.
        if unsafe { (self.run)(args.cast(), &raw mut launch) } {
            return Ok(());
        }
        // SAFETY: the shim ends what it writes there with a zero.
        let failure = unsafe { CStr::from_ptr(launch.failure.as_ptr()) }.to_string_lossy();
        Err(Error::device(NAME, format!("kernel `{}`, {failure}", self.name)))
    }
}

/// Locks a mutex. A panic elsewhere leaves nothing half-done in what this crate's mutexes hold.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
