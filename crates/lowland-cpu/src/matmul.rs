//! Matrix products: small ones by [`crate::small_matmul`], large ones by the matrixmultiply crate.
//!
//! Unsafe, because that crate takes pointers and strides. All calls go through [`multiply`], which
//! checks the slices that it makes them of. It packs both factors into memory of its own, which it
//! asks the system for in every call, and takes the fastest instruction set that it finds.
#![allow(unsafe_code)]

use lowland_core::Result;
use lowland_core::op::MatMul;

use crate::context::Context;
use crate::scalar::Scalar;
use crate::small_matmul::{self, Packed};

/// Multiply-adds of the largest product that counts as small: a tenth of a millisecond.
const SMALL: usize = 1 << 20;

/// Rows of the result that one task computes: at least, and at most. Each task packs all of `b`
/// anew, which costs as much as a few rows do.
const TASK_ROWS: [usize; 2] = [32, 256];

/// Tasks that are aimed at.
const TASKS: usize = 16;

/// # Errors
/// [`Error::OutOfMemory`](lowland_core::Error::OutOfMemory) for scratch memory.
pub(crate) fn forward<T: Scalar>(
    op: &MatMul,
    context: Context<'_>,
    a: &[T],
    b: &[T],
    y: &mut [T],
) -> Result<()> {
    let &MatMul { m, k, n, transpose_a, transpose_b } = op;
    if m == 0 || n == 0 {
        return Ok(());
    }
    let b = Matrix { data: b, first: 0, strides: if transpose_b { [1, k] } else { [n, 1] } };
    let is_small = m.saturating_mul(k).saturating_mul(n) <= SMALL;
    let packed = is_small.then(|| Packed::new(context, [k, n], b)).transpose()?;
    let task_rows = m.div_ceil(TASKS).next_multiple_of(8).clamp(TASK_ROWS[0], TASK_ROWS[1]);
    context.threads.for_each(y.chunks_mut(task_rows * n).enumerate(), |(task, y)| {
        let first = task * task_rows;
        let rows = y.len() / n;
        let a = if transpose_a {
            Matrix { data: a, first, strides: [1, m] }
        } else {
            Matrix { data: a, first: first * k, strides: [k, 1] }
        };
        match &packed {
            Some(b) => small_matmul::multiply(context, n, a, b, y),
            None => multiply([rows, k, n], a, b, y),
        }
    });
    Ok(())
}

/// A matrix in a slice.
#[derive(Clone, Copy)]
pub(crate) struct Matrix<'a, T> {
    /// Where it lies.
    pub(crate) data: &'a [T],
    /// The index of its first element.
    pub(crate) first: usize,
    /// From a row to the next, from a column to the next.
    pub(crate) strides: [usize; 2],
}

impl<T: Copy> Matrix<'_, T> {
    /// One element.
    #[inline(always)]
    pub(crate) fn at(&self, row: usize, column: usize) -> T {
        self.data[self.first + row * self.strides[0] + column * self.strides[1]]
    }

    /// Whether all of its elements lie in the slice.
    fn holds(&self, [rows, columns]: [usize; 2]) -> bool {
        let last = |extent: usize, stride: usize| (extent - 1).checked_mul(stride);
        rows == 0
            || columns == 0
            || last(rows, self.strides[0])
                .zip(last(columns, self.strides[1]))
                .and_then(|(row, column)| row.checked_add(column)?.checked_add(self.first))
                .is_some_and(|last| last < self.data.len())
    }
}

/// `y = a b`, on the calling thread, with `a` `[m, k]`, `b` `[k, n]` and `y` `[m, n]`, row-major.
///
/// # Panics
/// Where a matrix leaves its slice.
fn multiply<T: Scalar>([m, k, n]: [usize; 3], a: Matrix<'_, T>, b: Matrix<'_, T>, y: &mut [T]) {
    assert!(a.holds([m, k]) && b.holds([k, n]) && m.checked_mul(n) == Some(y.len()));
    if k == 0 || y.is_empty() {
        y.fill(T::zero());
        return;
    }
    let strides = |s: [usize; 2]| s.map(|s| s as isize);
    // SAFETY: no extent is 0, `a` and `b` hold all their elements by the assertion above, and `y`
    // has m * n of them, contiguous and, as it is borrowed mutably, apart from the others. Strides
    // fit `isize` where they are used, for the slices are no longer than that.
    unsafe {
        let (a_ptr, b_ptr) = (a.data.as_ptr().add(a.first), b.data.as_ptr().add(b.first));
        let (a, b) = (strides(a.strides), strides(b.strides));
        T::gemm([m, k, n], (a_ptr, a), (b_ptr, b), (y.as_mut_ptr(), [n as isize, 1]));
    }
}

/// A pointer to a matrix's first element, and its row and column strides.
type Raw<P> = (P, [isize; 2]);

