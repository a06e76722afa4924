//! The loss of classification.

use lowland_core::op::{CrossEntropy, Op};
use lowland_core::{Error, Result, Shape};

use super::run;
use crate::Tensor;
use crate::tape::{Gradient, Rule};

const NAME: &str = "cross-entropy";

impl Tensor {
    /// The mean over the batch of the cross-entropy between softmax of these logits, `[N, C]`, and
    /// labels, `u32` of `[N]`, of shape `[]`. With label smoothing `e` the target is `1 - e` on the
    /// label plus `e / C` on every class (Szegedy et al. 2016; PyTorch's `CrossEntropyLoss`).
    ///
    /// Derivative: `(softmax - target) / N`, times `dy`. Labels have none.
    ///
    /// # Errors
    /// [`Error::Shapes`] where the shapes do not fit, [`Error::NoDerivative`] for tracked labels,
    /// [`Error::Label`] for a label that is no class, [`Error::Invalid`] as [`CrossEntropy::new`];
    /// else as [`lowland_core::Backend::run`].
    ///
    /// ```
    /// use lowland_tensor::Tensor;
    /// # let device: lowland_tensor::Device = std::sync::Arc::new(lowland_cpu::Cpu::new(1));
    /// let logits = Tensor::from_slice(&device, [1, 2], &[0.0f64, 0.0])?.tracked();
    /// let labels = Tensor::from_slice(&device, [1], &[1u32])?;
    /// let loss = logits.cross_entropy(&labels, 0.0)?;
    /// assert!((loss.item()? - 2f64.ln()).abs() < 1e-15);
    /// let gradients = loss.backward()?;
    /// assert_eq!(gradients.get(&logits).unwrap().to_vec::<f64>()?, [0.5, -0.5]);
    /// # Ok::<(), lowland_tensor::Error>(())
    /// ```
    pub fn cross_entropy(&self, labels: &Tensor, smoothing: f64) -> Result<Tensor> {
        if labels.is_tracked() {
            return Err(Error::NoDerivative { op: "cross-entropy by its labels" });
        }
        let (&[rows, classes], &[count]) = (self.shape().extents(), labels.shape().extents())
        else {
            let why = "logits are [N, C] and labels [N]";
            return Err(Error::shapes(NAME, self.shape(), labels.shape(), why));
        };
        if rows != count {
            let why = format!("{rows} rows of logits, but {count} labels");
            return Err(Error::shapes(NAME, self.shape(), labels.shape(), why));
        }
        let op = CrossEntropy::new(rows, classes, smoothing)?;
        let loss = run(&Op::CrossEntropy(op), &[self, labels], Shape::scalar())?;
        Ok(loss.recorded(&[self], || CrossEntropyRule {
            op,
            logits: self.detach(),
            labels: labels.clone(),
        }))
    }
}

struct CrossEntropyRule {
    op: CrossEntropy,
    logits: Tensor,
    labels: Tensor,
}

impl Rule for CrossEntropyRule {
    fn backward(&self, dy: Gradient) -> Result<Vec<Option<Gradient>>> {
        let inputs = [&self.logits, &self.labels, dy.tensor()];
        let dx = run(&Op::CrossEntropyGrad(self.op), &inputs, self.logits.shape())?;
        Ok(vec![Some(Gradient::fresh(dx))])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{check, device, values};

    fn batch(shape: [usize; 2], labels: &[u32]) -> [Tensor; 2] {
        let logits = values(shape, 1);
        let labels = Tensor::from_slice(logits.device(), [labels.len()], labels).unwrap();
        [logits, labels]
    }

    #[test]
    fn derivatives_agree_with_differences() {
        let cases: [([usize; 2], &[u32]); 4] =
            [([5, 10], &[0, 9, 3, 3, 7]), ([1, 1], &[0]), ([1, 3], &[2]), ([7, 2], &[0; 7])];
        for (shape, labels) in cases {
            for smoothing in [0.0, 0.1, 0.75] {
                check(&batch(shape, labels), |t| t[0].cross_entropy(&t[1], smoothing));
            }
        }
    }

    #[test]
    fn logits_used_twice_and_a_loss_deformed() {
        check(&batch([3, 4], &[1, 0, 3]), |t| {
            let loss = t[0].cross_entropy(&t[1], 0.1)?;
            loss.mul(&loss)?.add(&t[0].mean_all()?)
        });
    }

    #[test]
    fn labels_are_checked_and_never_tracked() {
        let [logits, labels] = batch([2, 3], &[0, 3]);
        let error = logits.cross_entropy(&labels, 0.0).unwrap_err().to_string();
        assert_eq!(error, "cross-entropy: label 3 in row 1, but there are only 3 classes (0..3)");
        let error = logits.cross_entropy(&labels.tracked(), 0.0).unwrap_err();
        assert!(matches!(error, Error::NoDerivative { .. }), "{error}");
        let few = Tensor::from_slice(&device(), [1], &[0u32]).unwrap();
        let error = logits.cross_entropy(&few, 0.0).unwrap_err().to_string();
        assert!(error.contains("2 rows of logits, but 1 labels"), "{error}");
        let floats = Tensor::from_slice(logits.device(), [2], &[0.0f64; 2]).unwrap();
        assert!(matches!(logits.cross_entropy(&floats, 0.0), Err(Error::Operand { .. })));
    }
}
