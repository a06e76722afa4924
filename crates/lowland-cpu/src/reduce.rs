//! Sums, means and maxima over axes.

use lowland_core::op::{Reduce, ReduceKind};
use lowland_core::{Result, Shape};

use crate::CHUNK;
use crate::columns::{BLOCK_ROWS, Fold, Max, Rows, Sum, fold_columns};
use crate::context::Context;
use crate::cpu::unsupported;
use crate::scalar::Scalar;
use crate::strided::{Walk, repeated};

/// Above this many columns, a matrix is cut along columns rather than rows.
const WIDE: usize = 256;

/// The most pieces that the rows of one matrix are cut into.
const MAX_PIECES: usize = 64;

/// Whether this kind can be computed.
pub(crate) fn supports(kind: ReduceKind) -> bool {
    matches!(kind, ReduceKind::Sum | ReduceKind::Mean | ReduceKind::Max)
}

/// # Errors
/// [`Error::OutOfMemory`](lowland_core::Error::OutOfMemory) for partial results, and
/// [`Error::Unsupported`](lowland_core::Error::Unsupported).
pub(crate) fn forward<T: Scalar>(
    op: &Reduce,
    context: Context<'_>,
    x: &[T],
    y: &mut [T],
) -> Result<()> {
    let divisor = if op.kind == ReduceKind::Mean { op.count() as f64 } else { 1.0 };
    match op.kind {
        ReduceKind::Sum | ReduceKind::Mean => reduce(Sum, op, divisor, context, x, y),
        ReduceKind::Max => reduce(Max, op, divisor, context, x, y),
        kind => Err(unsupported(kind.name(), T::DTYPE)),
    }
}

/// A tensor seen as `[outer, rows, columns]`, to be reduced over the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Middle {
    outer: usize,
    rows: usize,
    columns: usize,
}

/// Reduces one run of neighbouring axes after the other, the last one first.
fn reduce<F: Fold, T: Scalar>(
    fold: F,
    op: &Reduce,
    divisor: f64,
    context: Context<'_>,
    x: &[T],
    y: &mut [T],
) -> Result<()> {
    let stages = stages(op);
    let Some((last, first)) = stages.split_last() else {
        y.copy_from_slice(x);
        return Ok(());
    };
    let mut held = None;
    for stage in first {
        let mut out = context.pool.scratch::<T>(stage.outer * stage.columns)?;
        reduce_middle(fold, *stage, 1.0, context, held.as_deref().unwrap_or(x), &mut out)?;
        held = Some(out);
    }
    reduce_middle(fold, *last, divisor, context, held.as_deref().unwrap_or(x), y)
}

/// The runs of neighbouring axes that are reduced, the last one first.
fn stages(op: &Reduce) -> Vec<Middle> {
    let is_reduced = |axis: usize| op.to[axis] != op.from[axis];
    let product = |shape: &Shape, axes: std::ops::Range<usize>| -> usize {
        shape.extents()[axes].iter().product()
    };
    let mut stages: Vec<Middle> = vec![];
    let mut end = op.from.rank();
    let mut columns = 1;
    while end > 0 {
        let reduced = is_reduced(end - 1);
        // Axes of extent 1 go along with either kind.
        let belongs = |&axis: &usize| op.from[axis] == 1 || is_reduced(axis) == reduced;
        let start = (0..end).rev().take_while(belongs).last().unwrap_or(end - 1);
        if reduced {
            let (outer, rows) = (product(&op.from, 0..start), product(&op.from, start..end));
            stages.push(Middle { outer, rows, columns });
        } else {
            columns *= product(&op.from, start..end);
        }
        end = start;
    }
    stages
}

