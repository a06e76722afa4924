//! Functions of each element.

use super::{Operand, Operands};

/// Which function. `x` is the argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum UnaryKind {
    /// `max(x, 0)`, where a NaN stays one; its derivative is 0 at 0.
    Relu,
    /// The inverse tangent.
    Atan,
    /// The hyperbolic tangent.
    Tanh,
    /// The natural logarithm; minus infinity at 0 and NaN below.
    Log,
    /// The exponential.
    Exp,
    /// `sign(x) ln(1 + |x|)`, an odd logarithm; its derivative is 1 at 0.
    SignedLog,
}

impl UnaryKind {
    /// Every kind, for tests and tables.
    pub const ALL: [UnaryKind; 6] = [
        UnaryKind::Relu,
        UnaryKind::Atan,
        UnaryKind::Tanh,
        UnaryKind::Log,
        UnaryKind::Exp,
        UnaryKind::SignedLog,
    ];

    /// The name in messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            UnaryKind::Relu => "relu",
            UnaryKind::Atan => "atan",
            UnaryKind::Tanh => "tanh",
            UnaryKind::Log => "log",
            UnaryKind::Exp => "exp",
            UnaryKind::SignedLog => "signed log",
        }
    }

    /// The name of the gradient in messages.
    #[must_use]
    pub fn grad_name(self) -> &'static str {
        match self {
            UnaryKind::Relu => "gradient of relu",
            UnaryKind::Atan => "gradient of atan",
            UnaryKind::Tanh => "gradient of tanh",
            UnaryKind::Log => "gradient of log",
            UnaryKind::Exp => "gradient of exp",
            UnaryKind::SignedLog => "gradient of signed log",
        }
    }

    /// What the gradient reads: the other one need not be kept for it.
    #[must_use]
    pub fn derivative_from(self) -> DerivativeFrom {
        match self {
            UnaryKind::Relu | UnaryKind::Tanh | UnaryKind::Exp => DerivativeFrom::Output,
            UnaryKind::Atan | UnaryKind::Log | UnaryKind::SignedLog => DerivativeFrom::Input,
        }
    }
}

/// What the derivative of a function is computed from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DerivativeFrom {
    /// The argument, `x`.
    Input,
    /// The value, `y`.
    Output,
}

/// `y = f(x)`, element by element.
///
/// Forward: input `x`; output `y`.
/// Gradient: inputs `x`, `y`, `dy`; output `dx = f'(x) dy`. A backend **must** read `x` or `y` as
/// [`UnaryKind::derivative_from`] says; the other may hold anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unary {
    /// Which function.
    pub kind: UnaryKind,
    /// The number of elements.
    pub len: usize,
}

impl Unary {
    pub(super) fn operands(&self) -> Operands {
        Operands {
            inputs: vec![Operand::read("x", self.len)],
            outputs: vec![Operand::write("y", self.len)],
        }
    }

    pub(super) fn grad_operands(&self) -> Operands {
        Operands {
            inputs: ["x", "y", "dy"].map(|name| Operand::read(name, self.len)).to_vec(),
            outputs: vec![Operand::write("dx", self.len)],
        }
    }
}
