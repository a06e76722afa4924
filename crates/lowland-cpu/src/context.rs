//! What an op runs with.

use crate::conv2d::Isa;
use crate::pool::Pool;
use crate::threads::Threads;

/// The means of a [`Cpu`](crate::Cpu).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context<'a> {
    /// Whose kernels run. This processor has it.
    pub(crate) isa: Isa,
    /// Who does the work.
    pub(crate) threads: &'a Threads,
    /// Where scratch memory comes from.
    pub(crate) pool: &'a Pool,
}
