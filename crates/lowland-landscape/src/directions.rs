//! Random directions that are scaled as the weights are.

use lowland_models::{ParamEntry, Role};

use crate::Result;
use crate::error::check_length;
use crate::random::{Purpose, normal};
use crate::vector::{norm, scale};

/// A random direction at a point, normalised filter by filter: `d <- d / |d| · |w|` for the numbers of
/// each output channel of a convolution and each row of a linear layer, and zero for biases, batch
/// normalisation and the coefficients of blocks. So that a distance means the same in networks that
/// compute the same with weights of other scales.
///
/// Numbers are normal, and depend on the seed, `index` (directions of one surface take 0 and 1) and
/// their position alone. `entries` are those of the store, and `at` is laid out as
/// [`parameters`](crate::parameters) lays it out.
///
/// Source: Li et al. 2018, "Visualizing the Loss Landscape of Neural Nets", section 4; that
/// biases and batch normalisation stay is the choice of the authors' code.
///
/// # Errors
/// [`Error::Length`](crate::Error::Length).
pub fn filter_normalised(
    entries: &[ParamEntry],
    at: &[f64],
    seed: u64,
    index: u64,
) -> Result<Vec<f64>> {
    let count = entries.iter().map(|entry| entry.shape.len()).sum();
    check_length("the point", count, at.len())?;
    let mut direction = normal(seed, Purpose::Direction, index, count);
    let mut start = 0;
    for entry in entries {
        let range = start..start + entry.shape.len();
        start = range.end;
        let part = &mut direction[range.clone()];
        if !matches!(entry.role, Role::ConvWeight | Role::LinearWeight) {
            part.fill(0.0);
            continue;
        }
        let filters = entry.shape.extents().first().copied().unwrap_or(1).max(1);
        let len = (part.len() / filters).max(1);
        for (d, w) in part.chunks_exact_mut(len).zip(at[range].chunks_exact(len)) {
            // Normal numbers are not all zero.
            let factor = norm(w) / norm(d);
            scale(d, factor);
        }
    }
    Ok(direction)
}
