//! All elements the same.

use super::{Operand, Operands};

/// `y = value`.
///
/// Outputs: `y`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fill {
    /// The number of elements.
    pub len: usize,
    /// What each of them becomes.
    pub value: f64,
}

impl Fill {
    pub(super) fn operands(&self) -> Operands {
        Operands { inputs: vec![], outputs: vec![Operand::write("y", self.len)] }
    }
}