fn reduce_middle<F: Fold, T: Scalar>(
    fold: F,
    shape: Middle,
    divisor: f64,
    context: Context<'_>,
    x: &[T],
    y: &mut [T],
) -> Result<()> {
    let Middle { outer, rows, columns } = shape;
    if y.is_empty() {
        return Ok(());
    }
    let many_tiles = outer.saturating_mul(columns / WIDE) >= 16;
    let piece_rows = (CHUNK / columns.min(WIDE)).max(rows.div_ceil(MAX_PIECES));
    if columns > WIDE && (many_tiles || rows <= piece_rows) {
        by_columns(fold, shape, divisor, context, x, y);
    } else if rows <= piece_rows {
        by_outer(fold, shape, divisor, context, x, y);
    } else {
        let pieces = rows.div_ceil(piece_rows);
        let mut partial = context.pool.scratch::<f64>(outer * pieces * columns)?;
        context.threads.for_each(partial.chunks_mut(columns).enumerate(), |(task, partial)| {
            let (matrix, piece) = (task / pieces, task % pieces);
            let first = piece * piece_rows;
            let block = Rows { rows: piece_rows.min(rows - first), columns, stride: columns };
            let x = &x[(matrix * rows + first) * columns..];
            let emit = |c, [total]: [f64; 1]| partial[c] = total;
            fold_columns(context.isa, fold, block, [x], [], |[], x| x, emit);
        });
        for (partial, y) in partial.chunks(pieces * columns).zip(y.chunks_mut(columns)) {
            for (column, y) in y.iter_mut().enumerate() {
                let pieces = partial[column..].iter().step_by(columns).copied();
                *y = T::of(pieces.fold(F::START, F::fold) / divisor);
            }
        }
    }
    Ok(())
}

/// Each task takes some columns of one matrix.
fn by_columns<F: Fold, T: Scalar>(
    fold: F,
    shape: Middle,
    divisor: f64,
    Context { isa, threads, .. }: Context<'_>,
    x: &[T],
    y: &mut [T],
) {
    let Middle { rows, columns, .. } = shape;
    let width = (CHUNK / rows.max(1)).next_multiple_of(WIDE).max(WIDE);
    let tasks = y.chunks_mut(columns).enumerate().flat_map(|(matrix, y)| {
        y.chunks_mut(width).enumerate().map(move |(tile, y)| (matrix, tile * width, y))
    });
    threads.for_each(tasks, |(matrix, first, y)| {
        let block = Rows { rows, columns: y.len(), stride: columns };
        let x = &x[matrix * rows * columns..];
        let x = x.get(first..).unwrap_or_default();
        let emit = |c, [total]: [f64; 1]| y[c] = T::of(total / divisor);
        fold_columns(isa, fold, block, [x], [], |[], x| x, emit);
    });
}

/// Each task takes some whole matrices.
fn by_outer<F: Fold, T: Scalar>(
    fold: F,
    shape: Middle,
    divisor: f64,
    Context { isa, threads, .. }: Context<'_>,
    x: &[T],
    y: &mut [T],
) {
    let Middle { rows, columns, .. } = shape;
    let together = (CHUNK / (rows * columns).max(1)).max(1);
    threads.for_each(y.chunks_mut(together * columns).enumerate(), |(task, y)| {
        for (k, y) in y.chunks_mut(columns).enumerate() {
            let matrix = task * together + k;
            let x = &x[matrix * rows * columns..][..rows * columns];
            if let ([y], 0..=BLOCK_ROWS) = (&mut *y, rows) {
                *y = T::of(x.iter().copied().fold(T::of(F::START), F::fold).f64() / divisor);
                continue;
            }
            let block = Rows { rows, columns, stride: columns };
            let emit = |c, [total]: [f64; 1]| y[c] = T::of(total / divisor);
            fold_columns(isa, fold, block, [x], [], |[], x| x, emit);
        }
    });
}

