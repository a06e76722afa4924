//! Two-dimensional convolution and its two gradients.
//!
//! The gradient of the input is a convolution of `dy` with flipped, transposed weights, so the
//! forward pass and it share their code: both are a [`Correlation`]. The gradient of the weight is
//! a sum over pixels with code of its own.
//!
//! [`generic`] and [`generic_weight`] handle every shape and both float types. The [`direct`]
//! kernels handle what networks are made of, 3x3 and 1x1 kernels in `f32`, on x86.
//!
//! Nothing here allocates: packed weights and private weight gradients live in a scratch slice of
//! [`scratch_len`] elements, whose contents do not matter. No result depends on the number of
//! threads: work is split by shape alone.

use lowland_core::op::Conv2d;
use lowland_core::{Real, Result};

use crate::context::Context;
use crate::scalar::Scalar;
use crate::statistics;
use crate::threads::Threads;
use correlation::Correlation;
pub use isa::Isa;

mod correlation;
#[cfg_attr(not(target_arch = "x86_64"), path = "direct_elsewhere.rs")]
mod direct;
mod generic;
mod generic_weight;
mod isa;
#[cfg(test)]
mod tests;
mod weight_sum;

/// One of the three convolution ops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pass {
    /// `y` from `x` and `w`.
    Forward,
    /// `dx` from `dy` and `w`.
    GradInput,
    /// `dw` from `x` and `dy`.
    GradWeight,
}

/// The number of scratch elements that a pass wants.
pub(crate) fn scratch_len<T: Real>(isa: Isa, op: &Conv2d, pass: Pass) -> usize {
    direct::scratch_len::<T>(isa, op, pass).unwrap_or_else(|| match pass {
        Pass::Forward | Pass::GradInput => generic::scratch_len(op),
        Pass::GradWeight => generic_weight::scratch_len(op),
    })
}

/// The number of partial results that [`forward_statistics`] adds up.
pub(crate) fn statistics_len<T: Scalar>(isa: Isa, op: &Conv2d) -> usize {
    let (channels, outputs) = (op.out_channels, op.y().len());
    let chunk = direct::task_len::<T>(isa, op)
        .unwrap_or_else(|| statistics::block_rows(channels) * channels);
    outputs.div_ceil(chunk.max(1)).saturating_mul(2).saturating_mul(channels)
}

/// `y`, `[N, H', W', O]`, from `x`, `[N, H, W, I]`, and `w`, `[O, I / groups, kh, kw]`.
pub(crate) fn forward<T: Real>(
    isa: Isa,
    op: &Conv2d,
    threads: &Threads,
    x: &[T],
    w: &[T],
    y: &mut [T],
    scratch: &mut [T],
) {
    if !direct::run(isa, op, Pass::Forward, threads, x, w, y, scratch, &mut []) {
        generic::run(&Correlation::forward(op), threads, x, w, y, scratch);
    }
}

/// `y` as [`forward`] computes it, and the mean and the biased variance of each of its channels. The
/// direct kernels take them of each piece that they have just written, before it leaves the cache.
///
/// # Errors
/// [`Error::OutOfMemory`](lowland_core::Error::OutOfMemory) for scratch memory.
pub(crate) fn forward_statistics<T: Scalar>(
    op: &Conv2d,
    context: Context<'_>,
    x: &[T],
    w: &[T],
    y: &mut [T],
    [mean, var]: [&mut [T]; 2],
) -> Result<()> {
    let Context { isa, threads, pool } = context;
    let channels = op.out_channels;
    let mut scratch = pool.scratch(scratch_len::<T>(isa, op, Pass::Forward))?;
    let total = match direct::task_len::<T>(isa, op) {
        Some(chunk) => {
            let mut partial = pool.scratch(y.len().div_ceil(chunk) * 2 * channels)?;
            let partial = &mut partial;
            let ran = direct::run(isa, op, Pass::Forward, threads, x, w, y, &mut scratch, partial);
            assert!(ran, "the kernels take what they have a task length for");
            statistics::combine(context, channels, y.len(), chunk, partial)?
        }
        None => {
            forward(isa, op, threads, x, w, y, &mut scratch);
            statistics::of(context, channels, y)?
        }
    };
    for (c, (mean, var)) in mean.iter_mut().zip(var).enumerate() {
        [*mean, *var] = [total[c], total[channels + c]].map(T::of);
    }
    Ok(())
}

/// `dx`, `[N, H, W, I]`, from `dy`, `[N, H', W', O]`, and `w`, `[O, I / groups, kh, kw]`.
pub(crate) fn grad_input<T: Real>(
    isa: Isa,
    op: &Conv2d,
    threads: &Threads,
    dy: &[T],
    w: &[T],
    dx: &mut [T],
    scratch: &mut [T],
) {
    if !direct::run(isa, op, Pass::GradInput, threads, dy, w, dx, scratch, &mut []) {
        generic::run(&Correlation::grad_input(op), threads, dy, w, dx, scratch);
    }
}

/// `dw`, `[O, I / groups, kh, kw]`, from `x`, `[N, H, W, I]`, and `dy`, `[N, H', W', O]`.
pub(crate) fn grad_weight<T: Real>(
    isa: Isa,
    op: &Conv2d,
    threads: &Threads,
    x: &[T],
    dy: &[T],
    dw: &mut [T],
    scratch: &mut [T],
) {
    if !direct::run(isa, op, Pass::GradWeight, threads, x, dy, dw, scratch, &mut []) {
        generic_weight::run(op, threads, x, dy, dw, scratch);
    }
}
