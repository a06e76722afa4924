//! Vectors of `f32` in AVX-512 and AVX2, behind one trait.
//!
//! Unsafe, because the processor may lack the instructions and because loads and stores take
//! pointers. The first is settled once: a value of type [`Avx512`] or [`Avx2`] exists only where
//! the instructions do. A [`Kernel`] is written once over [`Simd`]; everything on its way must be
//! `#[inline(always)]`, so that it all ends up in the one function that [`Simd::run`] compiles
//! with the instruction set switched on.
#![allow(unsafe_code)]

use std::arch::asm;
use std::arch::x86_64::*;

use super::super::Isa;

/// Code over vectors of any length.
pub(super) trait Kernel {
    /// Runs the kernel; implementations must be `#[inline(always)]`.
    fn run<S: Simd>(self, simd: S);
}

/// Proof that the processor has an instruction set, and that set's vectors.
pub(super) trait Simd: Copy + Send + Sync {
    /// A vector of [`Simd::LANES`] floats.
    type Vector: Copy;

    /// The instruction set.
    const ISA: Isa;

    /// Floats in a vector.
    const LANES: usize;

    /// Vector registers.
    const REGISTERS: usize;

    /// Runs a kernel, compiled for this instruction set.
    fn run(self, kernel: impl Kernel);

    /// Zeros.
    fn zero(self) -> Self::Vector;

    /// The same number in every lane.
    fn splat(self, x: f32) -> Self::Vector;

