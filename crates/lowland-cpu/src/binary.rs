//! Arithmetic on two tensors.

use lowland_core::Result;
use lowland_core::op::{Binary, BinaryKind};

use crate::CHUNK;
use crate::cpu::unsupported;
use crate::scalar::Scalar;
use crate::strided::{Walk, repeated};
use crate::threads::Threads;

/// Whether this kind can be computed.
pub(crate) fn supports(kind: BinaryKind) -> bool {
    use BinaryKind::{Add, Div, Mul, Sub};
    matches!(kind, Add | Sub | Mul | Div)
}

/// # Errors
/// [`Error::Unsupported`](lowland_core::Error::Unsupported).
pub(crate) fn forward<T: Scalar>(
    op: &Binary,
    threads: &Threads,
    a: &[T],
    b: &[T],
    y: &mut [T],
) -> Result<()> {
    match op.kind {
        BinaryKind::Add => apply(op, threads, a, b, y, |a, b| a + b),
        BinaryKind::Sub => apply(op, threads, a, b, y, |a, b| a - b),
        BinaryKind::Mul => apply(op, threads, a, b, y, |a, b| a * b),
        BinaryKind::Div => apply(op, threads, a, b, y, |a, b| a / b),
        kind => return Err(unsupported(kind.name(), T::DTYPE)),
    }
    Ok(())
}

fn apply<T: Scalar>(
    op: &Binary,
    threads: &Threads,
    a: &[T],
    b: &[T],
    y: &mut [T],
    f: impl Fn(T, T) -> T + Copy + Sync,
) {
    let rank = op.out.rank();
    let walk = Walk::new(&op.out, [repeated(&op.a, rank), repeated(&op.b, rank)], [0, 0]);
    let strides = walk.row_strides();
    threads.for_each(y.chunks_mut(CHUNK).enumerate(), |(i, y)| {
        let start = i * CHUNK;
        walk.rows(start..start + y.len(), |at, [first_a, first_b]| {
            row(strides, &a[first_a..], &b[first_b..], &mut y[at], f);
        });
    });
}

/// One row, along which each of `a` and `b` either goes on or is repeated.
fn row<T: Scalar>(strides: [usize; 2], a: &[T], b: &[T], y: &mut [T], f: impl Fn(T, T) -> T) {
    match strides {
        [0, 0] => y.fill(f(a[0], b[0])),
        [0, _] => {
            let a = a[0];
            y.iter_mut().zip(b).for_each(|(y, &b)| *y = f(a, b));
        }
        [_, 0] => {
            let b = b[0];
            y.iter_mut().zip(a).for_each(|(y, &a)| *y = f(a, b));
        }
        _ => y.iter_mut().zip(a.iter().zip(b)).for_each(|(y, (&a, &b))| *y = f(a, b)),
    }
}

#[cfg(test)]
mod tests {
    use lowland_core::{Op, Shape};

    use super::*;
    use crate::testing::assert_gives;

    fn op(kind: BinaryKind, a: &[usize], b: &[usize]) -> Op {
        Op::Binary(Binary::new(kind, Shape::new(a), Shape::new(b)).unwrap())
    }

    #[test]
    fn arithmetic_on_one_shape_and_on_repeated_rows_columns_and_numbers() {
        let (a, b) = ([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [2.0, 4.0, 8.0]);
        for (kind, want) in [
            (BinaryKind::Add, [3.0, 6.0, 11.0, 6.0, 9.0, 14.0]),
            (BinaryKind::Sub, [-1.0, -2.0, -5.0, 2.0, 1.0, -2.0]),
            (BinaryKind::Mul, [2.0, 8.0, 24.0, 8.0, 20.0, 48.0]),
            (BinaryKind::Div, [0.5, 0.5, 0.375, 2.0, 1.25, 0.75]),
        ] {
            assert!(supports(kind));
            assert_gives(op(kind, &[2, 3], &[3]), &[&a, &b], &[&want]);
        }
        let column = op(BinaryKind::Sub, &[2, 1], &[2, 3]);
        assert_gives(column, &[&[1.0, 10.0], &a], &[&[0.0, -1.0, -2.0, 6.0, 5.0, 4.0]]);
        let number = op(BinaryKind::Sub, &[2, 3], &[]);
        assert_gives(number, &[&a, &[1.0]], &[&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]]);
        let outer = op(BinaryKind::Mul, &[3, 1], &[1, 2]);
        assert_gives(outer, &[&b, &[1.0, -1.0]], &[&[2.0, -2.0, 4.0, -4.0, 8.0, -8.0]]);
        assert_gives(op(BinaryKind::Add, &[], &[1, 1]), &[&[1.0], &[2.0]], &[&[3.0]]);
        assert_gives(op(BinaryKind::Add, &[0, 3], &[3]), &[&[], &b], &[&[]]);
    }
}
