//! Gradients clipped by their norm, without a word to the host.

use lowland_core::op::{ClipNorm, TensorAt};
use lowland_core::{Error, Result};

use crate::args::args;
use crate::driver::Address;
use crate::launcher::Launcher;
use crate::tables::{CHUNK, Content};

const FILE: &str = "ops/clip_norm.cu";

/// Sums that `exact_sum.cuh` can add up.
pub(super) const MAX_SUMS: usize = 1 << 22;

args! {
    struct ClipNormArgs {
        grads: Address,
        pieces: Address,
        count: u64,
        sums: Address,
        max_norm: f64,
        norm: Address,
        factor: Address,
    }
}

pub(super) fn forward(
    op: &ClipNorm,
    launcher: &Launcher,
    [grads, norm]: [Address; 2],
) -> Result<()> {
    let pieces = launcher
        .tables
        .get(&launcher.pool, "clip by norm", &[&op.tensors], || pieces(&op.tensors))?;
    let count = u64::from(pieces.blocks);
    let factor = launcher.scratch(size_of::<f32>())?;
    let sums = launcher.scratch(pieces.blocks as usize * size_of::<f64>())?;
    let args = ClipNormArgs {
        grads,
        pieces: pieces.rows,
        count,
        sums: sums.address(),
        max_norm: op.max_norm,
        norm,
        factor: factor.address(),
    };
    launcher.launch(FILE, "clip_norm_squares", pieces.blocks, &args)?;
    launcher.launch(FILE, "clip_norm_factor", 1, &args)?;
    launcher.launch(FILE, "clip_norm_scale", pieces.blocks, &args)
}

/// The tensors in pieces, shorter than [`ClipNorm::PIECE`] so that there are enough blocks.
fn pieces(tensors: &[TensorAt]) -> Result<Content> {
    let mut content = Content::default();
    for TensorAt { offset, shape } in tensors {
        for start in (0..shape.len()).step_by(CHUNK) {
            content.push([offset + start, CHUNK.min(shape.len() - start)]);
        }
    }
    match content.blocks {
        0..=MAX_SUMS => Ok(content),
        _ => {
            Err(Error::invalid("clip by norm", format!("more than {} elements", MAX_SUMS * CHUNK)))
        }
    }
}