    /// `a * b + c`, rounded once.
    fn mul_add(self, a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector;

    /// [`Simd::mul_add`] which, where registers are few, is done before anything is loaded that the
    /// program loads later, and leaves its result where `c` was. Left to itself the compiler loads
    /// far ahead, or reuses the register of `a`, and ends up with sums in memory.
    #[inline(always)]
    fn mul_add_in_order(self, a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector {
        self.mul_add(a, b, c)
    }

    /// The first `lanes` floats at `from`, all if there are that many, and zeros behind them.
    ///
    /// # Safety
    /// `from` must point to `min(lanes, LANES)` floats.
    unsafe fn load(self, from: *const f32, lanes: usize) -> Self::Vector;

    /// Stores the first `lanes` floats, all if there are that many.
    ///
    /// # Safety
    /// `to` must point to `min(lanes, LANES)` floats that nobody else uses.
    unsafe fn store(self, to: *mut f32, v: Self::Vector, lanes: usize);
}

/// The processor has AVX-512F.
#[derive(Clone, Copy)]
pub(super) struct Avx512(());

/// The processor has AVX2 and FMA.
#[derive(Clone, Copy)]
pub(super) struct Avx2(());

impl Avx512 {
    pub(super) fn new() -> Option<Self> {
        Isa::Avx512.is_available().then_some(Avx512(()))
    }
}

impl Avx2 {
    pub(super) fn new() -> Option<Self> {
        Isa::Avx2.is_available().then_some(Avx2(()))
    }
}

impl Simd for Avx512 {
    type Vector = __m512;
    const ISA: Isa = Isa::Avx512;
    const LANES: usize = 16;
    const REGISTERS: usize = 32;

    fn run(self, kernel: impl Kernel) {
        #[target_feature(enable = "avx512f")]
        fn enter(kernel: impl Kernel, simd: Avx512) {
            kernel.run(simd);
        }
        // SAFETY: `self` exists only where `new` found the instructions.
        unsafe { enter(kernel, self) }
    }

    #[inline(always)]
    fn zero(self) -> __m512 {
        // SAFETY: as in `run`; so for all intrinsics below.
        unsafe { _mm512_setzero_ps() }
    }

    #[inline(always)]
    fn splat(self, x: f32) -> __m512 {
        // SAFETY: see `zero`.
        unsafe { _mm512_set1_ps(x) }
    }

    #[inline(always)]
    fn mul_add(self, a: __m512, b: __m512, c: __m512) -> __m512 {
        // SAFETY: see `zero`.
        unsafe { _mm512_fmadd_ps(a, b, c) }
    }

    #[inline(always)]
    unsafe fn load(self, from: *const f32, lanes: usize) -> __m512 {
        if lanes >= Self::LANES {
            // SAFETY: the caller vouches for 16 floats.
            unsafe { _mm512_loadu_ps(from) }
        } else {
            // SAFETY: the mask has the bits of the `lanes` floats that the caller vouches for.
            unsafe { _mm512_maskz_loadu_ps((1 << lanes) - 1, from) }
        }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32, v: __m512, lanes: usize) {
        if lanes >= Self::LANES {
            // SAFETY: the caller vouches for 16 floats.
            unsafe { _mm512_storeu_ps(to, v) }
        } else {
            // SAFETY: the mask has the bits of the `lanes` floats that the caller vouches for.
            unsafe { _mm512_mask_storeu_ps(to, (1 << lanes) - 1, v) }
        }
    }
}

/// The mask of the first `lanes` of eight floats.
#[inline(always)]
fn mask(simd: Avx2, lanes: usize) -> __m256i {
    let _proof = simd;
    // SAFETY: an `Avx2` exists only where `new` found the instructions.
    unsafe {
        let positions = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
        _mm256_cmpgt_epi32(_mm256_set1_epi32(lanes as i32), positions)
    }
}

impl Simd for Avx2 {
    type Vector = __m256;
    const ISA: Isa = Isa::Avx2;
    const LANES: usize = 8;
    const REGISTERS: usize = 16;

    fn run(self, kernel: impl Kernel) {
        #[target_feature(enable = "avx2,fma")]
        fn enter(kernel: impl Kernel, simd: Avx2) {
            kernel.run(simd);
        }
        // SAFETY: `self` exists only where `new` found the instructions.
        unsafe { enter(kernel, self) }
    }

    #[inline(always)]
    fn zero(self) -> __m256 {
        // SAFETY: as in `run`; so for all intrinsics below.
        unsafe { _mm256_setzero_ps() }
    }

    #[inline(always)]
    fn splat(self, x: f32) -> __m256 {
        // SAFETY: see `zero`.
        unsafe { _mm256_set1_ps(x) }
    }

    #[inline(always)]
    fn mul_add(self, a: __m256, b: __m256, c: __m256) -> __m256 {
        // SAFETY: see `zero`.
        unsafe { _mm256_fmadd_ps(a, b, c) }
    }

    #[inline(always)]
    fn mul_add_in_order(self, a: __m256, b: __m256, c: __m256) -> __m256 {
        #[inline]
        #[target_feature(enable = "avx2,fma")]
        fn in_order(a: __m256, b: __m256, mut c: __m256) -> __m256 {
            // SAFETY: the instruction touches its three registers alone, and the function's
            // instruction set has it. That it might touch memory is what keeps loads behind it.
            unsafe {
                asm!(
                    "vfmadd231ps {c}, {a}, {b}",
                    a = in(ymm_reg) a,
                    b = in(ymm_reg) b,
                    c = inout(ymm_reg) c,
                    options(nostack, preserves_flags),
                );
            }
            c
        }
        // SAFETY: see `zero`.
        unsafe { in_order(a, b, c) }
    }

    #[inline(always)]
    unsafe fn load(self, from: *const f32, lanes: usize) -> __m256 {
        if lanes >= Self::LANES {
            // SAFETY: the caller vouches for 8 floats.
            unsafe { _mm256_loadu_ps(from) }
        } else {
            // SAFETY: the mask covers the `lanes` floats that the caller vouches for.
            unsafe { _mm256_maskload_ps(from, mask(self, lanes)) }
        }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32, v: __m256, lanes: usize) {
        if lanes >= Self::LANES {
            // SAFETY: the caller vouches for 8 floats.
            unsafe { _mm256_storeu_ps(to, v) }
        } else {
            // SAFETY: the mask covers the `lanes` floats that the caller vouches for.
            unsafe { _mm256_maskstore_ps(to, mask(self, lanes), v) }
        }
    }
}

/// Repeats a block with a constant bound to each of the numbers, so that conditions on it are
/// decided, and registers assigned, when the program is compiled.
macro_rules! unroll {
    ([$($n:literal)*] $i:ident => $body:block) => {
        $({
            const $i: usize = $n;
            $body
        })*
    };
}
pub(super) use unroll;
