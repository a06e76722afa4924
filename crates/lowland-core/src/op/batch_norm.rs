//! Batch normalisation (Ioffe and Szegedy 2015), as pure ops.

use super::{Operand, Operands};
use crate::{Error, Result};

/// `y = epilogue((x - mean) / sqrt(var + eps) * weight + bias)`, channel by channel; `x` is seen as
/// `[rows, channels]`, where rows are N·H·W.
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
/// An [`Epilogue`] adds operands, each named in its own place: with `Relu` the gradients take `bias`
/// behind `weight`, so that the mask is computed from `x` again; with `AddRelu` the last input is
/// `residual`, the gradients take `y`, whose zeros are the mask, before `dy`, and their last output
/// is `dresidual`.
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
    /// What follows in the same pass.
    pub epilogue: Epilogue,
}

/// What a [`BatchNorm`] does to the normalised values before they are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Epilogue {
    /// Nothing.
    #[default]
    None,
    /// `max(0, z)`; its derivative at 0 is 0.
    Relu,
    /// `max(0, z + residual)`, where the residual has the shape of `x`.
    AddRelu,
}

impl Epilogue {
    /// All there are.
    pub const ALL: [Epilogue; 3] = [Epilogue::None, Epilogue::Relu, Epilogue::AddRelu];
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
        self.validate()?;
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
        let op = BatchNorm { rows, channels, eps, epilogue: Epilogue::None };
        op.validate()?;
        Ok(op)
    }

    /// Whether what is added to the variance is a positive number.
    pub(super) fn validate(&self) -> Result<()> {
        let eps = self.eps;
        if !(eps > 0.0 && eps.is_finite()) {
            return Err(Error::invalid("batch norm", format!("eps must be positive, not {eps}")));
        }
        Ok(())
    }

    /// The same, followed by something in the same pass.
    #[must_use]
    pub fn with_epilogue(self, epilogue: Epilogue) -> Self {
        BatchNorm { epilogue, ..self }
    }

    pub(super) fn name(&self) -> &'static str {
        match self.epilogue {
            Epilogue::None => "batch norm",
            Epilogue::Relu => "batch norm + relu",
            Epilogue::AddRelu => "batch norm + add + relu",
        }
    }

    pub(super) fn grad_name(&self) -> &'static str {
        match self.epilogue {
            Epilogue::None => "gradient of batch norm",
            Epilogue::Relu => "gradient of batch norm + relu",
            Epilogue::AddRelu => "gradient of batch norm + add + relu",
        }
    }

    pub(super) fn inference_name(&self) -> &'static str {
        match self.epilogue {
            Epilogue::None => "batch norm (inference)",
            Epilogue::Relu => "batch norm + relu (inference)",
            Epilogue::AddRelu => "batch norm + add + relu (inference)",
        }
    }

    pub(super) fn inference_grad_name(&self) -> &'static str {
        match self.epilogue {
            Epilogue::None => "gradient of batch norm (inference)",
            Epilogue::Relu => "gradient of batch norm + relu (inference)",
            Epilogue::AddRelu => "gradient of batch norm + add + relu (inference)",
        }
    }

    fn x(&self, name: &'static str) -> Operand {
        Operand::read(name, self.rows.saturating_mul(self.channels))
    }

    fn channel(&self, name: &'static str) -> Operand {
        Operand::read(name, self.channels)
    }

    /// `y`, and the batch's statistics where they are taken.
    pub(super) fn operands(&self) -> Operands {
        let Operands { inputs, mut outputs } = self.forward(&[]);
        outputs.extend(["mean", "var"].map(|name| Operand::write(name, self.channels)));
        Operands { inputs, outputs }
    }

    pub(super) fn inference_operands(&self) -> Operands {
        self.forward(&["mean", "var"])
    }

    fn forward(&self, statistics: &[&'static str]) -> Operands {
        let mut inputs = vec![self.x("x"), self.channel("weight"), self.channel("bias")];
        inputs.extend(statistics.iter().map(|name| self.channel(name)));
        if self.epilogue == Epilogue::AddRelu {
            inputs.push(self.x("residual"));
        }
        Operands { inputs, outputs: vec![self.written("y")] }
    }

    pub(super) fn grad_operands(&self) -> Operands {
        let mut inputs = vec![self.x("x"), self.channel("weight")];
        if self.epilogue == Epilogue::Relu {
            inputs.push(self.channel("bias"));
        }
        inputs.extend(["mean", "var"].map(|name| self.channel(name)));
        let mut outputs = vec![self.written("dx")];
        outputs.extend(["dweight", "dbias"].map(|name| Operand::write(name, self.channels)));
        if self.epilogue == Epilogue::AddRelu {
            inputs.push(self.x("y"));
            outputs.push(self.written("dresidual"));
        }
        inputs.push(self.x("dy"));
        Operands { inputs, outputs }
    }

    fn written(&self, name: &'static str) -> Operand {
        Operand::write(name, self.rows.saturating_mul(self.channels))
    }
}
