//! Reductions of matrices to one row: the inner loop of sums, maxima and batch statistics.

use std::marker::PhantomData;
use std::ops::Range;

use lowland_core::Real;

use crate::conv2d::Isa;
use crate::scalar::Scalar;
use crate::simd::{self, Kernel};

/// Columns that are folded side by side: two AVX-512 registers of `f32`, four of AVX2.
const LANES: usize = 32;

/// Rows that are folded in the elements' own type, before the result goes on in `f64`: the rounding
/// errors of a sum are those of this many terms.
pub(crate) const BLOCK_ROWS: usize = 64;

/// How elements are combined.
pub(crate) trait Fold: Copy + Send + Sync {
    /// What changes nothing.
    const START: f64;

    /// One more element.
    fn fold<R: Real>(a: R, x: R) -> R;
}

/// The sum.
#[derive(Clone, Copy)]
pub(crate) struct Sum;

impl Fold for Sum {
    const START: f64 = 0.0;

    #[inline(always)]
    fn fold<R: Real>(a: R, x: R) -> R {
        a + x
    }
}

/// The maximum; a NaN stays.
#[derive(Clone, Copy)]
pub(crate) struct Max;

impl Fold for Max {
    const START: f64 = f64::NEG_INFINITY;

    #[inline(always)]
    fn fold<R: Real>(a: R, x: R) -> R {
        if (x > a) | x.is_nan() { x } else { a }
    }
}

/// A block of rows of a matrix.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rows {
    /// The number of rows.
    pub(crate) rows: usize,
    /// The number of columns.
    pub(crate) columns: usize,
    /// From the start of a row to that of the next.
    pub(crate) stride: usize,
}

/// Folds each column of `OUT` matrices that are computed from `IN` given ones, element by element:
/// `term` takes the column's entries in `parameters` (zeros, where there are none) and the elements.
/// `emit` gets each column once, in ascending order, with the results.
///
/// The order in which elements are combined depends on `block` alone, not on how much of the slices
/// lies behind it.
pub(crate) fn fold_columns<F, T, const P: usize, const IN: usize, const OUT: usize>(
    isa: Isa,
    _fold: F,
    block: Rows,
    xs: [&[T]; IN],
    parameters: [&[T]; P],
    term: impl Fn([T; P], [T; IN]) -> [T; OUT] + Copy,
    emit: impl FnMut(usize, [f64; OUT]),
) where
    F: Fold,
    T: Scalar,
{
    let fold = PhantomData::<F>;
    simd::run(isa, FoldColumns { fold, block, xs, parameters, term, emit });
}

