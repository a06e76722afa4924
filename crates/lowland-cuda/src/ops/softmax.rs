//! Softmax and its logarithm.

use lowland_core::Result;
use lowland_core::op::Softmax;

use super::rows::Lanes;
use crate::args::args;
use crate::driver::Address;
use crate::launcher::Launcher;

args! {
    struct SoftmaxArgs { x: Address, y: Address, rows: u64, columns: u64 }
    struct SoftmaxGradArgs { y: Address, dy: Address, dx: Address, rows: u64, columns: u64 }
}

const FILE: &str = "ops/softmax.cu";

pub(super) fn forward(
    op: &Softmax,
    launcher: &Launcher,
    [x]: [Address; 1],
    [y]: [Address; 1],
) -> Result<()> {
    let lanes = Lanes::for_columns(op.columns);
    let kernel = match (op.log, lanes) {
        (false, Lanes::Warp) => "softmax_short",
        (false, Lanes::Block) => "softmax_long",
        (true, Lanes::Warp) => "log_softmax_short",
        (true, Lanes::Block) => "log_softmax_long",
    };
    let args = SoftmaxArgs { x, y, rows: op.rows as u64, columns: op.columns as u64 };
    launcher.launch(FILE, kernel, launcher.items(lanes.items(op.rows)), &args)
}

pub(super) fn grad(
    op: &Softmax,
    launcher: &Launcher,
    [y, dy]: [Address; 2],
    [dx]: [Address; 1],
) -> Result<()> {
    let lanes = Lanes::for_columns(op.columns);
    let kernel = match (op.log, lanes) {
        (false, Lanes::Warp) => "softmax_short_grad",
        (false, Lanes::Block) => "softmax_long_grad",
        (true, Lanes::Warp) => "log_softmax_short_grad",
        (true, Lanes::Block) => "log_softmax_long_grad",
    };
    let args = SoftmaxGradArgs { y, dy, dx, rows: op.rows as u64, columns: op.columns as u64 };
    launcher.launch(FILE, kernel, launcher.items(lanes.items(op.rows)), &args)
}
