//! In-place accumulation.

use lowland_core::Result;
use lowland_core::op::Accumulate;

use crate::args::args;
use crate::driver::Address;
use crate::launcher::Launcher;

args! {
    struct AccumulateArgs { x: Address, y: Address, len: u64, a: f32, b: f32 }
}

pub(super) fn forward(
    op: &Accumulate,
    launcher: &Launcher,
    [x]: [Address; 1],
    [y]: [Address; 1],
) -> Result<()> {
    let args = AccumulateArgs { x, y, len: op.len as u64, a: op.a as f32, b: op.b as f32 };
    let kernel = if op.b == 0.0 { "scaled_copy" } else { "accumulate" };
    launcher.launch("ops/accumulate.cu", kernel, launcher.blocks_of_fours(op.len), &args)
}
