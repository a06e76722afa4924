//! Batch normalisation (Ioffe and Szegedy 2015).

use lowland_core::op::{BatchNorm, Op};
use lowland_core::{Error, Result, Shape};

use super::{run, run_all};
use crate::Tensor;
use crate::tape::{Gradient, Rule};

const NAME: &str = "batch norm";

/// What [`Tensor::batch_norm`] computes.
#[derive(Clone, Debug)]
pub struct BatchNormed {
    /// The normalised tensor, of the shape of the input.
    pub y: Tensor,
    /// The batch's mean of each channel, `[C]`, not tracked.
    pub mean: Tensor,
    /// The batch's biased variance of each channel (divisor: values per channel), `[C]`, not
    /// tracked. A running variance takes the unbiased one, times `n / (n - 1)`.
    pub var: Tensor,
}

impl Tensor {
    /// Normalises each channel by the batch's own mean and variance:
    /// `(x - mean) / sqrt(var + eps) * weight + bias`, for `x` of `[N, H, W, C]`, `[N, C]` or any
    /// rank from 2 with the channels last, `weight` and `bias` of `[C]`. Running statistics are the
    /// caller's business.
    ///
    /// Derivative: of `y`, through the batch's mean and variance too. The returned statistics are
    /// not differentiated.
    ///
    /// # Errors
    /// [`Error::Shapes`] where shapes do not fit, [`Error::Invalid`] for fewer than two values per
    /// channel or an `eps` that is not positive; else as [`lowland_core::Backend::run`].
    ///
    /// ```
    /// use lowland_tensor::{DType, Tensor};
    /// # let device: lowland_tensor::Device = std::sync::Arc::new(lowland_cpu::Cpu::new(1));
    /// let x = Tensor::from_slice(&device, [2, 1], &[1.0f64, 3.0])?;
    /// let weight = Tensor::full(&device, [1], DType::F64, 1.0)?;
    /// let bias = Tensor::full(&device, [1], DType::F64, 10.0)?;
    /// let normed = x.batch_norm(&weight, &bias, 3.0)?;
    /// assert_eq!(normed.y.to_vec::<f64>()?, [9.5, 10.5]);
    /// assert_eq!((normed.mean.item()?, normed.var.item()?), (2.0, 1.0));
    /// # Ok::<(), lowland_tensor::Error>(())
    /// ```
    pub fn batch_norm(&self, weight: &Tensor, bias: &Tensor, eps: f64) -> Result<BatchNormed> {
        let (rows, channels) = rows_and_channels(self, &[weight, bias])?;
        let op = BatchNorm::training(rows, channels, eps)?;
        let inputs = [self, weight, bias];
        let shapes = [self.shape(), weight.shape(), weight.shape()];
        let [y, mean, var] = run_all(&Op::BatchNorm(op), &inputs, shapes)?;
        let y = y.recorded(&inputs, || BatchNormRule {
            op: Op::BatchNormGrad(op),
            kept: [self, weight, &mean, &var].map(Tensor::detach),
            wants: inputs.map(Tensor::is_tracked),
        });
        Ok(BatchNormed { y, mean, var })
    }

    /// Normalises each channel by a given mean and variance, as [`Tensor::batch_norm`] does by the
    /// batch's own; `mean` and `var` are of `[C]`.
    ///
    /// Derivative: with respect to `x`, `weight` and `bias`; the statistics are constants.
    ///
    /// # Errors
    /// [`Error::NoDerivative`] where a statistic is tracked; else as [`Tensor::batch_norm`].
    pub fn batch_norm_inference(
        &self,
        weight: &Tensor,
        bias: &Tensor,
        mean: &Tensor,
        var: &Tensor,
        eps: f64,
    ) -> Result<Tensor> {
        if mean.is_tracked() || var.is_tracked() {
            return Err(Error::NoDerivative {
                op: "batch norm with respect to its given statistics",
            });
        }
        let (rows, channels) = rows_and_channels(self, &[weight, bias, mean, var])?;
        let op = BatchNorm::inference(rows, channels, eps)?;
        let inputs = [self, weight, bias];
        let all = [self, weight, bias, mean, var];
        let y = run(&Op::BatchNormInference(op), &all, self.shape())?;
        Ok(y.recorded(&inputs, || BatchNormRule {
            op: Op::BatchNormInferenceGrad(op),
            kept: [self, weight, mean, var].map(Tensor::detach),
            wants: inputs.map(Tensor::is_tracked),
        }))
    }
}

