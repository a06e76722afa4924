//! In-place accumulation.

use lowland_core::op::Accumulate;

use crate::CHUNK;
use crate::scalar::Scalar;
use crate::threads::Threads;

pub(crate) fn forward<T: Scalar>(op: &Accumulate, threads: &Threads, x: &[T], y: &mut [T]) {
    let (a, b) = (T::of(op.a), T::of(op.b));
    threads.for_each(y.chunks_mut(CHUNK).zip(x.chunks(CHUNK)), |(y, x)| {
        let pairs = y.iter_mut().zip(x);
        if op.b == 0.0 {
            pairs.for_each(|(y, &x)| *y = a * x);
        } else {
            pairs.for_each(|(y, &x)| *y = a * x + b * *y);
        }
    });
}

#[cfg(test)]
mod tests {
    use lowland_core::Op;

    use super::*;
    use crate::testing::assert_updates;

    #[test]
    fn a_copy_forgets_and_a_sum_does_not() {
        let op = |a, b| Op::Accumulate(Accumulate { len: 3, a, b });
        let x = [1.0, -2.0, 4.0];
        let before = [10.0, f64::NAN, 30.0];
        assert_updates(op(2.0, 0.0), &[&x], &[&before], &[&[2.0, -4.0, 8.0]]);
        assert_updates(op(2.0, 0.5), &[&x], &[&before], &[&[7.0, f64::NAN, 23.0]]);
    }
}
