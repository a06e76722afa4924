//! Softmax and its logarithm.

use super::{Operand, Operands};

/// `y = softmax(x)` or its logarithm, over each row of `[rows, columns]`, computed after the row's
/// maximum is taken off, so that no logit overflows.
///
/// Forward: input `x`; output `y`.
/// Gradient: inputs `y`, `dy`; output `dx`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Softmax {
    /// Rows.
    pub rows: usize,
    /// Columns: the classes.
    pub columns: usize,
    /// Whether the logarithm is taken.
    pub log: bool,
}

impl Softmax {
    pub(super) fn name(&self) -> &'static str {
        if self.log { "log-softmax" } else { "softmax" }
    }

    pub(super) fn grad_name(&self) -> &'static str {
        if self.log { "gradient of log-softmax" } else { "gradient of softmax" }
    }

    fn len(&self) -> usize {
        self.rows.saturating_mul(self.columns)
    }

    pub(super) fn operands(&self) -> Operands {
        Operands {
            inputs: vec![Operand::read("x", self.len())],
            outputs: vec![Operand::write("y", self.len())],
        }
    }

    pub(super) fn grad_operands(&self) -> Operands {
        Operands {
            inputs: vec![Operand::read("y", self.len()), Operand::read("dy", self.len())],
            outputs: vec![Operand::write("dx", self.len())],
        }
    }
}
