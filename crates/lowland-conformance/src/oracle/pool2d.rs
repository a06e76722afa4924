//! Averages and maxima over windows.

use lowland_core::op::{Pool2d, PoolKind};

use super::reduce::first_largest;

pub(super) fn forward(op: &Pool2d, x: &[f64]) -> Vec<f64> {
    let of_window = |window: Vec<usize>| match op.kind {
        PoolKind::Average => window.iter().map(|&i| x[i]).sum::<f64>() / window_size(op),
        PoolKind::Max => x[first_largest(x, &window)],
        other => panic!("the oracle has no rule for {}", other.name()),
    };
    windows(op).into_iter().map(of_window).collect()
}

/// From `dy` for an average, from `x` and `dy` for a maximum.
pub(super) fn grad(op: &Pool2d, inputs: &[&[f64]]) -> Vec<f64> {
    let mut dx = vec![0.0; op.x().len()];
    let dy = inputs[inputs.len() - 1];
    for (window, dy) in windows(op).into_iter().zip(dy) {
        match op.kind {
            PoolKind::Average => window.iter().for_each(|&i| dx[i] += dy / window_size(op)),
            PoolKind::Max => dx[first_largest(inputs[0], &window)] += dy,
            other => panic!("the oracle has no rule for the {}", other.grad_name()),
        }
    }
    dx
}

/// Padding counts as zeros in an average, so each window has the full size.
fn window_size(op: &Pool2d) -> f64 {
    (op.kernel[0] * op.kernel[1]) as f64
}

/// For each output element, the positions of its window that are inside the image.
fn windows(op: &Pool2d) -> Vec<Vec<usize>> {
    let [height, width] = op.input;
    let mut windows = Vec::new();
    for n in 0..op.batch {
        for p in 0..op.output[0] {
            for q in 0..op.output[1] {
                for c in 0..op.channels {
                    let mut window = Vec::new();
                    for r in 0..op.kernel[0] {
                        for s in 0..op.kernel[1] {
                            let row = (p * op.stride[0] + r).checked_sub(op.padding[0]);
                            let column = (q * op.stride[1] + s).checked_sub(op.padding[1]);
                            if let (Some(row), Some(column)) = (row, column)
                                && row < height
                                && column < width
                            {
                                window
                                    .push(((n * height + row) * width + column) * op.channels + c);
                            }
                        }
                    }
                    windows.push(window);
                }
            }
        }
    }
    windows
}
