//! Batch normalisation with running statistics, by PyTorch's conventions.

use lowland_core::op::{Accumulate, Op};
use lowland_core::{Error, Result, Shape};
use lowland_tensor::{BatchNormed, Tensor, Then, WithStatistics};

use crate::{Init, Module, Param, Pass, Role, Scope, Stat, Statistics};

/// Normalisation of each channel of `[N, H, W, C]` (Ioffe and Szegedy 2015).
///
/// By the batch, `y = (x - mean) / sqrt(var + eps) · weight + bias` with the biased variance, and
/// `running <- (1 - momentum) · running + momentum · batch` with the unbiased one (divisor
/// N·H·W - 1); by running statistics otherwise. The [`Pass`] says which. eps is 1e-5, momentum 0.1;
/// weight starts at 1, bias at 0, `running_mean` at 0, `running_var` at 1.
#[derive(Clone, Debug)]
pub struct BatchNorm2d {
    weight: Param,
    bias: Param,
    running_mean: Stat,
    running_var: Stat,
}

impl BatchNorm2d {
    /// What is added to the variance.
    pub const EPS: f64 = 1e-5;
    /// The weight of the newest batch in the running statistics.
    pub const MOMENTUM: f64 = 0.1;

    /// Declares `weight`, `bias`, `running_mean` and `running_var` in a scope.
    ///
    /// # Errors
    /// [`Error::Invalid`] where there are no channels.
    pub fn new(mut scope: Scope<'_>, channels: usize) -> Result<Self> {
        if channels == 0 {
            return Err(Error::invalid("batch norm", "there must be at least 1 channel"));
        }
        let shape = Shape::from([channels]);
        Ok(BatchNorm2d {
            weight: scope.param("weight", shape, Role::NormWeight, Init::Constant(1.0)),
            bias: scope.param("bias", shape, Role::NormBias, Init::Constant(0.0)),
            running_mean: scope.stat("running_mean", shape, 0.0),
            running_var: scope.stat("running_var", shape, 1.0),
        })
    }

    /// Moves the running statistics towards those of a batch of `rows` values per channel.
    fn update(&self, mean: &Tensor, var: &Tensor, rows: usize, pass: &Pass<'_>) -> Result<()> {
        // At least two rows: the op has refused fewer.
        let unbiased = rows as f64 / (rows as f64 - 1.0);
        for (stat, batch, factor) in
            [(&self.running_mean, mean, 1.0), (&self.running_var, var, unbiased)]
        {
            let running = pass.stat(stat)?;
            let (a, b) = (Self::MOMENTUM * factor, 1.0 - Self::MOMENTUM);
            let blend = Op::Accumulate(Accumulate { len: running.shape().len(), a, b });
            pass.store().device().run(&blend, &[batch.buffer()], &[running.buffer()])?;
        }
        Ok(())
    }
}

