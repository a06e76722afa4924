//! Repetition along axes.

use lowland_core::Result;
use lowland_core::op::Broadcast;

use crate::args::args;
use crate::driver::Address;
use crate::launcher::Launcher;
use crate::strided::{Walk, is_narrow, repeated};

args! {
    struct BroadcastArgs { x: Address, y: Address, len: u64, walk: Walk<1>, scale: f32 }
}

pub(super) fn forward(
    op: &Broadcast,
    launcher: &Launcher,
    [x]: [Address; 1],
    [y]: [Address; 1],
) -> Result<()> {
    let len = op.to.len();
    let walk = Walk::new(&op.to, [repeated(&op.from, op.to.rank())], [0]);
    let kernel = if is_narrow(&[len]) { "broadcast_narrow" } else { "broadcast_wide" };
    let args = BroadcastArgs { x, y, len: len as u64, walk, scale: op.scale as f32 };
    launcher.launch("ops/broadcast.cu", kernel, launcher.blocks(len), &args)
}
