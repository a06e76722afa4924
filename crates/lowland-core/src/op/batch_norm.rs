//! Batch normalisation (Ioffe and Szegedy 2015), as pure ops.

use super::{Operand, Operands};
use crate::{Error, Result};

/// `y = (x - mean) / sqrt(var + eps) * weight + bias`, channel by channel; `x` is seen as `[rows,
/// channels]`, where rows are N·H·W.
///
/// *By the batch* ([`Op::BatchNorm`](super::Op::BatchNorm)): inputs `x`, `weight`, `bias`; outputs
/// `y`, `mean`, `var`, where `var` is the biased variance (divisor `rows`). The op is pure: the
/// layer updates its running statistics, or does not.
/// Gradients: inputs `x`, `weight`, `mean`, `var`, `dy`; outputs `dx`, `dweight`, `dbias`.
///
/// *By given statistics* ([`Op::BatchNormInference`](super::Op::BatchNormInference)): inputs `x`,
/// `weight`, `bias`, `mean`, `var`; output `y`.
/// Gradients: inputs `x`, `weight`, `mean`, `var`, `dy`; outputs `dx`, `dweight`, `dbias`; the
/// statistics are constants.
///
/// # Numerics
/// The variance is computed so that a mean far larger than the deviations does no harm (two
/// passes, shifted sums or Welford's combination), in an order given by the shape alone.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct BatchNorm {
    /// Values per channel.
    pub rows: usize,
    /// Channels, C.
    pub channels: usize,
    /// What is added to the variance, 1e-5 by default in PyTorch.
    pub eps: f64,
}

impl BatchNorm {
    /// Normalisation by the statistics of the batch.
    ///
    /// # Errors
    /// [`Error::Invalid`] where a channel has fewer than two values, as it then has no variance.
    pub fn training(rows: usize, channels: usize, eps: f64) -> Result<Self> {
        let op = Self::inference(rows, channels, eps)?;
        op.validate_training()?;
        Ok(op)
    }

    /// Whether the batch has a variance: an op made for given statistics may be run by those of the
    /// batch.
    pub(super) fn validate_training(&self) -> Result<()> {
        if self.rows >= 2 {
            return Ok(());
        }
        let message = format!(
            "training needs at least 2 values per channel, got {}; \
             use a larger batch or the running statistics",
            self.rows
        );
        Err(Error::invalid("batch norm", message))
    }

    /// Normalisation by given statistics.
    ///
    /// # Errors
    /// [`Error::Invalid`] where `eps` is not a positive number.
    pub fn inference(rows: usize, channels: usize, eps: f64) -> Result<Self> {
        if !(eps > 0.0 && eps.is_finite()) {
            return Err(Error::invalid("batch norm", format!("eps must be positive, not {eps}")));
        }
        Ok(BatchNorm { rows, channels, eps })
    }

    fn x(&self, name: &'static str) -> Operand {
        Operand::read(name, self.rows.saturating_mul(self.channels))
    }

    fn channel(&self, name: &'static str) -> Operand {
        Operand::read(name, self.channels)
    }

    fn outputs(&self, names: [&'static str; 3]) -> Vec<Operand> {
        vec![
            Operand::write(names[0], self.rows.saturating_mul(self.channels)),
            Operand::write(names[1], self.channels),
            Operand::write(names[2], self.channels),
        ]
    }

    pub(super) fn operands(&self) -> Operands {
        Operands {
            inputs: vec![self.x("x"), self.channel("weight"), self.channel("bias")],
            outputs: self.outputs(["y", "mean", "var"]),
        }
    }

    pub(super) fn grad_operands(&self) -> Operands {
        Operands {
            inputs: vec![
                self.x("x"),
                self.channel("weight"),
                self.channel("mean"),
                self.channel("var"),
                self.x("dy"),
            ],
            outputs: self.outputs(["dx", "dweight", "dbias"]),
        }
    }

    pub(super) fn inference_operands(&self) -> Operands {
        let channel = ["weight", "bias", "mean", "var"].map(|name| self.channel(name));
        let mut outputs = self.outputs(["y", "", ""]);
        outputs.truncate(1);
        Operands { inputs: [self.x("x")].into_iter().chain(channel).collect(), outputs }
    }

    pub(super) fn inference_grad_operands(&self) -> Operands {
        self.grad_operands()
    }
}
