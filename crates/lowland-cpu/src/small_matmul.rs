//! Matrix products that are small, as those of classifiers are: no memory but the pool's, and the
//! same bits on every processor.

use lowland_core::Result;

use crate::context::Context;
use crate::matmul::Matrix;
use crate::pool::Scratch;
use crate::scalar::Scalar;
use crate::simd::{self, Kernel};

/// Columns of the result that are summed side by side: one AVX-512 register of `f32`, two of AVX2.
const LANES: usize = 16;

/// Rows of the result that are summed side by side.
const ROWS: usize = 4;

/// Terms that are summed up before they are added to the result: the rounding errors of a sum are
/// those of this many terms, and of the sums.
const DEPTH: usize = 128;

/// A right factor, `[k, n]`, in tiles of [`LANES`] columns, each `[k, LANES]` with zeros beyond the
/// last column.
#[derive(Debug)]
pub(crate) struct Packed<'p, T> {
    k: usize,
    tiles: Scratch<'p, T>,
}

impl<'p, T: Scalar> Packed<'p, T> {
    /// # Errors
    /// [`Error::OutOfMemory`](lowland_core::Error::OutOfMemory).
    pub(crate) fn new(context: Context<'p>, [k, n]: [usize; 2], b: Matrix<'_, T>) -> Result<Self> {
        let mut tiles = context.pool.scratch::<T>(n.div_ceil(LANES) * k * LANES)?;
        for (row, lanes) in tiles.as_chunks_mut::<LANES>().0.iter_mut().enumerate() {
            let (tile, l) = (row / k, row % k);
            for (lane, to) in lanes.iter_mut().enumerate() {
                let column = tile * LANES + lane;
                *to = if column < n { b.at(l, column) } else { T::zero() };
            }
        }
        Ok(Packed { k, tiles })
    }
}

/// `y = a b`, on the calling thread, with `a` `[m, k]` and `y` `[m, n]`, row-major.
pub(crate) fn multiply<T: Scalar>(
    context: Context<'_>,
    n: usize,
    a: Matrix<'_, T>,
    b: &Packed<'_, T>,
    y: &mut [T],
) {
    if b.k == 0 {
        y.fill(T::zero());
        return;
    }
    simd::run(context.isa, Multiply { k: b.k, n, a, tiles: &b.tiles, y });
}

struct Multiply<'a, T> {
    k: usize,
    n: usize,
    a: Matrix<'a, T>,
    tiles: &'a [T],
    y: &'a mut [T],
}

impl<T: Scalar> Kernel for Multiply<'_, T> {
    #[inline(always)]
    fn run(self) {
        let Multiply { k, n, a, tiles, y } = self;
        for (group, y) in y.chunks_mut(ROWS * n).enumerate() {
            let rows = y.len() / n;
            for first in (0..k).step_by(DEPTH) {
                let depth = DEPTH.min(k - first);
                let mut block = [[T::zero(); ROWS]; DEPTH];
                for (l, of_rows) in block[..depth].iter_mut().enumerate() {
                    for (row, to) in of_rows[..rows].iter_mut().enumerate() {
                        *to = a.at(group * ROWS + row, first + l);
                    }
                }
                for (tile, b) in tiles.chunks(k * LANES).enumerate() {
                    let b = &b.as_chunks::<LANES>().0[first..first + depth];
                    let sums = sums(&block[..depth], b);
                    let columns = tile * LANES..n.min((tile + 1) * LANES);
                    for (y, sums) in y.chunks_mut(n).zip(&sums) {
                        for (y, &sum) in y[columns.clone()].iter_mut().zip(sums) {
                            *y = if first == 0 { sum } else { *y + sum };
                        }
                    }
                }
            }
        }
    }
}

/// The products of some columns of `a` with the rows of `b` of the same numbers, summed up.
#[inline(always)]
fn sums<T: Scalar>(a: &[[T; ROWS]], b: &[[T; LANES]]) -> [[T; LANES]; ROWS] {
    let mut sums = [[T::zero(); LANES]; ROWS];
    for (a, b) in a.iter().zip(b) {
        for (sums, &a) in sums.iter_mut().zip(a) {
            for (sum, &b) in sums.iter_mut().zip(b) {
                *sum += a * b;
            }
        }
    }
    sums
}
