//! Columns gathered into tiles, so that a metric works on many of them with vector instructions,
//! whichever axis they run along.

use super::{Columns, Metric};

/// The number of columns in a tile: one cache line of `f32` in each row.
pub const WIDTH: usize = 16;

/// A row-major tensor as `blocks` blocks of `n` rows of `inner` elements; columns run along the rows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    pub(super) blocks: usize,
    pub(super) n: usize,
    inner: usize,
}

impl Layout {
    pub(super) fn new(dims: &[usize], axis: usize) -> Self {
        let product = |dims: &[usize]| dims.iter().product();
        Layout { blocks: product(&dims[..axis]), n: dims[axis], inner: product(&dims[axis + 1..]) }
    }

    /// The first element of a column.
    #[inline(always)]
    fn start(&self, column: usize) -> usize {
        column / self.inner * self.n * self.inner + column % self.inner
    }
}

/// Replaces every column of some blocks. `tile` has room for `n` rows of [`WIDTH`].
#[inline(always)]
pub(super) fn smooth_tiles<T: Copy, M: Metric>(
    metric: &M,
    prepared: &[f64],
    layout: Layout,
    blocks: &mut [T],
    tile: &mut [f64],
    widen: impl Fn(T) -> f64,
    narrow: impl Fn(f64) -> T,
) {
    let Layout { n, inner, .. } = layout;
    let (tile, _) = tile[..n * WIDTH].as_chunks_mut::<WIDTH>();
    let columns = blocks.len() / n;
    for first in (0..columns).step_by(WIDTH) {
        let width = WIDTH.min(columns - first);
        let start = layout.start(first);
        if width == WIDTH && first % inner + WIDTH <= inner {
            for (o, row) in tile.iter_mut().enumerate() {
                let from = &blocks[start + o * inner..][..WIDTH];
                row.iter_mut().zip(from).for_each(|(t, &x)| *t = widen(x));
            }
            solve_with_mean(metric, prepared, tile);
            for (o, row) in tile.iter().enumerate() {
                let to = &mut blocks[start + o * inner..][..WIDTH];
                to.iter_mut().zip(row).for_each(|(x, &t)| *x = narrow(t));
            }
        } else {
            let mut starts = [0; WIDTH];
            for (k, start) in starts.iter_mut().enumerate() {
                // A tile that is not full repeats its last column.
                *start = layout.start(first + k.min(width - 1));
            }
            for (o, row) in tile.iter_mut().enumerate() {
                row.iter_mut().zip(starts).for_each(|(t, at)| *t = widen(blocks[at + o * inner]));
            }
            solve_with_mean(metric, prepared, tile);
            for (o, row) in tile.iter().enumerate() {
                for (&t, at) in row[..width].iter().zip(starts) {
                    blocks[at + o * inner] = narrow(t);
                }
            }
        }
    }
}

/// Takes the mean off each column, solves for the rest, and puts the mean back.
#[inline(always)]
fn solve_with_mean<M: Metric>(metric: &M, prepared: &[f64], columns: &mut Columns) {
    let means = take_means(columns);
    metric.solve(prepared, columns);
    for row in columns {
        row.iter_mut().zip(means).for_each(|(x, mean)| *x += mean);
    }
}

/// Makes the mean of each column 0, and returns what it was.
#[inline(always)]
pub(super) fn take_means(columns: &mut Columns) -> [f64; WIDTH] {
    let mut means = [0.0; WIDTH];
    for row in &*columns {
        means.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
    }
    let n = columns.len() as f64;
    means.iter_mut().for_each(|sum| *sum /= n);
    for row in columns {
        row.iter_mut().zip(means).for_each(|(x, mean)| *x -= mean);
    }
    means
}
