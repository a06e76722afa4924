//! Axes in another order.

use lowland_core::op::Permute;
use lowland_core::{Result, Shape};

use crate::args::args;
use crate::driver::Address;
use crate::launcher::Launcher;
use crate::strided::{Walk, is_narrow};

args! {
    struct PermuteArgs { x: Address, y: Address, len: u64, walk: Walk<1> }
    struct TransposeArgs { x: Address, y: Address, matrices: u64, rows: u64, columns: u64 }
}

const FILE: &str = "ops/permute.cu";

/// Rows and columns of a tile of the kernel that transposes.
const TILE: usize = 32;

pub(crate) fn forward(
    op: &Permute,
    launcher: &Launcher,
    [x]: [Address; 1],
    [y]: [Address; 1],
) -> Result<()> {
    let len = op.to.len();
    if len == 0 {
        return Ok(());
    }
    let from = op.from.strides();
    let mut strides = [0; Shape::MAX_RANK];
    for (stride, &source) in strides.iter_mut().zip(op.order()) {
        *stride = from[source];
    }
    let walk = Walk::new(&op.to, [strides], [0]);
    if let Some([matrices, rows, columns]) = matrices(&walk) {
        let items = matrices * rows.div_ceil(TILE) * columns.div_ceil(TILE);
        let [matrices, rows, columns] = [matrices, rows, columns].map(|n| n as u64);
        let args = TransposeArgs { x, y, matrices, rows, columns };
        return launcher.launch(FILE, "transpose", launcher.items(items as u64), &args);
    }
    let kernel = if is_narrow(&[len]) { "permute_narrow" } else { "permute_wide" };
    let args = PermuteArgs { x, y, len: len as u64, walk };
    launcher.launch(FILE, kernel, launcher.blocks(len), &args)
}

/// `[matrices, rows, columns]` of what is transposed, where the walk through `x` comes to that.
fn matrices(walk: &Walk<1>) -> Option<[usize; 3]> {
    let axes: Vec<(usize, usize)> =
        walk.axes().map(|(extent, [stride])| (extent, stride)).collect();
    // In the order of y: its rows are the columns of x.
    let (matrices, columns, rows) = match axes[..] {
        [(columns, 1), (rows, stride)] if stride == columns => (1, columns, rows),
        [(matrices, matrix), (columns, 1), (rows, stride)]
            if stride == columns && matrix == rows * columns =>
        {
            (matrices, columns, rows)
        }
        _ => return None,
    };
    Some([matrices, rows, columns])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transposed(from: &[usize], order: &[usize]) -> Option<[usize; 3]> {
        let op = Permute::new(Shape::new(from), order).unwrap();
        let strides = op.from.strides();
        let mut of_y = [0; Shape::MAX_RANK];
        for (stride, &source) in of_y.iter_mut().zip(op.order()) {
            *stride = strides[source];
        }
        matrices(&Walk::new(&op.to, [of_y], [0]))
    }

    #[test]
    fn layouts_of_images_and_weights_are_transpositions() {
        assert_eq!(transposed(&[2, 3, 9, 7], &[0, 2, 3, 1]), Some([2, 3, 63]));
        assert_eq!(transposed(&[2, 9, 7, 3], &[0, 3, 1, 2]), Some([2, 63, 3]));
        assert_eq!(transposed(&[16, 8, 3, 3], &[0, 2, 3, 1]), Some([16, 8, 9]));
        assert_eq!(transposed(&[33, 17], &[1, 0]), Some([1, 33, 17]));
        assert_eq!(transposed(&[3, 5, 7], &[2, 1, 0]), None);
        assert_eq!(transposed(&[3, 5, 7], &[1, 0, 2]), None);
        assert_eq!(transposed(&[3, 5, 7], &[0, 1, 2]), None);
    }
}
