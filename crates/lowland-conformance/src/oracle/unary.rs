//! Functions of each element, and their derivatives from the table of any calculus book.

use lowland_core::op::{Unary, UnaryKind};

pub(super) fn forward(op: &Unary, x: &[f64]) -> Vec<f64> {
    x.iter().map(|&x| function(op.kind, x)).collect()
}

/// `f'(x) dy`; the derivative is taken from `x`, whatever the backend takes it from.
pub(super) fn grad(op: &Unary, x: &[f64], dy: &[f64]) -> Vec<f64> {
    x.iter().zip(dy).map(|(&x, dy)| derivative(op.kind, x) * dy).collect()
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

fn derivative(kind: UnaryKind, x: f64) -> f64 {
    match kind {
        UnaryKind::Relu if x > 0.0 => 1.0,
        UnaryKind::Relu => 0.0,
        UnaryKind::Atan => 1.0 / (1.0 + x * x),
        UnaryKind::Tanh => x.cosh().powi(-2),
        UnaryKind::Log => 1.0 / x,
        UnaryKind::Exp => x.exp(),
        UnaryKind::SignedLog => 1.0 / (1.0 + x.abs()),
        other => panic!("the oracle has no rule for the gradient of {}", other.name()),
    }
}
