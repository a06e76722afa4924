//! All elements the same.

use lowland_core::Result;
use lowland_core::op::Fill;

use crate::args::args;
use crate::driver::Address;
use crate::launcher::Launcher;

args! {
    struct FillArgs { y: Address, len: u64, value: f32 }
}

pub(super) fn forward(op: &Fill, launcher: &Launcher, [y]: [Address; 1]) -> Result<()> {
    let args = FillArgs { y, len: op.len as u64, value: op.value as f32 };
    launcher.launch("ops/fill.cu", "fill", launcher.blocks(op.len), &args)
}
