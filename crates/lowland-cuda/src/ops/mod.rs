//! From ops to launches: a file for each op, of the same name as in lowland-core and as its kernels
//! in lowland-kernels.

mod fill;

use lowland_core::{DType, Error, Op, Result};

use crate::driver::Address;
use crate::launcher::Launcher;

/// Whether [`run`] knows an op.
pub(crate) fn supports(op: &Op, dtype: DType) -> bool {
    let known = match op {
        Op::Fill(_) => true,
        _ => false,
    };
    known && dtype == DType::F32
}

/// Runs an op on operands that [`Op::check`] has passed: their addresses, in its order.
///
/// # Errors
/// [`Error::Unsupported`], and what memory, compiling and launching say.
pub(crate) fn run(
    op: &Op,
    launcher: &Launcher,
    inputs: &[Address],
    outputs: &[Address],
) -> Result<()> {
    let _ = inputs;
    match op {
        Op::Fill(op) => fill::forward(op, launcher, exactly(outputs)),
        op => Err(Error::Unsupported {
            op: op.name().into(),
            backend: launcher.driver.name().into(),
            dtype: DType::F32,
        }),
    }
}

/// As many operands as the op has, which [`Op::check`] counted.
fn exactly<const N: usize>(operands: &[Address]) -> [Address; N] {
    match operands.try_into() {
        Ok(operands) => operands,
        Err(_) => unreachable!("{} operands, not {N}", operands.len()),
    }
}
