//! Softmax and its logarithm.

use lowland_core::op::Softmax;

use crate::CHUNK;
use crate::scalar::Scalar;
use crate::threads::Threads;

pub(crate) fn forward<T: Scalar>(op: &Softmax, threads: &Threads, x: &[T], y: &mut [T]) {
    let columns = op.columns.max(1);
    let chunk = (CHUNK / columns).max(1) * columns;
    threads.for_each(y.chunks_mut(chunk).zip(x.chunks(chunk)), |(y, x)| {
        for (y, x) in y.chunks_mut(columns).zip(x.chunks(columns)) {
            row(op.log, x, y);
        }
    });
}

fn row<T: Scalar>(log: bool, x: &[T], y: &mut [T]) {
    let largest = x.iter().fold(T::neg_infinity(), |largest, &x| largest.max(x));
    let mut sum = 0.0;
    for (y, &x) in y.iter_mut().zip(x) {
        let shifted = x - largest;
        let exp = shifted.exp();
        sum += exp.f64();
        *y = if log { shifted } else { exp };
    }
    if log {
        let log_sum = T::of(sum.ln());
        y.iter_mut().for_each(|y| *y -= log_sum);
    } else {
        let factor = T::of(sum.recip());
        y.iter_mut().for_each(|y| *y *= factor);
    }
}

pub(crate) fn grad<T: Scalar>(op: &Softmax, threads: &Threads, y: &[T], dy: &[T], dx: &mut [T]) {
    let columns = op.columns.max(1);
    let chunk = (CHUNK / columns).max(1) * columns;
    let chunks = dx.chunks_mut(chunk).zip(y.chunks(chunk)).zip(dy.chunks(chunk));
    threads.for_each(chunks, |((dx, y), dy)| {
        let rows = dx.chunks_mut(columns).zip(y.chunks(columns)).zip(dy.chunks(columns));
        for ((dx, y), dy) in rows {
            grad_row(op.log, y, dy, dx);
        }
    });
}

fn grad_row<T: Scalar>(log: bool, y: &[T], dy: &[T], dx: &mut [T]) {
    let elements = dx.iter_mut().zip(y.iter().zip(dy));
    if log {
        let sum = T::of(dy.iter().map(|dy| dy.f64()).sum());
        elements.for_each(|(dx, (&y, &dy))| *dx = dy - y.exp() * sum);
    } else {
        let dot = T::of(y.iter().zip(dy).map(|(y, dy)| y.f64() * dy.f64()).sum());
        elements.for_each(|(dx, (&y, &dy))| *dx = y * (dy - dot));
    }
}

#[cfg(test)]
mod tests {
    use lowland_core::Op;

    use super::*;
    use crate::testing::assert_gives;

    #[test]
    fn rows_sum_to_one_whatever_is_added_to_them() {
        let e = std::f64::consts::E;
        let (small, large) = (1.0 / (1.0 + e), e / (1.0 + e));
        let x = [0.0, 1.0, 1000.0, 1001.0, -1e6, -1e6];
        let op = |log| Softmax { rows: 3, columns: 2, log };
        let y = [small, large, small, large, 0.5, 0.5];
        assert_gives(Op::Softmax(op(false)), &[&x], &[&y]);
        assert_gives(Op::Softmax(op(true)), &[&x], &[&y.map(f64::ln)]);
        let infinite = Softmax { rows: 1, columns: 2, log: false };
        assert_gives(Op::Softmax(infinite), &[&[f64::NEG_INFINITY, 0.0]], &[&[0.0, 1.0]]);
        assert_gives(Op::Softmax(infinite), &[&[f64::NAN, 0.0]], &[&[f64::NAN; 2]]);
        assert_gives(Op::Softmax(Softmax { rows: 0, columns: 2, log: true }), &[&[]], &[&[]]);
        assert_gives(Op::Softmax(Softmax { rows: 2, columns: 0, log: true }), &[&[]], &[&[]]);
    }

    #[test]
    fn gradients_are_those_of_the_formulas() {
        let op = |log| Op::SoftmaxGrad(Softmax { rows: 1, columns: 3, log });
        // dx = y (dy - y . dy), with y . dy = 0.2 + 0.6 - 0.5.
        let (y, dy) = ([0.2, 0.3, 0.5], [1.0, 2.0, -1.0]);
        assert_gives(op(false), &[&y, &dy], &[&[0.2 * 0.7, 0.3 * 1.7, 0.5 * -1.3]]);
        // dx = dy - softmax (1 . dy), with 1 . dy = 2.
        assert_gives(op(true), &[&y.map(f64::ln), &dy], &[&[0.6, 1.4, -2.0]]);
    }
}
