//! Strided blocks of a tensor, out of it and into zeros.

use lowland_core::Result;
use lowland_core::op::{Fill, Slice};

use super::fill;
use crate::args::args;
use crate::driver::Address;
use crate::launcher::Launcher;
use crate::strided::{Walk, is_narrow};

args! {
    struct SliceArgs { x: Address, y: Address, len: u64, walk: Walk<1> }
}

const FILE: &str = "ops/slice.cu";

fn args(op: &Slice, x: Address, y: Address) -> SliceArgs {
    let steps = op.whole.strides();
    let first = op.start.iter().zip(steps).map(|(start, stride)| start * stride).sum();
    let strides = std::array::from_fn(|axis| op.step[axis].saturating_mul(steps[axis]));
    let walk = Walk::new(&op.block, [strides], [first]);
    SliceArgs { x, y, len: op.block.len() as u64, walk }
}

/// The block.
pub(super) fn slice(
    op: &Slice,
    launcher: &Launcher,
    [x]: [Address; 1],
    [y]: [Address; 1],
) -> Result<()> {
    if op.block.is_empty() {
        return Ok(());
    }
    let kernel = if is_narrow(&[op.whole.len()]) { "slice" } else { "slice_wide" };
    launcher.launch(FILE, kernel, launcher.blocks(op.block.len()), &args(op, x, y))
}

/// The block, written into zeros.
pub(super) fn embed(
    op: &Slice,
    launcher: &Launcher,
    [x]: [Address; 1],
    [y]: [Address; 1],
) -> Result<()> {
    fill::forward(&Fill { len: op.whole.len(), value: 0.0 }, launcher, [y])?;
    if op.block.is_empty() {
        return Ok(());
    }
    let kernel = if is_narrow(&[op.whole.len()]) { "embed" } else { "embed_wide" };
    launcher.launch(FILE, kernel, launcher.blocks(op.block.len()), &args(op, x, y))
}
