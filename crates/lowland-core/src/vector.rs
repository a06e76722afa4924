//! The loops of a step, compiled once more for AVX2 and chosen at run time.
//!
//! Unsafe, because a function compiled for instructions that a processor lacks must not run on it.
//! The bits are the same either way: these loops have no sums across elements, and Rust never
//! contracts a product and a sum into one rounding. Wider vectors than AVX2's gain nothing, as the
//! memory is the limit then.
#![allow(unsafe_code)]

use crate::Real;
use crate::stage::{Block, Scalars, Stage};

/// [`Stage::apply_block`].
pub(crate) fn apply_block<S: Stage, T: Real>(stage: &S, scalars: Scalars<'_>, block: Block<'_, T>) {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        #[target_feature(enable = "avx2")]
        fn avx2<S: Stage, T: Real>(stage: &S, scalars: Scalars<'_>, block: Block<'_, T>) {
            stage.apply_block(scalars, block);
        }
        // SAFETY: the processor has AVX2.
        return unsafe { avx2(stage, scalars, block) };
    }
    stage.apply_block(scalars, block);
}

/// `p <- p - lr d`, element by element.
pub(crate) fn descend<T: Real>(params: &mut [T], lr: T, direction: &[T]) {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        #[target_feature(enable = "avx2")]
        fn avx2<T: Real>(params: &mut [T], lr: T, direction: &[T]) {
            descend_by(params, lr, direction);
        }
        // SAFETY: the processor has AVX2.
        return unsafe { avx2(params, lr, direction) };
    }
    descend_by(params, lr, direction);
}

#[inline(always)]
fn descend_by<T: Real>(params: &mut [T], lr: T, direction: &[T]) {
    for (p, &d) in params.iter_mut().zip(direction) {
        *p -= lr * d;
    }
}
