//! Batch normalisation (Ioffe and Szegedy 2015).

use lowland_core::op::{BatchNorm, Epilogue, Op};
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

/// What follows a normalisation in the same pass over memory.
#[derive(Clone, Copy, Debug)]
pub enum Then<'a> {
    /// Nothing.
    Nothing,
    /// `max(0, z)`.
    Relu,
    /// `max(0, z + residual)`, for a tensor of the shape of the input.
    AddRelu(&'a Tensor),
}

impl<'a> Then<'a> {
    /// As the op has it.
    #[must_use]
    pub fn epilogue(&self) -> Epilogue {
        match self {
            Then::Nothing => Epilogue::None,
            Then::Relu => Epilogue::Relu,
            Then::AddRelu(_) => Epilogue::AddRelu,
        }
    }

    fn residual(&self) -> Option<&'a Tensor> {
        match self {
            Then::AddRelu(residual) => Some(residual),
            Then::Nothing | Then::Relu => None,
        }
    }
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
        self.batch_norm_then(weight, bias, eps, Then::Nothing)
    }

    /// [`Tensor::batch_norm`] and what follows it as one op each way: the same values to rounding as
    /// separate ops give, in fewer passes over memory, and only the input is kept for the gradient
    /// (and the output, behind an addition).
    ///
    /// # Errors
    /// As [`Tensor::batch_norm`]; [`Error::Unsupported`] where the backend lacks the op.
    pub fn batch_norm_then(
        &self,
        weight: &Tensor,
        bias: &Tensor,
        eps: f64,
        then: Then<'_>,
    ) -> Result<BatchNormed> {
        let (rows, channels) = rows_and_channels(self, &[weight, bias], then)?;
        let op = BatchNorm::training(rows, channels, eps)?.with_epilogue(then.epilogue());
        let inputs = operands([self, weight, bias], then);
        let shapes = [self.shape(), weight.shape(), weight.shape()];
        let [y, mean, var] = run_all(&Op::BatchNorm(op), &inputs, shapes)?;
        let y = recorded(y, Op::BatchNormGrad(op), &inputs, [&mean, &var]);
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
        self.batch_norm_inference_then([weight, bias, mean, var], eps, Then::Nothing)
    }

    /// [`Tensor::batch_norm_inference`] by `[weight, bias, mean, var]` and what follows it as one op
    /// each way.
    ///
    /// # Errors
    /// As [`Tensor::batch_norm_inference`]; [`Error::Unsupported`] where the backend lacks the op.
    pub fn batch_norm_inference_then(
        &self,
        [weight, bias, mean, var]: [&Tensor; 4],
        eps: f64,
        then: Then<'_>,
    ) -> Result<Tensor> {
        let (y, op) = self.normalised([weight, bias, mean, var], eps, then)?;
        let inputs = operands([self, weight, bias], then);
        Ok(recorded(y, Op::BatchNormInferenceGrad(op), &inputs, [mean, var]))
    }

    /// By given statistics, not recorded.
    fn normalised(
        &self,
        [weight, bias, mean, var]: [&Tensor; 4],
        eps: f64,
        then: Then<'_>,
    ) -> Result<(Tensor, BatchNorm)> {
        if mean.is_tracked() || var.is_tracked() {
            return Err(Error::NoDerivative {
                op: "batch norm with respect to its given statistics",
            });
        }
        let (rows, channels) = rows_and_channels(self, &[weight, bias, mean, var], then)?;
        let op = BatchNorm::inference(rows, channels, eps)?.with_epilogue(then.epilogue());
        let mut inputs = vec![self, weight, bias, mean, var];
        inputs.extend(then.residual());
        Ok((run(&Op::BatchNormInference(op), &inputs, self.shape())?, op))
    }
}

/// A tensor that came with the mean and variance of its channels, see
/// [`Tensor::conv2d_with_statistics`].
#[derive(Clone, Debug)]
pub struct WithStatistics {
    pub(super) x: Tensor,
    pub(super) mean: Tensor,
    pub(super) var: Tensor,
}

impl WithStatistics {
    /// [`Tensor::batch_norm_then`] of the tensor, by the statistics that it came with.
    ///
    /// Derivative: through the statistics too, as they are the batch's own.
    ///
    /// # Errors
    /// As [`Tensor::batch_norm_then`].
    pub fn batch_norm_then(
        &self,
        weight: &Tensor,
        bias: &Tensor,
        eps: f64,
        then: Then<'_>,
    ) -> Result<BatchNormed> {
        let WithStatistics { x, mean, var } = self;
        let (y, op) = x.normalised([weight, bias, mean, var], eps, then)?;
        let inputs = operands([x, weight, bias], then);
        let y = recorded(y, Op::BatchNormGrad(op), &inputs, [mean, var]);
        Ok(BatchNormed { y, mean: mean.clone(), var: var.clone() })
    }
}

/// `x` as `[rows, channels]`, with every other tensor of shape `[channels]`, and a residual of its own
/// shape.
fn rows_and_channels(
    x: &Tensor,
    per_channel: &[&Tensor],
    then: Then<'_>,
) -> Result<(usize, usize)> {
    let shape = x.shape();
    let (Some(&channels), true) = (shape.extents().last(), shape.rank() >= 2) else {
        return Err(Error::invalid(NAME, format!("needs [N, H, W, C] or [N, C], got {shape}")));
    };
    if let Some(other) = per_channel.iter().find(|t| t.shape() != Shape::from([channels])) {
        let why = "weight, bias and statistics are [C], where C is the last extent";
        return Err(Error::shapes(NAME, shape, other.shape(), why));
    }
    if let Some(residual) = then.residual().filter(|residual| residual.shape() != shape) {
        let why = "what is added has the shape of what is normalised";
        return Err(Error::shapes(NAME, shape, residual.shape(), why));
    }
    Ok((shape.len() / channels.max(1), channels))
}

