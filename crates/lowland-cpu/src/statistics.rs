//! Mean and variance of the columns of a matrix, whose rows are N·H·W and whose columns are channels.
//!
//! Blocks of rows give a sum and squared deviations from their own mean, which are combined in
//! order: a mean far larger than the deviations does no harm.

use lowland_core::Result;

use crate::columns::{Rows, Sum, fold_columns};
use crate::context::Context;
use crate::conv2d::Isa;
use crate::pool::Scratch;
use crate::scalar::Scalar;

/// Elements that statistics are taken of at a time; as they are read twice, they should stay in the
/// first-level cache.
pub(crate) const BLOCK: usize = 4 * 1024;

/// Rows that statistics are taken of at a time, at least, so that there are few partial results.
const MIN_BLOCK_ROWS: usize = 64;

/// Channels of a block that statistics are taken of at a time: some tiles of [`fold_columns`].
const GROUP: usize = 64;

/// The number of rows in each block that partial results are taken of.
pub(crate) fn block_rows(channels: usize) -> usize {
    (BLOCK / channels.max(1)).max(MIN_BLOCK_ROWS)
}

/// The means of all channels of `x`, then their biased variances.
///
/// # Errors
/// [`Error::OutOfMemory`](lowland_core::Error::OutOfMemory) for partial results.
pub(crate) fn of<'p, T: Scalar>(
    context: Context<'p>,
    channels: usize,
    x: &[T],
) -> Result<Scratch<'p, f64>> {
    let chunk = (block_rows(channels) * channels).max(1);
    let mut partial = context.pool.scratch::<f64>(x.len().div_ceil(chunk) * 2 * channels)?;
    let blocks = partial.chunks_mut((2 * channels).max(1)).zip(x.chunks(chunk));
    context.threads.for_each(blocks, |(partial, x)| of_block(context.isa, channels, x, partial));
    combine(context, channels, x.len(), chunk, &partial)
}

/// The sum of each channel of some rows, then its squared deviations from its mean in these rows.
pub(crate) fn of_block<T: Scalar>(isa: Isa, channels: usize, x: &[T], out: &mut [f64]) {
    let rows = x.len() / channels;
    let count = rows as f64;
    let (sums, squares) = out.split_at_mut(channels);
    let groups = sums.chunks_mut(GROUP).zip(squares.chunks_mut(GROUP)).enumerate();
    for (group, (sums, squares)) in groups {
        let block = Rows { rows, columns: sums.len(), stride: channels };
        let x = &x[group * GROUP..];
        let mut means = [T::zero(); GROUP];
        fold_columns(isa, Sum, block, [x], [], |[], x| x, |c, [sum]| means[c] = T::of(sum / count));
        // The mean is rounded; what is left of the deviations' sum corrects it.
        let term = |[mean]: [T; 1], [x]: [T; 1]| [x - mean, (x - mean) * (x - mean)];
        fold_columns(isa, Sum, block, [x], [&means], term, |c, [off, square]| {
            sums[c] = means[c].f64() * count + off;
            squares[c] = (square - off * off / count).max(0.0);
        });
    }
}

/// Combines what [`of_block`] gave for each `chunk` elements of `len` into what [`of`] returns.
///
/// # Errors
/// As [`of`].
pub(crate) fn combine<'p>(
    context: Context<'p>,
    channels: usize,
    len: usize,
    chunk: usize,
    partial: &[f64],
) -> Result<Scratch<'p, f64>> {
    let mut total = context.pool.scratch::<f64>(2 * channels)?;
    if channels == 0 {
        return Ok(total);
    }
    let rows = (len / channels) as f64;
    let (mean, var) = total.split_at_mut(channels);
    mean.fill(0.0);
    for partial in partial.chunks(2 * channels) {
        mean.iter_mut().zip(partial).for_each(|(mean, sum)| *mean += sum);
    }
    mean.iter_mut().for_each(|mean| *mean /= rows);
    var.fill(0.0);
    for (block, partial) in partial.chunks(2 * channels).enumerate() {
        let count = ((len - block * chunk).min(chunk) / channels) as f64;
        let (sums, squares) = partial.split_at(channels);
        for ((var, mean), (sum, square)) in var.iter_mut().zip(&*mean).zip(sums.iter().zip(squares))
        {
            let off = sum / count - mean;
            *var += square + count * off * off;
        }
    }
    var.iter_mut().for_each(|var| *var /= rows);
    Ok(total)
}
