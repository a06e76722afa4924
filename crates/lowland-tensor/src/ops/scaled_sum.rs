//! Linear combinations in one pass.

use lowland_core::op::{Op, ScaledSum};
use lowland_core::{Error, Result};

use super::run;
use crate::Tensor;
use crate::tape::{Gradient, Rule};

impl Tensor {
    /// `s x`. Derivative: `s dy`; nothing is kept.
    ///
    /// # Errors
    /// As [`lowland_core::Backend::run`].
    pub fn scale(&self, s: f64) -> Result<Tensor> {
        Self::scaled_sum(&[(self, s)])
    }

    /// `s_1 x_1 + ... + s_n x_n` of 1 to [`ScaledSum::MAX_TERMS`] tensors of one shape, in one pass
    /// and in this order.
    ///
    /// Derivative: `s_i dy` for `x_i`; nothing is kept.
    ///
    /// # Errors
    /// [`Error::Shapes`] where shapes differ, [`Error::Invalid`] for another number of terms; else
    /// as [`lowland_core::Backend::run`].
    ///
    /// ```
    /// use lowland_tensor::Tensor;
    /// # let device: lowland_tensor::Device = std::sync::Arc::new(lowland_cpu::Cpu::new(1));
    /// let a = Tensor::from_slice(&device, [2], &[1.0f32, 2.0])?;
    /// let b = Tensor::from_slice(&device, [2], &[10.0f32, 20.0])?;
    /// let y = Tensor::scaled_sum(&[(&a, 3.0), (&b, -0.5)])?;
    /// assert_eq!(y.to_vec::<f32>()?, [-2.0, -4.0]);
    /// # Ok::<(), lowland_tensor::Error>(())
    /// ```
    pub fn scaled_sum(terms: &[(&Tensor, f64)]) -> Result<Tensor> {
        let inputs: Vec<&Tensor> = terms.iter().map(|(x, _)| *x).collect();
        let scales: Vec<f64> = terms.iter().map(|(_, s)| *s).collect();
        let len = inputs.first().map_or(0, |x| x.shape().len());
        let op = ScaledSum::new(len, &scales)?;
        let shape = inputs[0].shape();
        if let Some(other) = inputs.iter().find(|x| x.shape() != shape) {
            let why = "all terms must have one shape";
            return Err(Error::shapes("scaled sum", shape, other.shape(), why));
        }
        let y = run(&Op::ScaledSum(op), &inputs, shape)?;
        let wants = || inputs.iter().map(|x| x.is_tracked()).collect();
        Ok(y.recorded(&inputs, || ScaledSumRule { op, wants: wants() }))
    }
}

struct ScaledSumRule {
    op: ScaledSum,
    wants: Vec<bool>,
}

impl Rule for ScaledSumRule {
    fn backward(&self, mut dy: Gradient) -> Result<Vec<Option<Gradient>>> {
        let terms = self.op.scales().iter().zip(&self.wants);
        Ok(terms.map(|(&s, &want)| want.then(|| dy.share().times(s))).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{check, values};

    fn three(shape: &[usize]) -> [Tensor; 3] {
        [1, 2, 3].map(|seed| values(shape, seed))
    }

    #[test]
    fn derivatives_agree_with_differences() {
        for shape in [&[3, 5][..], &[1], &[], &[2, 1, 7]] {
            check(&[values(shape, 1)], |t| t[0].scale(-2.5));
            check(&three(shape), |t| {
                Tensor::scaled_sum(&[(&t[0], 1.0), (&t[1], -0.5), (&t[2], 3.0)])
            });
        }
    }

    #[test]
    fn one_tensor_several_times() {
        check(&[values([3], 1)], |t| {
            Tensor::scaled_sum(&[(&t[0], 1.0), (&t[0], 1.0), (&t[0], 0.5), (&t[0], 1.0)])
        });
        check(&[values([3], 1)], |t| t[0].scale(1.0)?.scale(1.0)?.add(&t[0]));
    }

    #[test]
    fn constant_terms_get_no_gradient() {
        let terms = three(&[2, 2]);
        check(&terms[..1], |t| {
            Tensor::scaled_sum(&[(&terms[1], 2.0), (&t[0], -1.5), (&terms[2], 1.0)])
        });
    }

    #[test]
    fn terms_are_counted_and_their_shapes_compared() {
        assert!(Tensor::scaled_sum(&[]).is_err());
        let x = values([2], 1);
        assert!(Tensor::scaled_sum(&[(&x, 1.0); 9]).is_err());
        let error = Tensor::scaled_sum(&[(&x, 1.0), (&values([1, 2], 1), 1.0)]).unwrap_err();
        assert!(error.to_string().starts_with("scaled sum: shapes [2] and [1, 2]"), "{error}");
    }
}
