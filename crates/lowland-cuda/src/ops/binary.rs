//! Arithmetic on two tensors.

use lowland_core::Result;
use lowland_core::op::{Binary, BinaryKind};

use crate::args::args;
use crate::driver::Address;
use crate::launcher::Launcher;
use crate::strided::{Walk, is_narrow, repeated};

args! {
    struct BinaryArgs { a: Address, b: Address, y: Address, len: u64 }
    struct BinaryWalkArgs { a: Address, b: Address, y: Address, len: u64, walk: Walk<2> }
}

/// The kernels of a kind: for operands of one shape, and for others, with indices of 32 bits and of
/// 64.
fn kernels(kind: BinaryKind) -> Option<[&'static str; 3]> {
    Some(match kind {
        BinaryKind::Add => ["add_same", "add_walk", "add_walk_wide"],
        BinaryKind::Sub => ["sub_same", "sub_walk", "sub_walk_wide"],
        BinaryKind::Mul => ["mul_same", "mul_walk", "mul_walk_wide"],
        BinaryKind::Div => ["div_same", "div_walk", "div_walk_wide"],
        _ => return None,
    })
}

/// Whether this kind can be computed.
pub(super) fn supports(kind: BinaryKind) -> bool {
    kernels(kind).is_some()
}

pub(super) fn forward(
    op: &Binary,
    launcher: &Launcher,
    [a, b]: [Address; 2],
    [y]: [Address; 1],
) -> Result<()> {
    const FILE: &str = "ops/binary.cu";
    let Some([same, walk, walk_wide]) = kernels(op.kind) else {
        return Err(launcher.unsupported(op.kind.name()));
    };
    let (len, rank) = (op.out.len(), op.out.rank());
    let strides = [repeated(&op.a, rank), repeated(&op.b, rank)];
    let operands = Walk::new(&op.out, strides, [0, 0]);
    if operands.is_contiguous() {
        let args = BinaryArgs { a, b, y, len: len as u64 };
        return launcher.launch(FILE, same, launcher.blocks_of_fours(len), &args);
    }
    let kernel = if is_narrow(&[len]) { walk } else { walk_wide };
    let args = BinaryWalkArgs { a, b, y, len: len as u64, walk: operands };
    launcher.launch(FILE, kernel, launcher.blocks(len), &args)
}
