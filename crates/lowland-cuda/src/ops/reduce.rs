//! Sums, means and maxima over axes.

use lowland_core::op::{Fill, Reduce, ReduceKind};
use lowland_core::{Result, Shape};

use super::fill;
use crate::args::args;
use crate::driver::Address;
use crate::launcher::{Launcher, THREADS};
use crate::storage::DeviceMemory;
use crate::strided::{Walk, is_narrow};
use crate::tiles::Tiles;

args! {
    struct ReduceArgs { x: Address, y: Address, divisor: f64, tiles: Tiles }
    struct MaxGradArgs {
        x: Address,
        y: Address,
        dy: Address,
        dx: Address,
        results: u64,
        count: u64,
        results_in_x: Walk<1>,
        elements_in_x: Walk<1>,
        lanes: u64,
    }
}

const FILE: &str = "ops/reduce.cu";

/// The kernels of a fold: from the input to the output, from the input to partial results, from
/// those to others, and from those to the output.
struct Kernels {
    once: &'static str,
    begin: &'static str,
    go_on: &'static str,
    end: &'static str,
}

fn kernels(kind: ReduceKind) -> Option<Kernels> {
    Some(match kind {
        ReduceKind::Sum | ReduceKind::Mean => {
            Kernels { once: "sum_once", begin: "sum_begin", go_on: "sum_go_on", end: "sum_end" }
        }
        ReduceKind::Max => {
            Kernels { once: "max_once", begin: "max_begin", go_on: "max_go_on", end: "max_end" }
        }
        _ => return None,
    })
}

/// Whether this kind can be computed.
pub(super) fn supports(kind: ReduceKind) -> bool {
    kernels(kind).is_some()
}

pub(super) fn forward(
    op: &Reduce,
    launcher: &Launcher,
    [x]: [Address; 1],
    [y]: [Address; 1],
) -> Result<()> {
    let Some(kernels) = kernels(op.kind) else {
        return Err(launcher.unsupported(op.kind.name()));
    };
    if op.to.is_empty() {
        return Ok(());
    }
    let passes = passes(op);
    let Some((last, first)) = passes.split_last() else {
        return launcher.driver.copy(x, y, op.to.len() * size_of::<f32>());
    };
    let launch = |kernel, x, y, divisor, tiles: &Tiles| {
        let args = ReduceArgs { x, y, divisor, tiles: *tiles };
        launcher.launch(FILE, kernel, launcher.items(tiles.items), &args)
    };
    let mut partial: Option<DeviceMemory> = None;
    for tiles in first {
        let out = launcher.scratch(tiles.results() * size_of::<f64>())?;
        match &partial {
            None => launch(kernels.begin, x, out.address(), 1.0, tiles)?,
            Some(partial) => launch(kernels.go_on, partial.address(), out.address(), 1.0, tiles)?,
        }
        partial = Some(out);
    }
    let divisor = if op.kind == ReduceKind::Mean { op.count() as f64 } else { 1.0 };
    match &partial {
        None => launch(kernels.once, x, y, divisor, last),
        Some(partial) => launch(kernels.end, partial.address(), y, divisor, last),
    }
}

/// One fold after the other: each run of neighbouring axes that are reduced, the last one first, and
/// behind each that is cut into pieces the fold of those.
fn passes(op: &Reduce) -> Vec<Tiles> {
    let is_reduced = |axis: usize| op.to[axis] != op.from[axis];
    let product =
        |axes: std::ops::Range<usize>| -> usize { op.from.extents()[axes].iter().product() };
    let mut passes = vec![];
    let mut end = op.from.rank();
    let mut columns = 1;
    while end > 0 {
        let reduced = is_reduced(end - 1);
        // Axes of extent 1 go along with either kind.
        let belongs = |&axis: &usize| op.from[axis] == 1 || is_reduced(axis) == reduced;
        let start = (0..end).rev().take_while(belongs).last().unwrap_or(end - 1);
        if reduced {
            let tiles = Tiles::cut(product(0..start), product(start..end), columns);
            passes.push(tiles);
            if tiles.pieces > 1 {
                passes.push(tiles.of_pieces());
            }
        } else {
            columns *= product(start..end);
        }
        end = start;
    }
    passes
}

/// `dx` is `dy` at the first element that equals the maximum, in row-major order, and 0 elsewhere.
pub(super) fn max_grad(
    op: &Reduce,
    launcher: &Launcher,
    [x, y, dy]: [Address; 3],
    [dx]: [Address; 1],
) -> Result<()> {
    let len = op.from.len();
    fill::forward(&Fill { len, value: 0.0 }, launcher, [dx])?;
    if len == 0 {
        return Ok(());
    }
    let strides = op.from.strides();
    let results_in_x = Walk::new(&op.to, [strides], [0]);
    // The axes that are reduced, the others with extent 1.
    let mut reduced = [1; Shape::MAX_RANK];
    for (axis, extent) in reduced[..op.from.rank()].iter_mut().enumerate() {
        *extent = if op.to[axis] == 1 { op.from[axis] } else { 1 };
    }
    let elements = Shape::new(&reduced[..op.from.rank()]);
    let elements_in_x = Walk::new(&elements, [strides], [0]);
    let (results, count) = (op.to.len() as u64, elements.len() as u64);
    let lanes = count.clamp(1, THREADS).next_power_of_two().min(max_lanes(results));
    let args = MaxGradArgs { x, y, dy, dx, results, count, results_in_x, elements_in_x, lanes };
    let kernel = if is_narrow(&[len]) { "max_grad_narrow" } else { "max_grad_wide" };
    let items = results.div_ceil(THREADS / lanes);
    launcher.launch(FILE, kernel, launcher.items(items), &args)
}

/// The most threads that share a result: few where there are many results, so that neighbouring
/// threads read neighbours.
fn max_lanes(results: u64) -> u64 {
    THREADS / results.clamp(1, 32).next_power_of_two()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passes_of(shape: &[usize], axes: &[usize]) -> Vec<[u64; 3]> {
        let op = Reduce::new(ReduceKind::Sum, Shape::new(shape), axes).unwrap();
        passes(&op).iter().map(|t| [t.matrices, t.rows, t.columns]).collect()
    }

    #[test]
    fn separate_axes_are_reduced_one_after_the_other() {
        assert_eq!(passes_of(&[2, 1, 2, 2, 1], &[0, 3, 4]), [[4, 2, 1], [1, 2, 2]]);
        assert_eq!(passes_of(&[2, 9, 7, 16], &[0, 1, 2]), [[1, 126, 16]]);
        assert_eq!(passes_of(&[70_001], &[0]), [[1, 70_001, 1], [1, 18, 1]]);
        assert_eq!(passes_of(&[5, 1], &[1]), [[0; 3]; 0]);
        assert_eq!(passes_of(&[0, 5], &[0]), [[1, 0, 5]]);
    }
}
