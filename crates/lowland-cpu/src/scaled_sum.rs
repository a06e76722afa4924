//! Linear combinations of several tensors in one pass.

use lowland_core::op::ScaledSum;

use crate::CHUNK;
use crate::context::Context;
use crate::scalar::Scalar;
use crate::simd::{self, Kernel};

/// Elements that are summed over all terms before the next ones: they stay in the first-level cache.
const BLOCK: usize = 1024;

pub(crate) fn forward<T: Scalar>(op: &ScaledSum, context: Context<'_>, x: &[&[T]], y: &mut [T]) {
    context.threads.for_each(y.chunks_mut(CHUNK).enumerate(), |(i, y)| {
        simd::run(context.isa, Sum { op, x, first: i * CHUNK, y });
    });
}

/// The elements of the sum from `first` on.
struct Sum<'a, T> {
    op: &'a ScaledSum,
    x: &'a [&'a [T]],
    first: usize,
    y: &'a mut [T],
}

impl<T: Scalar> Kernel for Sum<'_, T> {
    #[inline(always)]
    fn run(self) {
        for (j, y) in self.y.chunks_mut(BLOCK).enumerate() {
            let start = self.first + j * BLOCK;
            let end = start + y.len();
            let terms = self.x.iter().zip(self.op.scales());
            let mut terms = terms.map(|(x, &scale)| (&x[start..end], T::of(scale)));
            if let Some((x, scale)) = terms.next() {
                y.iter_mut().zip(x).for_each(|(y, &x)| *y = scale * x);
            }
            for (x, scale) in terms {
                y.iter_mut().zip(x).for_each(|(y, &x)| *y += scale * x);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use lowland_core::Op;

    use super::*;
    use crate::testing::assert_gives;

    #[test]
    fn terms_are_scaled_and_summed() {
        let len = 2 * CHUNK + BLOCK + 3;
        let x: Vec<f64> = (0..len).map(|i| (i % 64) as f64).collect();
        let ones = vec![1.0; len];
        for scales in [&[2.0][..], &[2.0, -1.0], &[2.0, -1.0, 0.5, 4.0, 0.25, 1.0, -3.0, 8.0]] {
            let constant: f64 = scales[1..].iter().sum();
            let want: Vec<f64> = x.iter().map(|x| scales[0] * x + constant).collect();
            let inputs: Vec<&[f64]> =
                (0..scales.len()).map(|i| if i == 0 { &x[..] } else { &ones[..] }).collect();
            let op = Op::ScaledSum(ScaledSum::new(len, scales).unwrap());
            assert_gives(op, &inputs, &[&want]);
        }
    }
}
