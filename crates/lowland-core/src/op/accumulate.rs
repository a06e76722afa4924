//! In-place accumulation: gradients into their arena, batch statistics into running ones.

use super::{Operand, Operands};

/// `y <- a x + b y`, element by element. With `b = 0` what was in `y` does not matter, not even a
/// NaN: it is a copy, times `a`.
///
/// Inputs: `x`. Outputs: `y`, read and written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Accumulate {
    /// The number of elements.
    pub len: usize,
    /// The factor of `x`.
    pub a: f64,
    /// The factor of `y`.
    pub b: f64,
}

impl Accumulate {
    pub(super) fn operands(&self) -> Operands {
        Operands {
            inputs: vec![Operand::read("x", self.len)],
            outputs: vec![Operand::update("y", self.len)],
        }
    }
}
