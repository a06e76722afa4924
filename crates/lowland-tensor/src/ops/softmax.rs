//! Softmax and its logarithm.

use lowland_core::op::{Op, Softmax};
use lowland_core::{Error, Result};

use super::run;
use crate::Tensor;
use crate::tape::{Gradient, Rule};

impl Tensor {
    /// `exp(x_i) / sum_j exp(x_j)` along the last axis, without overflow.
    ///
    /// Derivative: `y (dy - sum_j y_j dy_j)`. Only the output is kept.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a tensor without axes; else as [`lowland_core::Backend::run`].
    pub fn softmax(&self) -> Result<Tensor> {
        self.softmax_rows(false)
    }

    /// `x_i - ln sum_j exp(x_j)` along the last axis, without overflow.
    ///
    /// Derivative: `dy - exp(y) sum_j dy_j`. Only the output is kept.
    ///
    /// # Errors
    /// As [`Tensor::softmax`].
    ///
    /// ```
    /// use lowland_tensor::Tensor;
    /// # let device: lowland_tensor::Device = std::sync::Arc::new(lowland_cpu::Cpu::new(1));
    /// let x = Tensor::from_slice(&device, [1, 2], &[1000.0f64, 1000.0])?;
    /// let y = x.log_softmax()?.to_vec::<f64>()?;
    /// assert!((y[0] + 2f64.ln()).abs() < 1e-15);
    /// # Ok::<(), lowland_tensor::Error>(())
    /// ```
    pub fn log_softmax(&self) -> Result<Tensor> {
        self.softmax_rows(true)
    }

    fn softmax_rows(&self, log: bool) -> Result<Tensor> {
        let Some(&columns) = self.shape().extents().last() else {
            return Err(Error::invalid("softmax", "needs at least one axis"));
        };
        let op = Softmax { rows: self.shape().len() / columns.max(1), columns, log };
        let y = run(&Op::Softmax(op), &[self], self.shape())?;
        let kept = y.detach();
        Ok(y.recorded(&[self], || SoftmaxRule { op, y: kept }))
    }
}

struct SoftmaxRule {
    op: Softmax,
    y: Tensor,
}

impl Rule for SoftmaxRule {
    fn backward(&self, dy: Gradient) -> Result<Vec<Option<Gradient>>> {
        let dx = run(&Op::SoftmaxGrad(self.op), &[&self.y, dy.tensor()], self.y.shape())?;
        Ok(vec![Some(Gradient::fresh(dx))])
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{check, values};

    #[test]
    fn derivatives_agree_with_differences() {
        for shape in [&[4, 10][..], &[1, 1], &[7], &[2, 3, 5], &[3, 1]] {
            check(&[values(shape, 1)], |t| t[0].softmax());
            check(&[values(shape, 1)], |t| t[0].log_softmax());
        }
    }

    #[test]
    fn one_tensor_twice() {
        // The entropy, up to its sign.
        check(&[values([3, 5], 1)], |t| t[0].softmax()?.mul(&t[0].log_softmax()?));
    }

    #[test]
    fn a_number_is_no_row() {
        assert!(values([], 1).softmax().is_err());
    }
}
