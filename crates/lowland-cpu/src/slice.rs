//! Strided blocks of a tensor, out of it and into zeros.

use lowland_core::Shape;
use lowland_core::op::Slice;

use crate::CHUNK;
use crate::scalar::Scalar;
use crate::strided::{Walk, gather};
use crate::threads::Threads;

/// The block.
pub(crate) fn slice<T: Scalar>(op: &Slice, threads: &Threads, x: &[T], y: &mut [T]) {
    if y.is_empty() {
        return;
    }
    let steps = op.whole.strides();
    let first = op.start.iter().zip(steps).map(|(start, stride)| start * stride).sum();
    let strides = std::array::from_fn(|axis| op.step[axis] * steps[axis]);
    gather(threads, &Walk::new(&op.block, [strides], [first]), x, y);
}

/// The block, written into zeros.
pub(crate) fn embed<T: Scalar>(op: &Slice, threads: &Threads, x: &[T], y: &mut [T]) {
    let Some(last) = op.whole.rank().checked_sub(1) else {
        y.copy_from_slice(x);
        return;
    };
    if y.is_empty() {
        return;
    }
    let (width, len) = (op.whole[last], op.block[last]);
    let (start, step) = (op.start[last], op.step[last]);
    let rows = BlockRows::new(op);
    let task_rows = (CHUNK / width).max(1);
    threads.for_each(y.chunks_mut(task_rows * width).enumerate(), |(task, y)| {
        let sources = rows.sources(task * task_rows);
        for (y, source) in y.chunks_mut(width).zip(sources) {
            y.fill(T::zero());
            let Some(x) = source.map(|row| &x[row * len..][..len]).filter(|x| !x.is_empty()) else {
                continue;
            };
            let y = &mut y[start..];
            if step == 1 {
                y[..len].copy_from_slice(x);
            } else {
                y.iter_mut().step_by(step).zip(x).for_each(|(y, &x)| *y = x);
            }
        }
    });
}

/// Which row of the block lies in which row of the whole, rows being along the last axis.
struct BlockRows<'a> {
    op: &'a Slice,
    /// Axes but the last.
    outer: usize,
    /// From an index of the block to the next on each of them, in rows of the block.
    strides: [usize; Shape::MAX_RANK],
}

impl<'a> BlockRows<'a> {
    fn new(op: &'a Slice) -> Self {
        let outer = op.whole.rank() - 1;
        let strides = Shape::new(&op.block.extents()[..outer]).strides();
        BlockRows { op, outer, strides }
    }

    /// What an index adds to the number of the block's row; `None` where there is no block.
    fn part(&self, axis: usize, index: usize) -> Option<usize> {
        let inside = index.checked_sub(self.op.start[axis])?;
        let (at, off) = (inside / self.op.step[axis], inside % self.op.step[axis]);
        (off == 0 && at < self.op.block[axis]).then_some(at * self.strides[axis])
    }

    /// The rows of the block in the rows of the whole from `row` on.
    fn sources(&self, row: usize) -> impl Iterator<Item = Option<usize>> {
        let mut index = [0; Shape::MAX_RANK];
        let mut parts = [None; Shape::MAX_RANK];
        let mut rest = row;
        for axis in (0..self.outer).rev() {
            index[axis] = rest % self.op.whole[axis];
            parts[axis] = self.part(axis, index[axis]);
            rest /= self.op.whole[axis];
        }
        std::iter::repeat_with(move || {
            let mut axes = parts[..self.outer].iter();
            let source = axes.try_fold(0, |row, part| Some(row + (*part)?));
            for axis in (0..self.outer).rev() {
                let next = index[axis] + 1;
                index[axis] = if next < self.op.whole[axis] { next } else { 0 };
                parts[axis] = self.part(axis, index[axis]);
                if index[axis] > 0 {
                    break;
                }
            }
            source
        })
    }
}

#[cfg(test)]
mod tests {
    use lowland_core::Op;

    use super::*;
    use crate::testing::assert_gives;

    fn op(whole: &[usize], block: &[usize], start: &[usize], step: &[usize]) -> Slice {
        Slice::new(Shape::new(whole), Shape::new(block), start, step).unwrap()
    }

    #[test]
    fn blocks_come_out_and_go_back_into_zeros() {
        let x: Vec<f64> = (1..=12).map(f64::from).collect();
        let odd = op(&[3, 4], &[2, 2], &[0, 1], &[2, 2]);
        assert_gives(Op::Slice(odd), &[&x], &[&[2.0, 4.0, 10.0, 12.0]]);
        let want = [0.0, 2.0, 0.0, 4.0, 0.0, 0.0, 0.0, 0.0, 0.0, 10.0, 0.0, 12.0];
        assert_gives(Op::Embed(odd), &[&[2.0, 4.0, 10.0, 12.0]], &[&want]);
        let padding = op(&[2, 4], &[2, 2], &[0, 1], &[1, 1]);
        let padded = [0.0, 1.0, 2.0, 0.0, 0.0, 3.0, 4.0, 0.0];
        assert_gives(Op::Embed(padding), &[&[1.0, 2.0, 3.0, 4.0]], &[&padded]);
        assert_gives(Op::Slice(padding), &[&padded], &[&[1.0, 2.0, 3.0, 4.0]]);
    }

    #[test]
    fn nothing_and_a_single_number_are_blocks_too() {
        let nothing = op(&[2, 2], &[0, 2], &[2, 0], &[1, 1]);
        assert_gives(Op::Slice(nothing), &[&[1.0; 4]], &[&[]]);
        assert_gives(Op::Embed(nothing), &[&[]], &[&[0.0; 4]]);
        let narrow = op(&[2, 2], &[2, 0], &[0, 2], &[1, 1]);
        assert_gives(Op::Embed(narrow), &[&[]], &[&[0.0; 4]]);
        assert_gives(Op::Embed(op(&[0, 2], &[0, 1], &[0, 0], &[1, 1])), &[&[]], &[&[]]);
        assert_gives(Op::Embed(op(&[], &[], &[], &[])), &[&[5.0]], &[&[5.0]]);
        assert_gives(Op::Slice(op(&[], &[], &[], &[])), &[&[5.0]], &[&[5.0]]);
    }
}