/// `x` as `[rows, channels]`, with every other tensor of shape `[channels]`.
fn rows_and_channels(x: &Tensor, per_channel: &[&Tensor]) -> Result<(usize, usize)> {
    let shape = x.shape();
    let (Some(&channels), true) = (shape.extents().last(), shape.rank() >= 2) else {
        return Err(Error::invalid(NAME, format!("needs [N, H, W, C] or [N, C], got {shape}")));
    };
    if let Some(other) = per_channel.iter().find(|t| t.shape() != Shape::from([channels])) {
        let why = "weight, bias and statistics are [C], where C is the last extent";
        return Err(Error::shapes(NAME, shape, other.shape(), why));
    }
    Ok((shape.len() / channels.max(1), channels))
}

struct BatchNormRule {
    op: Op,
    /// Input, weight, mean and variance.
    kept: [Tensor; 4],
    wants: [bool; 3],
}

impl Rule for BatchNormRule {
    fn backward(&self, dy: Gradient) -> Result<Vec<Option<Gradient>>> {
        let [x, weight, mean, var] = &self.kept;
        let inputs = [x, weight, mean, var, dy.tensor()];
        let shapes = [x.shape(), weight.shape(), weight.shape()];
        // One pass gives all three: the sums over the batch that make dweight and dbias are also
        // what dx needs.
        let gradients = run_all(&self.op, &inputs, shapes)?;
        let wanted = gradients.into_iter().zip(self.wants);
        Ok(wanted.map(|(gradient, want)| want.then(|| Gradient::fresh(gradient))).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{check, values};

    /// Input, weight, bias, mean and variance.
    fn tensors(shape: &[usize]) -> [Tensor; 5] {
        let [weight, bias, mean, root] = [2, 3, 4, 5].map(|s| values([shape[shape.len() - 1]], s));
        [values(shape, 1), weight, bias, mean, root.mul(&root).unwrap()]
    }

    #[test]
    fn derivatives_agree_with_differences() {
        for shape in [&[2, 3, 4, 3][..], &[5, 1], &[2, 1], &[2, 1, 2, 1], &[7, 5]] {
            let all = tensors(shape);
            check(&all[..3], |t| Ok(t[0].batch_norm(&t[1], &t[2], 1e-3)?.y));
            check(&all[..3], |t| t[0].batch_norm_inference(&t[1], &t[2], &all[3], &all[4], 1e-3));
        }
    }

    #[test]
    fn each_input_can_be_the_only_one() {
        let all = tensors(&[3, 2, 2, 3]);
        for only in 0..3 {
            check(&all[only..=only], |t| {
                let mut inputs = [&all[0], &all[1], &all[2]];
                inputs[only] = &t[0];
                let [x, weight, bias] = inputs;
                let eval = x.batch_norm_inference(weight, bias, &all[3], &all[4], 1e-5)?;
                eval.add(&x.batch_norm(weight, bias, 1e-5)?.y)
            });
        }
    }

    #[test]
    fn a_residual_branch_and_shared_parameters() {
        let all = tensors(&[4, 3]);
        check(&all[..2], |t| t[0].batch_norm(&t[1], &t[1], 1e-3)?.y.add(&t[0]));
    }

    #[test]
    fn statistics_are_returned_untracked_and_are_not_differentiated() {
        let all = tensors(&[4, 2]);
        let x = all[0].clone().tracked();
        let normed = x.batch_norm(&all[1], &all[2], 1e-5).unwrap();
        assert!(normed.y.is_tracked() && !normed.mean.is_tracked() && !normed.var.is_tracked());
        let values = all[0].to_vec::<f64>().unwrap();
        let mean = [0, 1].map(|c| (0..4).map(|n| values[2 * n + c]).sum::<f64>() / 4.0);
        let var = [0, 1]
            .map(|c| (0..4).map(|n| (values[2 * n + c] - mean[c]).powi(2)).sum::<f64>() / 4.0);
        for (got, want) in [(normed.mean, mean), (normed.var, var)] {
            let got = got.to_vec::<f64>().unwrap();
            assert!(got.iter().zip(want).all(|(g, w)| (g - w).abs() < 1e-14), "{got:?} {want:?}");
        }
        let mean = all[3].clone().tracked();
        let error = x.batch_norm_inference(&all[1], &all[2], &mean, &all[4], 1e-5).unwrap_err();
        assert!(matches!(error, Error::NoDerivative { .. }), "{error}");
    }

    #[test]
    fn sizes_are_checked() {
        let all = tensors(&[1, 2]);
        let error = all[0].batch_norm(&all[1], &all[2], 1e-5).unwrap_err().to_string();
        assert!(error.contains("at least 2 values per channel, got 1"), "{error}");
        let error = all[0].batch_norm(&values([3], 1), &all[2], 1e-5).unwrap_err().to_string();
        assert!(error.starts_with("batch norm: shapes [1, 2] and [3] do not fit"), "{error}");
        assert!(values([2], 1).batch_norm(&all[1], &all[2], 1e-5).is_err());
    }
}
