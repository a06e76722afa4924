//! Functions of each element, and their derivatives from the table of any calculus book.

use lowland_core::op::{DerivativeFrom, Unary, UnaryKind};

pub(super) fn forward(op: &Unary, x: &[f64]) -> Vec<f64> {
    x.iter().map(|&x| function(op.kind, x)).collect()
}

/// `f'(x) dy`, where the derivative is taken from `x` or from `y = f(x)`.
pub(super) fn grad(op: &Unary, x: &[f64], y: &[f64], dy: &[f64]) -> Vec<f64> {
    let from = match op.kind.derivative_from() {
        DerivativeFrom::Input => x,
        DerivativeFrom::Output => y,
    };
    from.iter().zip(dy).map(|(&from, dy)| derivative(op.kind, from) * dy).collect()
}

fn function(kind: UnaryKind, x: f64) -> f64 {
    match kind {
        // Not `f64::max`, which would swallow a NaN.
        UnaryKind::Relu => {
            if x < 0.0 {
                0.0
            } else {
                x
            }
        }
        UnaryKind::Atan => x.atan(),
        UnaryKind::Tanh => x.tanh(),
        UnaryKind::Log => x.ln(),
        UnaryKind::Exp => x.exp(),
        UnaryKind::SignedLog if x < 0.0 => -(-x).ln_1p(),
        UnaryKind::SignedLog => x.ln_1p(),
        other => panic!("the oracle has no rule for {}", other.name()),
    }
}

/// The derivative at `x`, given what it is computed from: the argument or the value.
fn derivative(kind: UnaryKind, from: f64) -> f64 {
    match kind {
        UnaryKind::Relu if from > 0.0 => 1.0,
        UnaryKind::Relu => 0.0,
        UnaryKind::Atan => 1.0 / (1.0 + from * from),
        UnaryKind::Tanh => 1.0 - from * from,
        UnaryKind::Log => 1.0 / from,
        UnaryKind::Exp => from,
        UnaryKind::SignedLog => 1.0 / (1.0 + from.abs()),
        other => panic!("the oracle has no rule for the gradient of {}", other.name()),
    }
}