struct FoldColumns<'a, F, T, const P: usize, const IN: usize, Term, Emit> {
    fold: PhantomData<F>,
    block: Rows,
    xs: [&'a [T]; IN],
    parameters: [&'a [T]; P],
    term: Term,
    emit: Emit,
}

impl<F, T, const P: usize, const IN: usize, const OUT: usize, Term, Emit> Kernel
    for FoldColumns<'_, F, T, P, IN, Term, Emit>
where
    F: Fold,
    T: Scalar,
    Term: Fn([T; P], [T; IN]) -> [T; OUT] + Copy,
    Emit: FnMut(usize, [f64; OUT]),
{
    #[inline(always)]
    fn run(self) {
        let FoldColumns { fold: _, block, xs, parameters, term, mut emit } = self;
        let Rows { rows, columns, stride } = block;
        let of_lanes = |column: &dyn Fn(usize) -> usize| {
            parameters.map(|of_column| -> [T; LANES] {
                std::array::from_fn(|lane| of_column.get(column(lane)).copied().unwrap_or_default())
            })
        };
        if 2 * columns <= LANES && stride == columns && columns > 0 {
            // Several rows are seen as one, to fill the lanes.
            let together = LANES / columns;
            let lanes = together * columns;
            let of_lane = of_lanes(&|lane| lane % columns);
            let full = Rows { rows: rows / together, columns: lanes, stride: lanes };
            let mut totals = [[F::START; LANES]; OUT];
            fold_tile::<F, T, P, IN, OUT>(full, xs, &of_lane, term, &mut totals);
            let rest = Rows { rows: 1, columns: rows % together * columns, stride: 0 };
            let xs = xs.map(|x| &x[full.rows * lanes..]);
            fold_tile::<F, T, P, IN, OUT>(rest, xs, &of_lane, term, &mut totals);
            for column in 0..columns {
                let of_column = |totals: &[f64; LANES]| {
                    let lanes = totals[column..lanes].iter().step_by(columns);
                    lanes.copied().fold(F::START, F::fold)
                };
                emit(column, totals.each_ref().map(of_column));
            }
            return;
        }
        for first in (0..columns).step_by(LANES) {
            let tile = Rows { rows, columns: LANES.min(columns - first), stride };
            let of_lane = of_lanes(&|lane| first + lane);
            let mut totals = [[F::START; LANES]; OUT];
            let xs = xs.map(|x| x.get(first..).unwrap_or_default());
            fold_tile::<F, T, P, IN, OUT>(tile, xs, &of_lane, term, &mut totals);
            for lane in 0..tile.columns {
                emit(first + lane, totals.each_ref().map(|totals| totals[lane]));
            }
        }
    }
}

/// Folds up to [`LANES`] columns into `totals`.
#[inline(always)]
fn fold_tile<F: Fold, T: Scalar, const P: usize, const IN: usize, const OUT: usize>(
    tile: Rows,
    xs: [&[T]; IN],
    parameters: &[[T; LANES]; P],
    term: impl Fn([T; P], [T; IN]) -> [T; OUT] + Copy,
    totals: &mut [[f64; LANES]; OUT],
) {
    // With the number of lanes known, the loop runs in registers. So all lanes are used as long as
    // there is something behind them, if only the next row: the result of what is beyond the tile's
    // columns is not looked at.
    let shortest = xs.iter().map(|x| x.len()).min().unwrap_or(0);
    let in_full = match shortest.checked_sub(LANES) {
        Some(spare) if tile.stride > 0 => tile.rows.min(spare / tile.stride + 1),
        _ => 0,
    };
    for first in (0..tile.rows).step_by(BLOCK_ROWS) {
        let end = tile.rows.min(first + BLOCK_ROWS);
        let start = [[T::of(F::START); LANES]; OUT];
        // Where the loop changes is no matter for the order: both go on with the same results.
        let split = in_full.clamp(first, end);
        let rows = |range| Lanes { range, stride: tile.stride, xs, parameters };
        let folded = rows(first..split).fold::<F, OUT>(LANES, term, start);
        let folded = rows(split..end).fold::<F, OUT>(tile.columns, term, folded);
        for (totals, folded) in totals.iter_mut().zip(&folded) {
            for lane in 0..LANES {
                totals[lane] = F::fold(totals[lane], folded[lane].f64());
            }
        }
    }
}

/// Some rows of a tile.
struct Lanes<'a, T, const P: usize, const IN: usize> {
    range: Range<usize>,
    stride: usize,
    xs: [&'a [T]; IN],
    parameters: &'a [[T; LANES]; P],
}

impl<T: Scalar, const P: usize, const IN: usize> Lanes<'_, T, P, IN> {
    /// Folds the rows of so many lanes on top of what was folded before. By value, so that it stays
    /// in registers.
    #[inline(always)]
    fn fold<F: Fold, const OUT: usize>(
        self,
        lanes: usize,
        term: impl Fn([T; P], [T; IN]) -> [T; OUT],
        mut folded: [[T; LANES]; OUT],
    ) -> [[T; LANES]; OUT] {
        for row in self.range {
            let at = row * self.stride;
            let row = self.xs.map(|x| &x[at..at + lanes]);
            for lane in 0..lanes {
                let parameters = self.parameters.each_ref().map(|of_lane| of_lane[lane]);
                let terms = term(parameters, row.map(|x| x[lane]));
                for (folded, term) in folded.iter_mut().zip(terms) {
                    folded[lane] = F::fold(folded[lane], term);
                }
            }
        }
        folded
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fold<F: Fold>(isa: Isa, fold: F, rows: usize, columns: usize, x: &[f64]) -> Vec<[f64; 2]> {
        let parameters: Vec<f64> = (0..columns).map(|c| c as f64).collect();
        let block = Rows { rows, columns, stride: columns };
        let mut all = vec![];
        fold_columns(
            isa,
            fold,
            block,
            [x],
            [&parameters],
            |[p], [x]| [x, p * x],
            |c, folded| {
                assert_eq!(c, all.len());
                all.push(folded);
            },
        );
        all
    }

    #[test]
    fn columns_of_every_width_are_folded_once() {
        for isa in Isa::ALL.into_iter().filter(|isa| isa.is_available()) {
            for columns in [0, 1, 2, 3, 10, 16, 17, 31, 32, 33, 64, 70] {
                for rows in [0, 1, 2, 31, 32, 33, 129] {
                    let x: Vec<f64> =
                        (0..rows * columns).map(|i| ((i * 37) % 101) as f64).collect();
                    let column = |c: usize| (0..rows).map(move |r| r * columns + c);
                    let sums: Vec<[f64; 2]> = (0..columns)
                        .map(|c| column(c).map(|i| x[i]).sum::<f64>())
                        .enumerate()
                        .map(|(c, sum)| [sum, c as f64 * sum])
                        .collect();
                    assert_eq!(fold(isa, Sum, rows, columns, &x), sums);
                    let maxima = fold(isa, Max, rows, columns, &x);
                    for (c, [max, _]) in maxima.into_iter().enumerate() {
                        assert_eq!(max, column(c).map(|i| x[i]).fold(f64::NEG_INFINITY, f64::max));
                    }
                }
            }
        }
    }

    #[test]
    fn what_lies_behind_a_block_does_not_change_its_bits() {
        let x: Vec<f64> = (0..30_000).map(|i| (f64::from(i) * 0.7).sin()).collect();
        for isa in Isa::ALL.into_iter().filter(|isa| isa.is_available()) {
            for columns in [1, 2, 3, 5, 10, 15, 17, 31, 33, 48, 70, 80] {
                for rows in [1, 33, 63, 64, 65, 100, 129, 200, 333] {
                    let len = rows * columns;
                    for behind in [0, 1, columns, 29, 31, 1000] {
                        let alone = fold(isa, Sum, rows, columns, &x[..len]);
                        assert_eq!(fold(isa, Sum, rows, columns, &x[..len + behind]), alone);
                    }
                }
            }
        }
    }

    #[test]
    fn a_nan_is_the_maximum() {
        let maxima = fold(Isa::detect(), Max, 3, 1, &[1.0, f64::NAN, 3.0]);
        assert!(maxima[0][0].is_nan());
    }
}
