//! What hardware does for the backend: memory, compiled modules, launches, and the two operations
//! that come from libraries.
//!
//! [`Cuda`](crate::Cuda) turns ops into these calls. There are two drivers: NVIDIA's, and the host
//! shim of the tests, which compiles the same kernels with a C++ compiler and runs them on the CPU.

use std::any::Any;
use std::fmt::Debug;
use std::sync::Arc;

use lowland_core::Result;
use lowland_core::op::Conv2d;

pub use crate::args::RawArgs;

/// An address in the memory of a device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Address(pub u64);

impl Address {
    /// The address so many bytes further on.
    #[must_use]
    pub fn offset(self, bytes: usize) -> Self {
        Address(self.0 + bytes as u64)
    }
}

/// A piece of source text that is compiled as one: it includes files of `lowland_kernels::SOURCES` by
/// their names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Unit {
    /// What it is called in messages, such as `ops/fill.cu`.
    pub name: String,
    /// The text.
    pub text: String,
}

/// A kernel that can be launched; only the driver that made it knows what is inside.
#[derive(Clone, Debug)]
pub struct Kernel {
    /// Its name in the source.
    pub name: Arc<str>,
    /// The driver's own.
    pub handle: Arc<dyn Any + Send + Sync>,
}

/// Which convolution a library is asked for, on addresses that are multiples of 16. Activations are `[N, H, W, C]`; weights are
/// `[O, kh, kw, I / groups]`, the order that goes with them: the backend permutes.
#[derive(Clone, Copy, Debug)]
pub enum Convolve {
    /// `y` from `x` and `w`.
    Forward {
        /// The input.
        x: Address,
        /// The weight.
        w: Address,
        /// The output.
        y: Address,
    },
    /// `dx` from `dy` and `w`.
    GradInput {
        /// The gradient of the output.
        dy: Address,
        /// The weight.
        w: Address,
        /// The gradient of the input.
        dx: Address,
    },
    /// `dw` from `x` and `dy`.
    GradWeight {
        /// The input.
        x: Address,
        /// The gradient of the output.
        dy: Address,
        /// The gradient of the weight.
        dw: Address,
    },
}

/// `y = op(a) op(b)`, all row-major and dense: y is `[m, n]`; a is `[m, k]`, or `[k, m]` where it is
/// transposed; b is `[k, n]`, or `[n, k]`. Addresses are multiples of 16.
#[derive(Clone, Copy, Debug)]
pub struct Multiply {
    /// Rows of y.
    pub m: usize,
    /// Columns of y.
    pub n: usize,
    /// Terms of a sum; with 0, y is 0.
    pub k: usize,
    /// The first factor.
    pub a: Address,
    /// Whether it is stored transposed.
    pub transpose_a: bool,
    /// The second factor.
    pub b: Address,
    /// Whether it is stored transposed.
    pub transpose_b: bool,
    /// The product.
    pub y: Address,
}

/// A device. Calls take effect in the order in which they are made; those that move data to the host
/// wait for all before them, the others may return at once.
pub trait Driver: Debug + Send + Sync {
    /// The name that people use, such as `cuda:0`.
    fn name(&self) -> &str;

    /// What kernels are compiled for, such as `sm_90`; the last bits of results may depend on it.
    fn architecture(&self) -> &str {
        "host"
    }

    /// Memory aligned to 256 bytes; `None` where there is none.
    fn allocate(&self, bytes: usize) -> Option<Address>;

    /// Bytes of memory that are free and that there are, for messages; `None` where it cannot be told.
    fn free_memory(&self) -> Option<(usize, usize)> {
        None
    }

    /// Gives memory back. What was handed over before may still use it.
    fn free(&self, address: Address, bytes: usize);

    /// Says that from now on the first `bytes` of a block of `capacity` are in use, with unspecified
    /// contents, and the others are not. Drivers that watch over memory take note; others need not.
    fn lend(&self, address: Address, capacity: usize, bytes: usize) {
        let _ = (address, capacity, bytes);
    }

    /// Copies to the device. The host memory is free to change when this returns.
    ///
    /// # Errors
    /// What the device says.
    fn upload(&self, from: &[u8], to: Address) -> Result<()>;

    /// Copies to the host, after all that was handed over before.
    ///
    /// # Errors
    /// What the device says, of earlier launches too.
    fn download(&self, from: Address, to: &mut [u8]) -> Result<()>;

    /// Copies within the device; the ranges do not overlap.
    ///
    /// # Errors
    /// What the device says.
    fn copy(&self, from: Address, to: Address, bytes: usize) -> Result<()>;

    /// Compiles a unit, or finds it compiled, and gives its kernel of that name. `args_bytes` is the
    /// size of the kernel's argument here, which is compared with the compiled one where the driver
    /// can.
    ///
    /// # Errors
    /// What the compiler says, with the name of the unit; which file is missing where there is no
    /// compiler.
    fn kernel(&self, unit: &Unit, name: &str, args_bytes: usize) -> Result<Kernel>;

    /// Launches a kernel of this driver in `blocks` blocks of `THREADS` threads.
    ///
    /// # Errors
    /// What the device says.
    fn launch(&self, kernel: &Kernel, blocks: u32, args: RawArgs<'_>) -> Result<()>;

    /// Bytes of scratch memory that [`Driver::convolve`] needs for this one.
    ///
    /// # Errors
    /// As [`Driver::convolve`].
    fn workspace_bytes(&self, conv: &Conv2d, what: Convolve) -> Result<usize> {
        let _ = (conv, what);
        Ok(0)
    }

    /// A convolution by the device's library, deterministic. `workspace` is as long as
    /// [`Driver::workspace_bytes`] says, aligned to 256 bytes, and not looked at where that is 0.
    ///
    /// # Errors
    /// What the library says; its name and what to install where it is missing.
    fn convolve(&self, conv: &Conv2d, what: Convolve, workspace: Address) -> Result<()>;

    /// A matrix product by the device's library.
    ///
    /// # Errors
    /// As [`Driver::convolve`].
    fn multiply(&self, product: &Multiply) -> Result<()>;

    /// The processors that blocks run on: launches of many elements use a few times as many blocks.
    fn multiprocessors(&self) -> u32;

    /// Waits until everything handed over has run.
    ///
    /// # Errors
    /// The first failure of what ran.
    fn sync(&self) -> Result<()>;
}
