//! The loss of classification.

use super::{Operand, Operands};
use crate::{Error, Result};

/// The mean over rows of the cross-entropy between softmax of the logits and the labels, with
/// label smoothing `e`: the target distribution is `(1 - e)` on the label plus `e / C` on each of
/// the `C` classes (Szegedy et al. 2016; PyTorch's `CrossEntropyLoss`).
///
/// Forward: inputs `logits` `[rows, classes]`, `labels` `[rows]`; output `loss` `[1]`.
/// Gradient: inputs `logits`, `labels`, `dloss` `[1]`; output `dlogits`.
///
/// A label that is no class is [`Error::Label`], and no output is written.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct CrossEntropy {
    /// Rows: the batch.
    pub rows: usize,
    /// Columns: the classes.
    pub classes: usize,
    /// Label smoothing, 0 for none.
    pub smoothing: f64,
}

impl CrossEntropy {
    /// The loss of a batch.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an empty batch (a mean over nothing), no classes, or smoothing
    /// outside 0..1.
    pub fn new(rows: usize, classes: usize, smoothing: f64) -> Result<Self> {
        let invalid = |message: String| Err(Error::invalid("cross-entropy", message));
        if rows == 0 || classes == 0 {
            return invalid(format!("a mean over nothing: logits are [{rows}, {classes}]"));
        }
        if !(0.0..1.0).contains(&smoothing) {
            return invalid(format!("label smoothing must be in 0..1, not {smoothing}"));
        }
        Ok(CrossEntropy { rows, classes, smoothing })
    }

    /// Whether there still is something to take the mean of.
    pub(super) fn validate(&self) -> Result<()> {
        Self::new(self.rows, self.classes, self.smoothing).map(|_| ())
    }

    /// Checks labels before anything is computed.
    ///
    /// # Errors
    /// [`Error::Label`] with the first row whose label is no class.
    pub fn check_labels(&self, labels: &[u32]) -> Result<()> {
        match labels.iter().position(|&label| label as usize >= self.classes) {
            Some(row) => Err(Error::Label {
                op: "cross-entropy",
                row,
                label: labels[row],
                classes: self.classes,
            }),
            None => Ok(()),
        }
    }

    pub(super) fn operands(&self) -> Operands {
        Operands {
            inputs: vec![
                Operand::read("logits", self.rows.saturating_mul(self.classes)),
                Operand::labels("labels", self.rows),
            ],
            outputs: vec![Operand::write("loss", 1)],
        }
    }

    pub(super) fn grad_operands(&self) -> Operands {
        let logits = self.rows.saturating_mul(self.classes);
        Operands {
            inputs: vec![
                Operand::read("logits", logits),
                Operand::labels("labels", self.rows),
                Operand::read("dloss", 1),
            ],
            outputs: vec![Operand::write("dlogits", logits)],
        }
    }
}
