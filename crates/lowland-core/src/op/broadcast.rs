//! Repetition along axes: the transpose of a sum over them.

use super::{Operand, Operands, changed};
use crate::{Error, Result, Shape};

/// `y = scale * x`, repeated along the axes where `from` has extent 1.
///
/// Inputs: `x`. Outputs: `y`.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Broadcast {
    /// The shape of `x`, of the rank of `to`.
    pub from: Shape,
    /// The shape of `y`.
    pub to: Shape,
    /// The factor.
    pub scale: f64,
}

impl Broadcast {
    /// The repetition from one shape to another.
    ///
    /// # Errors
    /// [`Error::Shapes`] where `from` does not broadcast to `to`.
    pub fn new(from: Shape, to: Shape, scale: f64) -> Result<Self> {
        Self::check(from, to)?;
        Ok(Broadcast { from: from.padded_to(to.rank()), to, scale })
    }

    fn check(from: Shape, to: Shape) -> Result<()> {
        if from.broadcast(&to) == Some(to) {
            return Ok(());
        }
        Err(Error::shapes(
            "broadcast",
            from,
            to,
            "aligned at the last axis, an extent of the first must be 1 or that of the second",
        ))
    }

    /// Whether one shape still broadcasts to the other, and both have the same rank.
    pub(super) fn validate(&self) -> Result<()> {
        Self::check(self.from, self.to)?;
        if self.from.rank() == self.to.rank() { Ok(()) } else { Err(changed("broadcast", self)) }
    }

    pub(super) fn operands(&self) -> Operands {
        Operands {
            inputs: vec![Operand::read("x", self.from.len())],
            outputs: vec![Operand::write("y", self.to.len())],
        }
    }
}