/// `dx` is `dy` at the first element that equals the maximum, in row-major order, and 0 elsewhere.
///
/// # Errors
/// [`Error::OutOfMemory`](lowland_core::Error::OutOfMemory) for scratch memory.
pub(crate) fn max_grad<T: Scalar>(
    op: &Reduce,
    context: Context<'_>,
    x: &[T],
    y: &[T],
    dy: &[T],
    dx: &mut [T],
) -> Result<()> {
    // Leading axes that are kept divide the work into parts with results of their own.
    let kept = (0..op.from.rank()).take_while(|&axis| op.to[axis] == op.from[axis]).count();
    let parts: usize = op.from.extents()[..kept].iter().product();
    if x.is_empty() {
        return Ok(());
    }
    let (part, results) = (x.len() / parts, y.len() / parts);
    let together = (CHUNK / part).max(1);
    let (from, to) = (&op.from.extents()[kept..], Shape::new(&op.to.extents()[kept..]));
    let walk = Walk::new(&Shape::new(from), [repeated(&to, from.len())], [0]);
    let [stride] = walk.row_strides();
    // Of each task: for each result of the part at hand, whether its maximum was found (1) or not (0).
    let mut found = context.pool.scratch::<u32>(parts.div_ceil(together) * results)?;
    let tasks = dx.chunks_mut(together * part).zip(found.chunks_mut(results)).enumerate();
    context.threads.for_each(tasks, |(task, (dx, found))| {
        for (k, dx) in dx.chunks_mut(part).enumerate() {
            let index = task * together + k;
            let (x, at) = (&x[index * part..], index * results);
            found.fill(0);
            walk.rows(0..part, |range, [first]| {
                for (step, (dx, &x)) in dx[range.clone()].iter_mut().zip(&x[range]).enumerate() {
                    let result = first + step * stride;
                    let max = y[at + result];
                    let is_max = x == max || x.is_nan() && max.is_nan();
                    let is_first = is_max && found[result] == 0;
                    found[result] |= u32::from(is_first);
                    *dx = if is_first { dy[at + result] } else { T::zero() };
                }
            });
        }
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use lowland_core::Op;

    use super::*;
    use crate::testing::assert_gives;

    fn op(kind: ReduceKind, shape: &[usize], axes: &[usize]) -> Reduce {
        Reduce::new(kind, Shape::new(shape), axes).unwrap()
    }

    #[test]
    fn rows_columns_everything_and_nothing() {
        let x = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0];
        let sum = |axes| Op::Reduce(op(ReduceKind::Sum, &[2, 3], axes));
        assert_gives(sum(&[0]), &[&x], &[&[9.0, 18.0, 36.0]]);
        assert_gives(sum(&[1]), &[&x], &[&[7.0, 56.0]]);
        assert_gives(sum(&[0, 1]), &[&x], &[&[63.0]]);
        assert_gives(sum(&[]), &[&x], &[&x]);
        let none = Op::Reduce(op(ReduceKind::Sum, &[0, 3], &[0]));
        assert_gives(none, &[&[]], &[&[0.0; 3]]);
        let mean = Op::Reduce(op(ReduceKind::Mean, &[2, 3], &[1]));
        assert_gives(mean, &[&x], &[&[7.0 / 3.0, 56.0 / 3.0]]);
        let max = Op::Reduce(op(ReduceKind::Max, &[2, 3], &[0]));
        assert_gives(max, &[&[1.0, f64::NAN, -4.0, 0.0, 2.0, -3.0]], &[&[1.0, f64::NAN, -3.0]]);
        assert!(ReduceKind::ALL.into_iter().all(supports));
    }

    #[test]
    fn separate_axes_are_reduced_one_after_the_other() {
        let reduce = op(ReduceKind::Mean, &[2, 1, 2, 2, 1], &[0, 3, 4]);
        let stage = |outer, rows, columns| Middle { outer, rows, columns };
        assert_eq!(stages(&reduce), [stage(4, 2, 1), stage(1, 2, 2)]);
        let x = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 9.0];
        assert_gives(Op::Reduce(reduce), &[&x], &[&[3.5, 5.75]]);
    }

    #[test]
    fn every_way_to_cut_the_work_sums_up() {
        for shape in [[1, 40_000, 3], [3, 700, 257], [1, 128, 9000], [40_000, 9, 1], [2, 70_000, 1]]
        {
            let [outer, rows, columns] = shape;
            let x: Vec<f64> = (0..outer * rows * columns).map(|i| (i % 3) as f64 - 1.0).collect();
            let mut want = vec![0.0; outer * columns];
            for (i, x) in x.iter().enumerate() {
                want[i / (rows * columns) * columns + i % columns] += x;
            }
            assert_gives(Op::Reduce(op(ReduceKind::Sum, &shape, &[1])), &[&x], &[&want]);
        }
    }

    #[test]
    fn the_gradient_of_a_maximum_goes_to_the_first() {
        let grad = |shape, axes| Op::ReduceMaxGrad(op(ReduceKind::Max, shape, axes));
        let x = [1.0, 3.0, 3.0, 5.0, 5.0, 2.0];
        let dx = [0.0, 10.0, 0.0, 20.0, 0.0, 0.0];
        assert_gives(grad(&[2, 3], &[1]), &[&x, &[3.0, 5.0], &[10.0, 20.0]], &[&dx]);
        let dx = [0.0, 0.0, 3.0, 1.0, 2.0, 0.0];
        assert_gives(grad(&[2, 3], &[0]), &[&x, &[5.0, 5.0, 3.0], &[1.0, 2.0, 3.0]], &[&dx]);
        let nan = f64::NAN;
        let inputs: [&[f64]; 3] = [&[1.0, nan, nan], &[nan], &[4.0]];
        assert_gives(grad(&[3], &[0]), &inputs, &[&[0.0, 4.0, 0.0]]);
    }
}
