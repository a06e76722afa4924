//! Matrix products, by the device's library. No operand is empty here.

use lowland_core::Result;
use lowland_core::op::MatMul;

use super::aligned::aligned;
use crate::driver::{Address, Multiply};
use crate::launcher::Launcher;

pub(super) fn forward(
    op: &MatMul,
    launcher: &Launcher,
    [a, b]: [Address; 2],
    [y]: [Address; 1],
) -> Result<()> {
    let &MatMul { m, k, n, transpose_a, transpose_b } = op;
    aligned(launcher, [(a, m * k), (b, k * n)], (y, m * n), |[a, b], y| {
        launcher.driver.multiply(&Multiply { m, n, k, a, transpose_a, b, transpose_b, y })
    })
}
