//! What stands in for the direct kernels on processors that they are not written for.

use lowland_core::Real;
use lowland_core::op::Conv2d;

use super::{Isa, Pass};
use crate::threads::Threads;

/// `None`: there are no kernels.
pub(super) fn scratch_len<T: Real>(_: Isa, _: &Conv2d, _: Pass) -> Option<usize> {
    None
}

/// `None`: there are no tasks.
pub(super) fn task_len<T: Real>(_: Isa, _: &Conv2d) -> Option<usize> {
    None
}

/// Leaves the op to the portable loops.
pub(super) fn run<T: Real>(
    _: Isa,
    _: &Conv2d,
    _: Pass,
    _: &Threads,
    _: &[T],
    _: &[T],
    _: &mut [T],
    _: &mut [T],
    _: &mut [f64],
) -> bool {
    false
}
