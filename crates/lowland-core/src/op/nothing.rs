//! What ops come to where operands have no elements.

use super::ReduceKind;
use crate::Op;

/// What a call with empty operands comes to, without a look at any extent: those beside a 0 may be
/// anything, and their products beyond what can be counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nothing {
    /// No output has elements: there is nothing to do.
    Done,
    /// Each element of the outputs is a sum over nothing: all are 0.
    Zeros,
}

impl Op {
    /// What the op comes to where operands are empty; `None` where it has to be run. Backends ask this
    /// once [`Op::check`] has passed.
    ///
    /// ```
    /// use lowland_core::Op;
    /// use lowland_core::op::{MatMul, Nothing};
    /// let product = |m, k| {
    ///     Op::MatMul(MatMul { m, k, n: 4, transpose_a: false, transpose_b: false })
    /// };
    /// assert_eq!(product(0, 3).over_nothing(), Some(Nothing::Done));
    /// assert_eq!(product(2, 0).over_nothing(), Some(Nothing::Zeros));
    /// assert_eq!(product(2, 3).over_nothing(), None);
    /// ```
    #[must_use]
    pub fn over_nothing(&self) -> Option<Nothing> {
        let operands = self.operands();
        if operands.outputs.iter().all(|output| output.len == 0) {
            return Some(Nothing::Done);
        }
        let nothing = operands.inputs.iter().any(|input| input.len == 0);
        (nothing && self.sums_products()).then_some(Nothing::Zeros)
    }

    /// Whether the elements of the outputs are sums of inputs, or of products with a factor of each of
    /// the inputs; the mean and variance of sums over nothing are 0, too.
    fn sums_products(&self) -> bool {
        match self {
            Op::Conv2d(_)
            | Op::Conv2dStatistics(_)
            | Op::Conv2dGradInput(_)
            | Op::Conv2dGradWeight(_)
            | Op::MatMul(_) => true,
            // The other kinds are refused over nothing.
            Op::Reduce(op) => op.kind == ReduceKind::Sum,
            _ => false,
        }
    }
}
