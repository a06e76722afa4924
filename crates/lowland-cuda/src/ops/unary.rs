//! Functions of each element, and their gradients.

use lowland_core::Result;
use lowland_core::op::{DerivativeFrom, Unary, UnaryKind};

use crate::args::args;
use crate::driver::Address;
use crate::launcher::Launcher;

args! {
    struct UnaryArgs { x: Address, y: Address, len: u64 }
    struct UnaryGradArgs { from: Address, dy: Address, dx: Address, len: u64 }
}

const FILE: &str = "ops/unary.cu";

/// The kernels of a kind, forward and gradient; `None` where there are none.
fn kernels(kind: UnaryKind) -> Option<[&'static str; 2]> {
    Some(match kind {
        UnaryKind::Relu => ["relu_forward", "relu_grad"],
        UnaryKind::Atan => ["atan_forward", "atan_grad"],
        UnaryKind::Tanh => ["tanh_forward", "tanh_grad"],
        UnaryKind::Log => ["log_forward", "log_grad"],
        UnaryKind::Exp => ["exp_forward", "exp_grad"],
        UnaryKind::SignedLog => ["signed_log_forward", "signed_log_grad"],
        _ => return None,
    })
}

/// Whether this kind can be computed.
pub(super) fn supports(kind: UnaryKind) -> bool {
    kernels(kind).is_some()
}

pub(super) fn forward(
    op: &Unary,
    launcher: &Launcher,
    [x]: [Address; 1],
    [y]: [Address; 1],
) -> Result<()> {
    let Some([forward, _]) = kernels(op.kind) else {
        return Err(launcher.unsupported(op.kind.name()));
    };
    let args = UnaryArgs { x, y, len: op.len as u64 };
    launcher.launch(FILE, forward, launcher.blocks_of_fours(op.len), &args)
}

pub(super) fn grad(
    op: &Unary,
    launcher: &Launcher,
    [x, y, dy]: [Address; 3],
    [dx]: [Address; 1],
) -> Result<()> {
    let Some([_, grad]) = kernels(op.kind) else {
        return Err(launcher.unsupported(op.kind.grad_name()));
    };
    let from = match op.kind.derivative_from() {
        DerivativeFrom::Input => x,
        DerivativeFrom::Output => y,
    };
    let args = UnaryGradArgs { from, dy, dx, len: op.len as u64 };
    launcher.launch(FILE, grad, launcher.blocks_of_fours(op.len), &args)
}
