//! Arithmetic on two tensors.

use super::{Operand, Operands, changed};
use crate::{Error, Result, Shape};

/// Which operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BinaryKind {
    /// `a + b`
    Add,
    /// `a - b`
    Sub,
    /// `a b`
    Mul,
    /// `a / b`
    Div,
}

impl BinaryKind {
    /// Every kind, for tests and tables.
    pub const ALL: [BinaryKind; 4] =
        [BinaryKind::Add, BinaryKind::Sub, BinaryKind::Mul, BinaryKind::Div];

    /// The name in messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            BinaryKind::Add => "add",
            BinaryKind::Sub => "sub",
            BinaryKind::Mul => "mul",
            BinaryKind::Div => "div",
        }
    }
}

/// `y = a ∘ b`, where an extent of 1 stretches as in NumPy and PyTorch.
///
/// Inputs: `a`, `b`. Outputs: `y`, of the broadcast shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Binary {
    /// Which operation.
    pub kind: BinaryKind,
    /// The shape of `a`.
    pub a: Shape,
    /// The shape of `b`.
    pub b: Shape,
    /// The shape of `y`.
    pub out: Shape,
}

impl Binary {
    /// The operation on two shapes.
    ///
    /// # Errors
    /// [`Error::Shapes`] where they do not broadcast.
    pub fn new(kind: BinaryKind, a: Shape, b: Shape) -> Result<Self> {
        let out = a.broadcast(&b).ok_or_else(|| {
            Error::shapes(kind.name(), a, b, "aligned at the last axis, extents must agree or be 1")
        })?;
        Ok(Binary { kind, a, b, out })
    }

    /// Whether `y` still has the shape that the others broadcast to.
    pub(super) fn validate(&self) -> Result<()> {
        let again = Self::new(self.kind, self.a, self.b)?;
        if again == *self { Ok(()) } else { Err(changed(self.kind.name(), self)) }
    }

    pub(super) fn operands(&self) -> Operands {
        Operands {
            inputs: vec![Operand::read("a", self.a.len()), Operand::read("b", self.b.len())],
            outputs: vec![Operand::write("y", self.out.len())],
        }
    }
}
