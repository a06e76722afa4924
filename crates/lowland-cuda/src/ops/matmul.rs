//! Matrix products, by the device's library.

use lowland_core::Result;
use lowland_core::op::{Fill, MatMul};

use super::aligned::aligned;
use super::fill;
use crate::driver::{Address, Multiply};
use crate::launcher::Launcher;

pub(super) fn forward(
    op: &MatMul,
    launcher: &Launcher,
    [a, b]: [Address; 2],
    [y]: [Address; 1],
) -> Result<()> {
    let &MatMul { m, k, n, transpose_a, transpose_b } = op;
    if m * n == 0 || k == 0 {
        return fill::forward(&Fill { len: m * n, value: 0.0 }, launcher, [y]);
    }
    aligned(launcher, [(a, m * k), (b, k * n)], (y, m * n), |[a, b], y| {
        launcher.driver.multiply(&Multiply { m, n, k, a, transpose_a, b, transpose_b, y })
    })
}
