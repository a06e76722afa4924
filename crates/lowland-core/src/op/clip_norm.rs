//! Gradients clipped by their norm, all together, as data.

use std::sync::Arc;

use super::{Operand, Operands, TensorAt};
use crate::vector::{self, Kernel};
use crate::{Error, Real, Result};

/// The op in messages.
const NAME: &str = "clip by norm";

/// The gradients of an arena scaled down, where the Euclidean norm of all of them together is above
/// a bound: `g <- g min(1, max_norm / (norm + 1e-6))`, as `torch.nn.utils.clip_grad_norm_`.
///
/// Squares are summed in `f64`. Gradients of `f32` have a norm that is infinite or no number only where
/// some of them are; finite ones of `f64` beyond 1e154 have an infinite norm, too, and become zeros.
///
/// Outputs: `grads`, read and written in the tensors alone; `norm`, one element, of the gradients as
/// they were.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ClipNorm {
    /// The bound.
    pub max_norm: f64,
    /// The tensors, in ascending order, none of them empty.
    pub tensors: Arc<[TensorAt]>,
    /// Elements of the arena.
    pub len: usize,
}

impl ClipNorm {
    /// Elements of a tensor, from its start on, whose squares make one sum.
    pub const PIECE: usize = 16 * 1024;

    /// The clipping of the tensors at these places, in any order.
    ///
    /// # Errors
    /// [`Error::Invalid`] where the bound is not above 0, or where a tensor leaves the arena or
    /// overlaps another.
    pub fn new(max_norm: f64, tensors: &[TensorAt], len: usize) -> Result<Self> {
        let op = ClipNorm { max_norm, tensors: TensorAt::table(NAME, tensors, len)?, len };
        op.validate()?;
        Ok(op)
    }

    /// Whether the bound is one, and the table still one of this arena.
    pub(super) fn validate(&self) -> Result<()> {
        if self.max_norm.is_nan() || self.max_norm <= 0.0 {
            let message = format!("max_norm must be above 0; got {}", self.max_norm);
            return Err(Error::invalid(NAME, message));
        }
        TensorAt::check(NAME, &self.tensors, self.len)
    }

    /// The sum of the squares of at most [`ClipNorm::PIECE`] elements.
    #[must_use]
    pub fn sum_of_squares<T: Real>(piece: &[T]) -> f64 {
        vector::run(SumOfSquares(piece))
    }

    /// The norm of elements from the sums of their pieces, in any order: they are added up from the
    /// smallest to the largest, so that the order does not matter in any bit.
    #[must_use]
    pub fn norm(sums: &mut [f64]) -> f64 {
        sums.sort_unstable_by(f64::total_cmp);
        sums.iter().sum::<f64>().sqrt()
    }

    /// What gradients of this norm are multiplied by; `None` where they stay as they are.
    #[must_use]
    pub fn factor(max_norm: f64, norm: f64) -> Option<f64> {
        let factor = max_norm / (norm + 1e-6);
        (factor.is_nan() || factor < 1.0).then_some(factor)
    }

    /// `x <- factor x`, element by element.
    pub fn scale<T: Real>(piece: &mut [T], factor: f64) {
        vector::run(Scale(piece, T::of(factor)));
    }

    pub(super) fn operands(&self) -> Operands {
        let outputs = vec![Operand::update("grads", self.len), Operand::write("norm", 1)];
        Operands { inputs: vec![], outputs }
    }
}

/// Sums side by side, so that the loop becomes vector instructions.
const LANES: usize = 8;

struct SumOfSquares<'a, T>(&'a [T]);

impl<T: Real> Kernel for SumOfSquares<'_, T> {
    type Output = f64;

    #[inline(always)]
    fn run(self) -> f64 {
        let mut lanes = [0.0; LANES];
        let (rows, rest) = self.0.as_chunks::<LANES>();
        for row in rows {
            for (sum, x) in lanes.iter_mut().zip(row) {
                *sum += x.f64() * x.f64();
            }
        }
        for (sum, x) in lanes.iter_mut().zip(rest) {
            *sum += x.f64() * x.f64();
        }
        lanes.iter().sum()
    }
}

struct Scale<'a, T>(&'a mut [T], T);

impl<T: Real> Kernel for Scale<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for x in self.0 {
            *x *= self.1;
        }
    }
}
