//! Operands where a library takes them.
//!
//! The kernels of libraries may load and store 16 bytes at a time. A buffer may start at any element;
//! one that does not lie on such a boundary is copied into scratch memory before, or out of it behind.
//! The operands of networks all do.

use lowland_core::Result;

use crate::driver::Address;
use crate::launcher::Launcher;
use crate::storage::DeviceMemory;

/// The boundary, in bytes.
const BOUNDARY: u64 = 16;

/// An operand: its address, and how many `f32` it has.
pub(super) type Operand = (Address, usize);

/// Runs what reads two operands and writes a third, with addresses on boundaries.
///
/// # Errors
/// What `run` says, and what the device says of memory and copies.
pub(super) fn aligned(
    launcher: &Launcher,
    [left, right]: [Operand; 2],
    output: Operand,
    run: impl FnOnce([Address; 2], Address) -> Result<()>,
) -> Result<()> {
    let [of_left, of_right, of_output] =
        [scratch(launcher, left)?, scratch(launcher, right)?, scratch(launcher, output)?];
    let addresses = [input(launcher, left, &of_left)?, input(launcher, right, &of_right)?];
    let (to, len) = output;
    let Some(scratch) = of_output else {
        return run(addresses, to);
    };
    run(addresses, scratch.address())?;
    launcher.driver.copy(scratch.address(), to, len * size_of::<f32>())
}

/// Memory to stand in for an operand that is not on a boundary.
fn scratch(launcher: &Launcher, (address, len): Operand) -> Result<Option<DeviceMemory>> {
    let is_aligned = address.0.is_multiple_of(BOUNDARY);
    (!is_aligned).then(|| launcher.scratch(len * size_of::<f32>())).transpose()
}

/// Where an input can be read: in its scratch memory, once it was copied there, or where it is.
fn input(
    launcher: &Launcher,
    (address, len): Operand,
    scratch: &Option<DeviceMemory>,
) -> Result<Address> {
    let Some(scratch) = scratch else {
        return Ok(address);
    };
    launcher.driver.copy(address, scratch.address(), len * size_of::<f32>())?;
    Ok(scratch.address())
}
