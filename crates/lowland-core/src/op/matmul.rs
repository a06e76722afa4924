//! Matrix products, of matrices or their transposes.

use super::{Operand, Operands};

/// `y = op(a) op(b)`, with `op(a)` of shape `[m, k]` and `op(b)` of shape `[k, n]`.
///
/// Inputs: `a`, `b`. Outputs: `y`, `[m, n]`. With `k = 0` the result is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MatMul {
    /// Rows of the result.
    pub m: usize,
    /// The length of the inner products.
    pub k: usize,
    /// Columns of the result.
    pub n: usize,
    /// Whether `a` is stored as `[k, m]`.
    pub transpose_a: bool,
    /// Whether `b` is stored as `[n, k]`.
    pub transpose_b: bool,
}

impl MatMul {
    pub(super) fn operands(&self) -> Operands {
        Operands {
            inputs: vec![
                Operand::read("a", self.m.saturating_mul(self.k)),
                Operand::read("b", self.k.saturating_mul(self.n)),
            ],
            outputs: vec![Operand::write("y", self.m.saturating_mul(self.n))],
        }
    }
}