/// What is normalised.
#[derive(Clone, Copy)]
pub(super) enum Input<'a> {
    /// A tensor.
    Alone(&'a Tensor),
    /// A tensor whose batch statistics are known.
    WithStatistics(&'a WithStatistics),
}

impl BatchNorm2d {
    /// `relu(bn(x))`, as one op where the store's [`Fusion`](crate::Fusion) says so.
    ///
    /// # Errors
    /// As [`Module::forward`].
    pub fn forward_relu(&self, x: &Tensor, pass: &Pass<'_>) -> Result<Tensor> {
        self.forward_then(Input::Alone(x), Then::Relu, pass)
    }

    pub(super) fn forward_then(
        &self,
        input: Input<'_>,
        then: Then<'_>,
        pass: &Pass<'_>,
    ) -> Result<Tensor> {
        // What comes in the same op, and what comes after it.
        let fused = pass.store().fusion().epilogues && !pass.is_gated();
        let (then, after) = if fused { (then, Then::Nothing) } else { (Then::Nothing, then) };
        let (weight, bias) = (pass.param(&self.weight)?, pass.param(&self.bias)?);
        let y = match input {
            Input::Alone(x) if pass.statistics() == Statistics::Running => {
                let (mean, var) = (pass.stat(&self.running_mean)?, pass.stat(&self.running_var)?);
                x.batch_norm_inference_then([&weight, &bias, &mean, &var], Self::EPS, then)?
            }
            Input::Alone(x) => {
                self.updated(x.batch_norm_then(&weight, &bias, Self::EPS, then)?, pass)?
            }
            Input::WithStatistics(x) => {
                self.updated(x.batch_norm_then(&weight, &bias, Self::EPS, then)?, pass)?
            }
        };
        Ok(match (then, after) {
            (Then::Nothing, Then::Nothing) => y,
            (_, Then::Nothing) => pass.after_relu(y),
            (_, Then::Relu) => pass.relu(&y)?,
            (_, Then::AddRelu(residual)) => pass.relu(&y.add(residual)?)?,
        })
    }

    /// The normalised values; the running statistics follow the batch's where the pass says so.
    fn updated(&self, batch: BatchNormed, pass: &Pass<'_>) -> Result<Tensor> {
        if pass.statistics() == Statistics::Batch {
            let rows = batch.y.shape().len() / batch.mean.shape().len();
            self.update(&batch.mean, &batch.var, rows, pass)?;
        }
        Ok(batch.y)
    }
}

impl Module for BatchNorm2d {
    fn forward(&self, x: &Tensor, pass: &Pass<'_>) -> Result<Tensor> {
        self.forward_then(Input::Alone(x), Then::Nothing, pass)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use lowland_core::DType;
    use lowland_tensor::Device;

    use super::*;
    use crate::StoreBuilder;

    /// Two channels: 1, 2, 3, 6 (mean 3, biased variance 3.5) and 10, 10, 10, 10.
    const X: [f64; 8] = [1.0, 10.0, 2.0, 10.0, 3.0, 10.0, 6.0, 10.0];

    fn layer() -> (BatchNorm2d, crate::ParamStore, Tensor) {
        let mut builder = StoreBuilder::new();
        let layer = BatchNorm2d::new(builder.root(), 2).unwrap();
        let device: Device = Arc::new(lowland_cpu::Cpu::new(1));
        let x = Tensor::from_slice(&device, [2, 2, 1, 2], &X).unwrap();
        (layer, builder.build(&device, DType::F64, 0).unwrap(), x)
    }

    fn assert_close(got: &[f64], want: &[f64]) {
        assert_eq!(got.len(), want.len());
        let close = got.iter().zip(want).all(|(g, w)| (g - w).abs() < 1e-12);
        assert!(close, "{got:?} is not {want:?}");
    }

    fn running(layer: &BatchNorm2d, store: &crate::ParamStore) -> [Vec<f64>; 2] {
        let pass = Pass::eval(store);
        [&layer.running_mean, &layer.running_var].map(|s| pass.stat(s).unwrap().to_vec().unwrap())
    }

    #[test]
    fn running_statistics_follow_pytorch() {
        let (layer, store, x) = layer();
        assert_eq!(running(&layer, &store), [[0.0, 0.0], [1.0, 1.0]]);
        layer.forward(&x, &Pass::train(&store)).unwrap();
        // The unbiased variance is 14 / 3.
        let [mean, var] = running(&layer, &store);
        assert_close(&mean, &[0.3, 1.0]);
        assert_close(&var, &[0.9 + 1.4 / 3.0, 0.9]);
        layer.forward(&x, &Pass::train(&store)).unwrap();
        let [mean, var] = running(&layer, &store);
        assert_close(&mean, &[0.57, 1.9]);
        assert_close(&var, &[0.81 + 0.19 * 14.0 / 3.0, 0.81]);
    }

    #[test]
    fn training_normalises_by_the_batch_and_evaluation_by_running_statistics() {
        let (layer, store, x) = layer();
        let y = layer.forward(&x, &Pass::train(&store).frozen_stats()).unwrap();
        let std = (3.5f64 + 1e-5).sqrt();
        let expected = [-2.0 / std, 0.0, -1.0 / std, 0.0, 0.0, 0.0, 3.0 / std, 0.0];
        assert_close(&y.to_vec::<f64>().unwrap(), &expected);
        let y = layer.forward(&x, &Pass::eval(&store)).unwrap();
        assert_close(&y.to_vec::<f64>().unwrap(), &X.map(|x| x / (1.0f64 + 1e-5).sqrt()));
    }

    #[test]
    fn frozen_and_evaluating_passes_leave_statistics_alone() {
        let (layer, store, x) = layer();
        layer.forward(&x, &Pass::train(&store)).unwrap();
        let before = running(&layer, &store);
        for pass in [
            Pass::train(&store).frozen_stats(),
            Pass::eval(&store),
            Pass::eval(&store).frozen_stats(),
            Pass::eval(&store).with_gradients(),
        ] {
            layer.forward(&x, &pass).unwrap();
            assert_eq!(running(&layer, &store), before);
        }
    }

    #[test]
    fn one_value_per_channel_is_refused_in_training_alone() {
        let (layer, store, _) = layer();
        let one = Tensor::full(store.device(), [1, 1, 1, 2], DType::F64, 2.0).unwrap();
        let error = layer.forward(&one, &Pass::train(&store)).unwrap_err().to_string();
        assert!(error.contains("at least 2 values per channel, got 1"), "{error}");
        layer.forward(&one, &Pass::eval(&store)).unwrap();
        assert_eq!(running(&layer, &store), [[0.0, 0.0], [1.0, 1.0]]);
    }
}