/// The product of matrices for one type of element.
pub(crate) trait Gemm: Sized {
    /// `y = a b`.
    ///
    /// # Safety
    /// The matrices are `[m, k]`, `[k, n]` and `[m, n]`; all elements of `a` and `b` can be read, all
    /// of `y` written, and those of `y` are different ones, and none is in `a` or `b`.
    unsafe fn gemm(mkn: [usize; 3], a: Raw<*const Self>, b: Raw<*const Self>, y: Raw<*mut Self>);
}

macro_rules! gemm {
    ($t:ty, $function:path) => {
        impl Gemm for $t {
            unsafe fn gemm(
                [m, k, n]: [usize; 3],
                (a, [a_row, a_column]): Raw<*const Self>,
                (b, [b_row, b_column]): Raw<*const Self>,
                (y, [y_row, y_column]): Raw<*mut Self>,
            ) {
                // SAFETY: this function's own conditions are those of the callee, which with a
                // factor of 0 for `y` does not read it.
                unsafe {
                    $function(
                        m, k, n, 1.0, a, a_row, a_column, b, b_row, b_column, 0.0, y, y_row,
                        y_column,
                    );
                }
            }
        }
    };
}
gemm!(f32, matrixmultiply::sgemm);
gemm!(f64, matrixmultiply::dgemm);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conv2d::Isa;
    use crate::pool::Pool;
    use crate::threads::Threads;

    fn product_on(isa: Isa, op: MatMul, a: &[f64], b: &[f64]) -> Vec<f64> {
        let mut y = vec![f64::NAN; op.m * op.n];
        let (threads, pool) = (Threads::new(2), Pool::default());
        forward(&op, Context { isa, threads: &threads, pool: &pool }, a, b, &mut y).unwrap();
        y
    }

    fn product(op: MatMul, a: &[f64], b: &[f64]) -> Vec<f64> {
        product_on(Isa::detect(), op, a, b)
    }

    #[test]
    fn products_of_matrices_and_of_transposes() {
        let (a, at) = ([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
        let (b, bt) = ([1.0, 0.0, 2.0, 1.0, 0.0, 3.0], [1.0, 2.0, 0.0, 0.0, 1.0, 3.0]);
        let y = [5.0, 11.0, 14.0, 23.0];
        for (transpose_a, transpose_b) in
            [(false, false), (false, true), (true, false), (true, true)]
        {
            let op = MatMul { m: 2, k: 3, n: 2, transpose_a, transpose_b };
            let a = if transpose_a { &at } else { &a };
            let b = if transpose_b { &bt } else { &b };
            assert_eq!(product(op, a, b), y);
        }
    }

    #[test]
    fn small_and_large_products_agree_with_sums() {
        // Integers, so that every order of summation gives the same.
        let a: Vec<f64> = (0..130_000).map(|i| f64::from(i % 11) - 5.0).collect();
        let b: Vec<f64> = (0..130_000).map(|i| f64::from(i % 7) - 3.0).collect();
        for [m, k, n] in
            [[101, 7, 5], [128, 64, 10], [10, 128, 64], [3, 300, 33], [1, 129, 1], [120, 200, 120]]
        {
            for (transpose_a, transpose_b) in [(false, false), (false, true), (true, false)] {
                let of_a = |i, l| if transpose_a { l * m + i } else { i * k + l };
                let of_b = |l, j| if transpose_b { j * k + l } else { l * n + j };
                let op = MatMul { m, k, n, transpose_a, transpose_b };
                let y = product(op, &a[..m * k], &b[..k * n]);
                for i in 0..m {
                    for j in 0..n {
                        let want: f64 = (0..k).map(|l| a[of_a(i, l)] * b[of_b(l, j)]).sum();
                        assert_eq!(y[i * n + j], want, "{op:?} at {i}, {j}");
                    }
                }
            }
        }
        const { assert!(128 * 64 * 10 <= SMALL && 120 * 200 * 120 > SMALL) };
    }

    #[test]
    fn small_products_have_the_same_bits_on_every_instruction_set() {
        let x: Vec<f64> = (0..20_000).map(|i| (f64::from(i) * 0.7).sin()).collect();
        let op = MatMul { m: 37, k: 300, n: 21, transpose_a: false, transpose_b: true };
        let on = |isa| product_on(isa, op, &x[..37 * 300], &x[7..7 + 300 * 21]);
        let portable = on(Isa::Portable);
        for isa in Isa::ALL.into_iter().filter(|isa| isa.is_available()) {
            assert_eq!(on(isa), portable);
        }
    }

    #[test]
    fn an_empty_sum_is_zero_and_an_empty_result_is_left_alone() {
        let op = |m, k, n| MatMul { m, k, n, transpose_a: false, transpose_b: false };
        assert_eq!(product(op(2, 0, 2), &[], &[]), [0.0; 4]);
        assert!(product(op(0, 3, 2), &[], &[1.0; 6]).is_empty());
    }
}
