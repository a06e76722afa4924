//! Repetition along axes.

use lowland_core::op::Broadcast;

use crate::CHUNK;
use crate::scalar::Scalar;
use crate::strided::{Walk, repeated};
use crate::threads::Threads;

pub(crate) fn forward<T: Scalar>(op: &Broadcast, threads: &Threads, x: &[T], y: &mut [T]) {
    let scale = T::of(op.scale);
    let walk = Walk::new(&op.to, [repeated(&op.from, op.to.rank())], [0]);
    let [stride] = walk.row_strides();
    threads.for_each(y.chunks_mut(CHUNK).enumerate(), |(i, y)| {
        let start = i * CHUNK;
        walk.rows(start..start + y.len(), |at, [first]| {
            let y = &mut y[at];
            if stride == 0 {
                y.fill(scale * x[first]);
            } else {
                y.iter_mut().zip(&x[first..]).for_each(|(y, &x)| *y = scale * x);
            }
        });
    });
}

#[cfg(test)]
mod tests {
    use lowland_core::{Op, Shape};

    use super::*;
    use crate::testing::assert_gives;

    #[test]
    fn rows_columns_and_numbers_are_repeated_and_scaled() {
        let op = |from: &[usize], scale| {
            let (from, to) = (Shape::new(from), Shape::from([2, 3]));
            Op::Broadcast(Broadcast::new(from, to, scale).unwrap())
        };
        assert_gives(op(&[3], 2.0), &[&[1.0, 2.0, 3.0]], &[&[2.0, 4.0, 6.0, 2.0, 4.0, 6.0]]);
        assert_gives(op(&[2, 1], 0.5), &[&[1.0, 2.0]], &[&[0.5, 0.5, 0.5, 1.0, 1.0, 1.0]]);
        assert_gives(op(&[], -1.0), &[&[7.0]], &[&[-7.0; 6]]);
    }
}
