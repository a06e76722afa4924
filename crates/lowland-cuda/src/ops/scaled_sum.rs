//! Linear combinations of several tensors in one pass.

use lowland_core::Result;
use lowland_core::op::ScaledSum;

use crate::args::args;
use crate::driver::Address;
use crate::launcher::Launcher;

args! {
    struct ScaledSumArgs {
        x: [Address; ScaledSum::MAX_TERMS],
        y: Address,
        len: u64,
        scales: [f32; ScaledSum::MAX_TERMS],
    }
}

/// The kernel of so many terms.
const KERNELS: [&str; ScaledSum::MAX_TERMS] = [
    "scaled_sum_1",
    "scaled_sum_2",
    "scaled_sum_3",
    "scaled_sum_4",
    "scaled_sum_5",
    "scaled_sum_6",
    "scaled_sum_7",
    "scaled_sum_8",
];

pub(super) fn forward(
    op: &ScaledSum,
    launcher: &Launcher,
    inputs: &[Address],
    [y]: [Address; 1],
) -> Result<()> {
    let mut args = ScaledSumArgs {
        x: [Address::default(); ScaledSum::MAX_TERMS],
        y,
        len: op.len as u64,
        scales: [0.0; ScaledSum::MAX_TERMS],
    };
    args.x[..inputs.len()].copy_from_slice(inputs);
    for (to, &scale) in args.scales.iter_mut().zip(op.scales()) {
        *to = scale as f32;
    }
    let kernel = KERNELS[op.scales().len() - 1];
    launcher.launch("ops/scaled_sum.cu", kernel, launcher.blocks_of_fours(op.len), &args)
}
