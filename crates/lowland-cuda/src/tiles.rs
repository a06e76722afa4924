//! How folds over the rows of matrices are cut into the work of blocks: the mirror of `columns.cuh`.

use crate::launcher::THREADS;

/// A thread folds at least this many rows before they are cut into pieces.
const ROWS_A_THREAD: u64 = 16;

/// Pieces are cut until about so many blocks have work: enough to fill a large device, few enough
/// that folding what they give costs nothing beside. A constant, so that results do not depend on
/// the device.
const BLOCKS: u64 = 512;

/// `[matrices, rows, columns]`, cut for folding the rows. As `Tiles` in the sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub(crate) struct Tiles {
    pub(crate) matrices: u64,
    pub(crate) rows: u64,
    pub(crate) columns: u64,
    /// Pieces of the rows, at least one, and the rows of each but the last.
    pub(crate) pieces: u64,
    piece_rows: u64,
    /// The work: one item a block.
    pub(crate) items: u64,
    /// Columns that a block has, and the threads that share a row's column.
    width: u64,
    lanes: u64,
}

impl Tiles {
    /// The rows cut into pieces, where there is too little work otherwise.
    pub(crate) fn cut(matrices: usize, rows: usize, columns: usize) -> Self {
        let whole = Self::whole(matrices, rows, columns);
        let most = whole.rows.div_ceil(whole.lanes * ROWS_A_THREAD);
        let pieces = most.min(BLOCKS / whole.items.max(1)).max(1);
        let piece_rows = whole.rows.div_ceil(pieces).max(1);
        let pieces = whole.rows.div_ceil(piece_rows).max(1);
        Tiles { pieces, piece_rows, items: whole.items * pieces, ..whole }
    }

    /// All rows in one piece.
    pub(crate) fn whole(matrices: usize, rows: usize, columns: usize) -> Self {
        let [matrices, rows, columns] = [matrices, rows, columns].map(|n| n as u64);
        // Powers of two that cover a size, where a block has as many threads.
        let covering = |n: u64, most: u64| n.clamp(1, most).next_power_of_two();
        // Neighbouring threads have neighbouring columns, 32 of them if there are; what is left goes
        // to rows first, then to more columns, then to more matrices.
        let lanes = covering(rows, THREADS / covering(columns, 32));
        let width = covering(columns, THREADS / lanes);
        let together = THREADS / (lanes * width);
        let items = matrices.div_ceil(together) * columns.div_ceil(width);
        Tiles { matrices, rows, columns, pieces: 1, piece_rows: rows, items, width, lanes }
    }

    /// The fold of what the pieces of this one give.
    pub(crate) fn of_pieces(&self) -> Self {
        Tiles::whole(self.matrices as usize, self.pieces as usize, self.columns as usize)
    }

    /// Results, of each piece.
    pub(crate) fn results(&self) -> usize {
        (self.matrices * self.pieces * self.columns) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(tiles: Tiles) -> [u64; 4] {
        [tiles.width, tiles.lanes, tiles.pieces, tiles.items]
    }

    #[test]
    fn threads_go_to_columns_then_rows_then_matrices() {
        assert_eq!(shape(Tiles::whole(1, 1000, 64)), [32, 8, 1, 2]);
        assert_eq!(shape(Tiles::whole(1, 1000, 1)), [1, 256, 1, 1]);
        assert_eq!(shape(Tiles::whole(1, 3, 1000)), [64, 4, 1, 16]);
        assert_eq!(shape(Tiles::whole(700, 10, 1)), [1, 16, 1, 44]);
        assert_eq!(shape(Tiles::whole(5, 0, 3)), [4, 1, 1, 1]);
        assert_eq!(shape(Tiles::whole(0, 10, 3)), [4, 16, 1, 0]);
    }

    #[test]
    fn long_columns_are_cut_and_short_ones_are_not() {
        assert_eq!(shape(Tiles::cut(1, 128 * 32 * 32, 16)), [16, 16, 512, 512]);
        assert_eq!(shape(Tiles::cut(1, 1 << 26, 1)), [1, 256, 512, 512]);
        assert_eq!(shape(Tiles::cut(1, 100, 64)), [32, 8, 1, 2]);
        assert_eq!(shape(Tiles::cut(1, 4096, 32 * 512)), [32, 8, 1, 512]);
        let tiles = Tiles::cut(1, 2100, 3);
        assert_eq!((tiles.pieces, tiles.piece_rows), (3, 700));
        assert_eq!((tiles.of_pieces().rows, tiles.results()), (3, 9));
    }

    #[test]
    fn every_row_is_in_one_piece() {
        for rows in (0..5000).step_by(37) {
            let tiles = Tiles::cut(1, rows, 16);
            let (pieces, rows) = (tiles.pieces, rows as u64);
            assert!(pieces * tiles.piece_rows >= rows && (pieces - 1) * tiles.piece_rows <= rows);
        }
    }
}
