//! Loops compiled once more for AVX2 and chosen at run time.
//!
//! Unsafe, because a function compiled for instructions that a processor lacks must not run on it.
//! The bits are the same either way: the compiler neither reorders sums nor contracts a product and
//! a sum into one rounding. Wider vectors than AVX2's gain nothing where memory is the limit, as in
//! the step of an optimizer.
#![allow(unsafe_code)]

use std::cell::Cell;

use crate::Real;

/// A loop. What it captures are its fields.
pub trait Kernel {
    /// What it gives.
    type Output;

    /// Runs it. Mark it `#[inline(always)]`, and what it calls too, so that it is compiled for the
    /// instructions of its caller.
    fn run(self) -> Self::Output;
}

thread_local! {
    static PLAIN: Cell<bool> = const { Cell::new(false) };
}

/// Calls `f` with this thread's loops on the vectors that every processor of the kind has, as if it had
/// no others. For tests: the bits are the same.
pub fn plainly<R>(f: impl FnOnce() -> R) -> R {
    struct Restore(bool);

    impl Drop for Restore {
        fn drop(&mut self) {
            PLAIN.set(self.0);
        }
    }

    let _restore = Restore(PLAIN.replace(true));
    f()
}

/// Runs a loop on the widest vectors, up to AVX2's, that this processor has.
#[inline]
pub fn run<K: Kernel>(kernel: K) -> K::Output {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") && !PLAIN.get() {
        #[target_feature(enable = "avx2")]
        fn avx2<K: Kernel>(kernel: K) -> K::Output {
            kernel.run()
        }
        // SAFETY: the processor has AVX2.
        return unsafe { avx2(kernel) };
    }
    kernel.run()
}

/// `p <- p - lr d`, element by element.
pub(crate) fn descend<T: Real>(params: &mut [T], lr: T, direction: &[T]) {
    struct Descend<'a, T>(&'a mut [T], T, &'a [T]);

    impl<T: Real> Kernel for Descend<'_, T> {
        type Output = ();

        #[inline(always)]
        fn run(self) {
            let Descend(params, lr, direction) = self;
            for (p, &d) in params.iter_mut().zip(direction) {
                *p -= lr * d;
            }
        }
    }
    run(Descend(params, lr, direction));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether plain loops are wished for.
    struct Wished;

    impl Kernel for Wished {
        type Output = bool;

        #[inline(always)]
        fn run(self) -> bool {
            PLAIN.get()
        }
    }

    #[test]
    fn plain_loops_last_as_long_as_the_call_whatever_ends_it() {
        assert!(!run(Wished));
        assert!(plainly(|| run(Wished) && plainly(|| run(Wished)) && run(Wished)));
        assert!(!run(Wished));
        let ended = std::panic::catch_unwind(|| plainly(|| panic!("a test")));
        assert!(ended.is_err() && !run(Wished));
    }
}
