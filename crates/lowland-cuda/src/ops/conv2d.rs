//! Convolutions, by the device's library. It takes weights as `[O, kh, kw, I / groups]`: they are
//! permuted into scratch memory before, or out of it behind. No operand is empty here.

use lowland_core::Result;
use lowland_core::op::{Conv2d, Permute};

use super::aligned::aligned;
use super::{permute, statistics};
use crate::driver::{Address, Convolve};
use crate::launcher::Launcher;

pub(super) fn forward(
    op: &Conv2d,
    launcher: &Launcher,
    [x, w]: [Address; 2],
    [y]: [Address; 1],
) -> Result<()> {
    with_weight(op, launcher, w, |w| Convolve::Forward { x, w, y })
}

/// With the mean and variance of each channel of the output.
pub(super) fn forward_statistics(
    op: &Conv2d,
    launcher: &Launcher,
    inputs: [Address; 2],
    [y, mean, var]: [Address; 3],
) -> Result<()> {
    forward(op, launcher, inputs, [y])?;
    let rows = op.batch * op.output[0] * op.output[1];
    statistics::of(launcher, rows, op.out_channels, y, [mean, var])
}

pub(super) fn grad_input(
    op: &Conv2d,
    launcher: &Launcher,
    [dy, w]: [Address; 2],
    [dx]: [Address; 1],
) -> Result<()> {
    with_weight(op, launcher, w, |w| Convolve::GradInput { dy, w, dx })
}

pub(super) fn grad_weight(
    op: &Conv2d,
    launcher: &Launcher,
    [x, dy]: [Address; 2],
    [dw]: [Address; 1],
) -> Result<()> {
    let Some(order) = to_library(op)? else {
        return convolve(op, launcher, Convolve::GradWeight { x, dy, dw });
    };
    let scratch = launcher.scratch(op.w().len() * size_of::<f32>())?;
    convolve(op, launcher, Convolve::GradWeight { x, dy, dw: scratch.address() })?;
    permute::forward(&order.inverse(), launcher, [scratch.address()], [dw])
}

/// Runs what reads the weight.
fn with_weight(
    op: &Conv2d,
    launcher: &Launcher,
    w: Address,
    what: impl FnOnce(Address) -> Convolve,
) -> Result<()> {
    let Some(order) = to_library(op)? else {
        return convolve(op, launcher, what(w));
    };
    let scratch = launcher.scratch(op.w().len() * size_of::<f32>())?;
    permute::forward(&order, launcher, [w], [scratch.address()])?;
    convolve(op, launcher, what(scratch.address()))
}

/// The permutation of the weight that the library needs; `None` where both orders are one.
fn to_library(op: &Conv2d) -> Result<Option<Permute>> {
    let ([kh, kw], per_group) = (op.kernel, op.in_channels / op.groups);
    if per_group == 1 || kh * kw == 1 {
        return Ok(None);
    }
    Permute::new(op.w(), &[0, 2, 3, 1]).map(Some)
}

/// Convolves with operands where the library takes them.
fn convolve(op: &Conv2d, launcher: &Launcher, what: Convolve) -> Result<()> {
    let (x_len, w_len, y_len) = (op.x().len(), op.w().len(), op.y().len());
    match what {
        Convolve::Forward { x, w, y } => {
            aligned(launcher, [(x, x_len), (w, w_len)], (y, y_len), |[x, w], y| {
                in_workspace(op, launcher, Convolve::Forward { x, w, y })
            })
        }
        Convolve::GradInput { dy, w, dx } => {
            aligned(launcher, [(dy, y_len), (w, w_len)], (dx, x_len), |[dy, w], dx| {
                in_workspace(op, launcher, Convolve::GradInput { dy, w, dx })
            })
        }
        Convolve::GradWeight { x, dy, dw } => {
            aligned(launcher, [(x, x_len), (dy, y_len)], (dw, w_len), |[x, dy], dw| {
                in_workspace(op, launcher, Convolve::GradWeight { x, dy, dw })
            })
        }
    }
}

/// Convolves with the scratch memory that the library needs.
fn in_workspace(op: &Conv2d, launcher: &Launcher, what: Convolve) -> Result<()> {
    let bytes = launcher.driver.workspace_bytes(op, what)?;
    if bytes == 0 {
        return launcher.driver.convolve(op, what, Address::default());
    }
    let workspace = launcher.scratch(bytes)?;
    launcher.driver.convolve(op, what, workspace.address())
}
