//! The loss of classification.

use lowland_core::op::CrossEntropy;
use lowland_core::{Buffer, Error, Result};

use super::rows::Lanes;
use crate::args::args;
use crate::driver::Address;
use crate::launcher::Launcher;
use crate::storage::DeviceMemory;

args! {
    struct CrossEntropyArgs {
        logits: Address,
        labels: Address,
        losses: Address,
        rows: u64,
        classes: u64,
        smoothing: f64,
    }
    struct MeanLossArgs { losses: Address, loss: Address, rows: u64 }
    struct CrossEntropyGradArgs {
        logits: Address,
        labels: Address,
        dloss: Address,
        dlogits: Address,
        rows: u64,
        classes: u64,
        smoothing: f64,
    }
}

const FILE: &str = "ops/cross_entropy.cu";

/// Checks labels before anything is computed, on the host's copy of them.
///
/// # Errors
/// [`Error::Label`], and [`Error::Invalid`] where they are an arena of bf16.
pub(super) fn check_labels(op: &CrossEntropy, labels: &Buffer) -> Result<()> {
    let Some(memory) = labels.storage::<DeviceMemory>() else {
        return Ok(());
    };
    let range = labels.offset()..labels.offset() + labels.len();
    memory.labels.with(range, |labels| op.check_labels(labels)).unwrap_or_else(|| {
        Err(Error::invalid(
            "cross-entropy",
            "the labels are in memory that a step has used for bf16",
        ))
    })
}

pub(super) fn forward(
    op: &CrossEntropy,
    launcher: &Launcher,
    [logits, labels]: [Address; 2],
    [loss]: [Address; 1],
) -> Result<()> {
    let (rows, lanes) = (op.rows as u64, Lanes::for_columns(op.classes));
    let kernel = match lanes {
        Lanes::Warp => "row_losses_short",
        Lanes::Block => "row_losses_long",
    };
    let losses = launcher.scratch(op.rows * size_of::<f64>())?;
    let args = CrossEntropyArgs {
        logits,
        labels,
        losses: losses.address(),
        rows,
        classes: op.classes as u64,
        smoothing: op.smoothing,
    };
    launcher.launch(FILE, kernel, launcher.items(lanes.items(op.rows)), &args)?;
    let args = MeanLossArgs { losses: losses.address(), loss, rows };
    launcher.launch(FILE, "mean_loss", 1, &args)
}

pub(super) fn grad(
    op: &CrossEntropy,
    launcher: &Launcher,
    [logits, labels, dloss]: [Address; 3],
    [dlogits]: [Address; 1],
) -> Result<()> {
    let lanes = Lanes::for_columns(op.classes);
    let kernel = match lanes {
        Lanes::Warp => "cross_entropy_grad_short",
        Lanes::Block => "cross_entropy_grad_long",
    };
    let args = CrossEntropyGradArgs {
        logits,
        labels,
        dloss,
        dlogits,
        rows: op.rows as u64,
        classes: op.classes as u64,
        smoothing: op.smoothing,
    };
    launcher.launch(FILE, kernel, launcher.items(lanes.items(op.rows)), &args)
}
