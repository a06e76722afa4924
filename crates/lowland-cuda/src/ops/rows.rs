//! How many threads share a row: the mirror of `rows.cuh`.

use crate::launcher::THREADS;

/// Columns from which on a row has a whole block.
const LONG: usize = 2048;

/// Threads of a warp.
const WARP: u64 = 32;

/// Who has a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lanes {
    Warp,
    Block,
}

impl Lanes {
    /// By the length of a row alone, so that the order of sums depends on nothing else.
    pub(super) fn for_columns(columns: usize) -> Self {
        if columns < LONG { Lanes::Warp } else { Lanes::Block }
    }

    /// Blocks' worth of work that `rows` make.
    pub(super) fn items(self, rows: usize) -> u64 {
        let together = match self {
            Lanes::Warp => THREADS / WARP,
            Lanes::Block => 1,
        };
        (rows as u64).div_ceil(together)
    }
}
