//! Mean and variance of the channels of an activation.

use lowland_core::Result;

use crate::args::args;
use crate::driver::Address;
use crate::launcher::Launcher;
use crate::storage::DeviceMemory;
use crate::tiles::Tiles;

args! {
    struct ShiftedSumsArgs { x: Address, sums: Address, tiles: Tiles }
    struct StatisticsArgs {
        sums: Address,
        x: Address,
        mean: Address,
        var: Address,
        tiles: Tiles,
        rows: u64,
    }
}

const FILE: &str = "ops/statistics.cu";

/// Sums of pieces of the rows, from which the statistics follow.
pub(super) struct Sums {
    pub(super) memory: DeviceMemory,
    /// How they are folded.
    pub(super) tiles: Tiles,
}

/// Takes the sums of `x`, `[rows, channels]`, with at least one row.
pub(super) fn sums(launcher: &Launcher, rows: usize, channels: usize, x: Address) -> Result<Sums> {
    let tiles = Tiles::cut(1, rows, channels);
    let memory = launcher.scratch(2 * tiles.results() * size_of::<f64>())?;
    let args = ShiftedSumsArgs { x, sums: memory.address(), tiles };
    launcher.launch(FILE, "shifted_sums", launcher.items(tiles.items), &args)?;
    Ok(Sums { memory, tiles: tiles.of_pieces() })
}

/// Writes mean and biased variance of each channel of `x`, `[rows, channels]`.
pub(super) fn of(
    launcher: &Launcher,
    rows: usize,
    channels: usize,
    x: Address,
    [mean, var]: [Address; 2],
) -> Result<()> {
    let Sums { memory, tiles } = sums(launcher, rows, channels, x)?;
    let sums = memory.address();
    let args = StatisticsArgs { sums, x, mean, var, tiles, rows: rows as u64 };
    launcher.launch(FILE, "statistics", launcher.items(tiles.items), &args)
}
