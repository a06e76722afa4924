//! Loops compiled for each instruction set.
//!
//! Unsafe, because a function that uses an instruction set must not run where there is none. The
//! loops themselves are safe code, the same for all: only the width of the registers differs, and
//! as the compiler neither reorders nor contracts arithmetic, the results are the same bits.
#![allow(unsafe_code)]

use crate::conv2d::Isa;

/// A loop. What it captures are its fields.
pub(crate) trait Kernel {
    /// Runs it. Must be `#[inline(always)]`, and so must what it calls, to be compiled for the
    /// instruction set of the caller.
    fn run(self);
}

/// Runs a loop on the vectors of an instruction set, or on portable ones where this processor lacks
/// it.
#[inline]
pub(crate) fn run(isa: Isa, kernel: impl Kernel) {
    match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 if isa.is_available() => {
            // SAFETY: `is_available` has looked for what `avx512` enables.
            unsafe { avx512(kernel) }
        }
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 if isa.is_available() => {
            // SAFETY: `is_available` has looked for what `avx2` enables.
            unsafe { avx2(kernel) }
        }
        _ => kernel.run(),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn avx512(kernel: impl Kernel) {
    kernel.run();
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn avx2(kernel: impl Kernel) {
    kernel.run();
}