/// Input, weight and bias, and the residual where there is one: what can be tracked.
fn operands<'a>(inputs: [&'a Tensor; 3], then: Then<'a>) -> Vec<&'a Tensor> {
    inputs.into_iter().chain(then.residual()).collect()
}

fn recorded(y: Tensor, grad: Op, inputs: &[&Tensor], statistics: [&Tensor; 2]) -> Tensor {
    let (Op::BatchNormGrad(op) | Op::BatchNormInferenceGrad(op)) = &grad else {
        unreachable!("the gradient of a batch norm")
    };
    let mut kept = vec![inputs[0].detach(), inputs[1].detach()];
    if op.epilogue == Epilogue::Relu {
        kept.push(inputs[2].detach());
    }
    kept.extend(statistics.map(Tensor::detach));
    if op.epilogue == Epilogue::AddRelu {
        kept.push(y.detach());
    }
    let wants = inputs.iter().map(|input| input.is_tracked()).collect();
    y.recorded(inputs, || BatchNormRule { grad, kept, wants })
}

struct BatchNormRule {
    grad: Op,
    /// The operands of the gradient but for `dy`, which is the last.
    kept: Vec<Tensor>,
    /// Of input, weight, bias and, if there is one, the residual.
    wants: Vec<bool>,
}

impl Rule for BatchNormRule {
    fn backward(&self, dy: Gradient) -> Result<Vec<Option<Gradient>>> {
        let inputs: Vec<&Tensor> = self.kept.iter().chain([dy.tensor()]).collect();
        let [x, weight] = [inputs[0].shape(), inputs[1].shape()];
        // One op gives all: the sums over the batch that make dweight and dbias are also what dx
        // needs.
        let gradients = match self.wants.len() {
            3 => run_all(&self.grad, &inputs, [x, weight, weight])?.to_vec(),
            _ => run_all(&self.grad, &inputs, [x, weight, weight, x])?.to_vec(),
        };
        let wanted = gradients.into_iter().zip(&self.wants);
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

    /// What a normalisation and separate ops give.
    fn apart(z: &Tensor, then: Then<'_>) -> Result<Tensor> {
        match then {
            Then::Nothing => Ok(z.clone()),
            Then::Relu => z.relu(),
            Then::AddRelu(residual) => z.add(residual)?.relu(),
        }
    }

    #[test]
    fn fused_and_separate_ops_agree_and_so_do_their_derivatives() {
        for shape in [&[2, 3, 4, 3][..], &[5, 1], &[2, 1, 2, 1], &[7, 5]] {
            let mut all = tensors(shape).to_vec();
            all.push(values(shape, 6));
            let [a, b, c, residual] = [0, 1, 2, 5].map(|i| all[i].clone());
            check(&[a, b, c, residual], |t| {
                let [x, weight, bias, residual] = [&t[0], &t[1], &t[2], &t[3]];
                let mut sum = residual.clone();
                for then in [Then::Nothing, Then::Relu, Then::AddRelu(residual)] {
                    let fused = x.batch_norm_then(weight, bias, 1e-3, then)?.y;
                    let plain = apart(&x.batch_norm(weight, bias, 1e-3)?.y, then)?;
                    assert_near(&fused, &plain);
                    let given = [weight, bias, &all[3], &all[4]];
                    let by_given = x.batch_norm_inference_then(given, 1e-3, then)?;
                    let plain = x.batch_norm_inference(weight, bias, &all[3], &all[4], 1e-3)?;
                    assert_near(&by_given, &apart(&plain, then)?);
                    sum = sum.add(&fused.mul(&by_given)?)?;
                }
                Ok(sum)
            });
        }
    }

    #[test]
    fn statistics_of_a_convolution_serve_as_those_of_the_batch() {
        let [x, w] = [values([2, 4, 3, 2], 1), values([3, 2, 3, 3], 2)];
        let [weight, bias] = [3, 4].map(|seed| values([3], seed));
        let residual = values([2, 4, 3, 3], 5);
        check(&[x, w, weight, bias, residual], |t| {
            let mut sum = t[4].clone();
            for then in [Then::Nothing, Then::Relu, Then::AddRelu(&t[4])] {
                let convolved = t[0].conv2d_with_statistics(&t[1], [1, 1], [1, 1], 1)?;
                let fused = convolved.batch_norm_then(&t[2], &t[3], 1e-3, then)?;
                let plain = t[0].conv2d(&t[1], [1, 1], [1, 1], 1)?;
                let plain = plain.batch_norm(&t[2], &t[3], 1e-3)?;
                assert_near(&fused.y, &apart(&plain.y, then)?);
                assert_near(&fused.mean, &plain.mean);
                assert_near(&fused.var, &plain.var);
                sum = sum.add(&fused.y)?;
            }
            Ok(sum)
        });
    }

    fn assert_near(got: &Tensor, want: &Tensor) {
        assert_eq!(got.shape(), want.shape());
        let [got, want] = [got, want].map(|tensor| tensor.to_vec::<f64>().unwrap());
        assert!(got.iter().zip(&want).all(|(g, w)| (g - w).abs() < 1e-12), "{got:?} {want:?}");
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
        let other = values([2, 2], 3);
        let then = Then::AddRelu(&other);
        let error = all[0].batch_norm_then(&all[1], &all[2], 1e-5, then).unwrap_err().to_string();
        assert!(error.contains("what is added has the shape"), "{error}");
        assert!(values([2], 1).batch_norm(&all[1], &all[2], 1e-5).is_err());
    }
}
