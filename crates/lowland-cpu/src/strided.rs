//! Walks through strided tensors in the order of a contiguous one.

use std::ops::Range;

use lowland_core::Shape;

use crate::CHUNK;
use crate::scalar::Scalar;
use crate::threads::Threads;

const MAX_RANK: usize = Shape::MAX_RANK;

/// Strides in elements, one an axis; 0 where a tensor is repeated.
pub(crate) type Strides = [usize; MAX_RANK];

/// `K` strided tensors, walked through in the row-major order of one shape. Axes that can be walked
/// as one are merged, so that rows are as long as can be: two tensors of one shape are one row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Walk<const K: usize> {
    rank: usize,
    extents: [usize; MAX_RANK],
    strides: [[usize; K]; MAX_RANK],
    first: [usize; K],
}

impl<const K: usize> Walk<K> {
    /// The walk through tensors with these strides whose element 0 is at `first`.
    pub(crate) fn new(shape: &Shape, strides: [Strides; K], first: [usize; K]) -> Self {
        let mut extents = [1usize; MAX_RANK];
        let mut merged = [[0usize; K]; MAX_RANK];
        let mut rank = 0;
        // From the innermost axis outwards.
        for axis in (0..shape.rank()).rev().filter(|&axis| shape[axis] != 1) {
            let own: [usize; K] = std::array::from_fn(|k| strides[k][axis]);
            let goes_on = rank > 0
                && (0..K).all(|k| own[k] == merged[rank - 1][k].saturating_mul(extents[rank - 1]));
            if goes_on {
                extents[rank - 1] = extents[rank - 1].saturating_mul(shape[axis]);
            } else {
                (extents[rank], merged[rank]) = (shape[axis], own);
                rank += 1;
            }
        }
        let rank = rank.max(1);
        extents[..rank].reverse();
        merged[..rank].reverse();
        Walk { rank, extents, strides: merged, first }
    }

    /// The strides along rows.
    pub(crate) fn row_strides(&self) -> [usize; K] {
        self.strides[self.rank - 1]
    }

    /// Calls `row` with each row, or part of one, among the elements `range`: which of the elements
    /// of the range it is, and where it starts in each tensor.
    pub(crate) fn rows(&self, range: Range<usize>, mut row: impl FnMut(Range<usize>, [usize; K])) {
        if range.is_empty() {
            return;
        }
        let inner = self.rank - 1;
        let mut index = [0; MAX_RANK];
        let mut rest = range.start;
        for axis in (0..self.rank).rev() {
            index[axis] = rest % self.extents[axis];
            rest /= self.extents[axis];
        }
        let mut at = 0;
        while at < range.len() {
            let len = (self.extents[inner] - index[inner]).min(range.len() - at);
            let starts = std::array::from_fn(|k| {
                let steps = (0..self.rank).map(|axis| index[axis] * self.strides[axis][k]);
                self.first[k] + steps.sum::<usize>()
            });
            row(at..at + len, starts);
            at += len;
            index[inner] = 0;
            for axis in (0..inner).rev() {
                index[axis] += 1;
                if index[axis] < self.extents[axis] {
                    break;
                }
                index[axis] = 0;
            }
        }
    }
}

/// Copies the elements of `x` in the order of a walk into `y`.
pub(crate) fn gather<T: Scalar>(threads: &Threads, walk: &Walk<1>, x: &[T], y: &mut [T]) {
    let [stride] = walk.row_strides();
    threads.for_each(y.chunks_mut(CHUNK).enumerate(), |(i, y)| {
        let start = i * CHUNK;
        walk.rows(start..start + y.len(), |at, [first]| {
            let y = &mut y[at];
            if stride == 1 {
                y.copy_from_slice(&x[first..first + y.len()]);
            } else {
                let row = x[first..].iter().step_by(stride.max(1));
                y.iter_mut().zip(row).for_each(|(y, &x)| *y = x);
            }
        });
    });
}

/// The strides of a tensor of shape `from` that is repeated to a shape of `rank` axes.
pub(crate) fn repeated(from: &Shape, rank: usize) -> Strides {
    let padded = from.padded_to(rank);
    let mut strides = padded.strides();
    for (axis, &extent) in padded.extents().iter().enumerate() {
        if extent == 1 {
            strides[axis] = 0;
        }
    }
    strides
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(shape: [usize; 3], from: &Shape, range: Range<usize>) -> Vec<(Range<usize>, usize)> {
        let mut rows = vec![];
        let walk = Walk::new(&Shape::from(shape), [repeated(from, 3)], [0]);
        walk.rows(range, |at, [start]| rows.push((at, start)));
        rows
    }

    #[test]
    fn axes_merge_where_they_can() {
        assert_eq!(walk([2, 3, 4], &Shape::from([2, 3, 4]), 0..24), [(0..24, 0)]);
        assert_eq!(walk([2, 3, 4], &Shape::scalar(), 5..24), [(0..19, 0)]);
        assert_eq!(walk([2, 3, 4], &Shape::from([2, 1, 1]), 6..24), [(0..6, 0), (6..18, 1)]);
        assert_eq!(walk([2, 1, 4], &Shape::from([4]), 3..8), [(0..1, 3), (1..5, 0)]);
        assert_eq!(walk([1, 1, 1], &Shape::from([1]), 0..1), [(0..1, 0)]);
        assert_eq!(walk([0, 3, 4], &Shape::from([3, 4]), 0..0), []);
    }
}
