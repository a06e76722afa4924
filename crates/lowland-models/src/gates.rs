//! Which neurons are on: what ReLUs let through in one pass, for passes with other numbers.

use std::cell::{Cell, RefCell};

use lowland_core::{Error, Result};
use lowland_tensor::Tensor;

/// What the ReLUs of one pass let through, in order.
///
/// A pass [through gates](crate::Pass::gated) takes each ReLU for the linear function that it was in the
/// pass that [recorded](crate::Pass::recording) them, on the same images with other numbers: the network is
/// then smooth in its parameters, without the kinks that lie between the two. Its gradient at the numbers
/// of the recorded pass is that of the network, and the derivative of its gradient is what second-order
/// automatic differentiation makes of the network, in which ReLU'' is 0.
///
/// ```
/// use std::sync::Arc;
/// use lowland_models::{Gates, ModelConfig, Pass};
/// use lowland_tensor::{DType, Device, Tensor};
///
/// let device: Device = Arc::new(lowland_cpu::Cpu::new(1));
/// let model = ModelConfig::named("resnet-tiny").build([8, 8, 1], 10, &device, DType::F64, 0)?;
/// let images = Tensor::full(&device, [2, 8, 8, 1], DType::F64, 0.5)?;
/// let (gates, pass) = (Gates::default(), Pass::eval(&model.store));
/// let logits = model.module.forward(&images, &pass.recording(&gates))?.to_vec::<f64>()?;
/// let again = model.module.forward(&images, &pass.gated(&gates))?.to_vec::<f64>()?;
/// assert!(logits.iter().zip(&again).all(|(a, b)| (a - b).abs() < 1e-12));
/// # Ok::<(), lowland_models::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct Gates {
    /// The output of each ReLU, which is above 0 where it let something through.
    outputs: RefCell<Vec<Tensor>>,
    next: Cell<usize>,
}

impl Gates {
    pub(crate) fn clear(&self) {
        self.outputs.borrow_mut().clear();
    }

    pub(crate) fn record(&self, y: &Tensor) {
        self.outputs.borrow_mut().push(y.detach());
    }

    pub(crate) fn start(&self) {
        self.next.set(0);
    }

    /// What the next ReLU lets through of a tensor.
    pub(crate) fn apply(&self, x: &Tensor) -> Result<Tensor> {
        let (outputs, next) = (self.outputs.borrow(), self.next.get());
        let gate = outputs.get(next).ok_or_else(|| {
            let problem = format!("ReLU {next} was not in the pass that recorded the gates");
            Error::invalid("gated pass", problem)
        })?;
        self.next.set(next + 1);
        x.gated_by(gate)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use lowland_tensor::{DType, Device};

    use super::*;
    use crate::{Fusion, ModelConfig, Pass};

    fn largest_difference(a: &Tensor, b: &Tensor) -> f64 {
        let (a, b) = (a.to_vec::<f64>().unwrap(), b.to_vec::<f64>().unwrap());
        a.iter().zip(&b).fold(0.0, |most, (a, b)| most.max((a - b).abs()))
    }

    #[test]
    fn every_relu_of_every_family_is_gated() {
        let device: Device = Arc::new(lowland_cpu::Cpu::new(1));
        for name in
            ["resnet20", "preact-resnet20", "plain20", "lm-resnet20", "zerosnet20", "resnet50"]
        {
            let config = ModelConfig {
                widths: Some(vec![4; ModelConfig::named(name).spec().unwrap().widths.len()]),
                ..ModelConfig::named(name)
            };
            let model = config.build([8, 8, 1], 3, &device, DType::F64, 1).unwrap();
            let values: Vec<f64> = (0..256).map(|i| (f64::from(i) * 1.7).sin()).collect();
            let images = Tensor::from_slice(&device, [4, 8, 8, 1], &values).unwrap();
            let negated: Vec<f64> = values.iter().map(|v| -v).collect();
            let negated = Tensor::from_slice(&device, [4, 8, 8, 1], &negated).unwrap();
            let zero = Tensor::full(&device, [4, 8, 8, 1], DType::F64, 0.0).unwrap();
            let separate = model.store.try_clone().unwrap().with_fusion(Fusion::NONE);
            for store in [&model.store, &separate] {
                let gates = Gates::default();
                let pass = Pass::eval(store);
                let forward = |x: &Tensor, pass| model.module.forward(x, &pass).unwrap();
                let plain = forward(&images, pass);
                assert_eq!(
                    largest_difference(&plain, &forward(&images, pass.recording(&gates))),
                    0.0
                );
                let same = forward(&images, pass.gated(&gates));
                assert!(largest_difference(&plain, &same) < 1e-12, "{name}");
                // By running statistics a gated network is affine in its images, so that f(x) + f(-x) is
                // twice f(0); one with ReLUs is not.
                let bend = |run: &dyn Fn(&Tensor) -> Tensor| {
                    let [x, minus_x, zero] = [&images, &negated, &zero].map(run);
                    largest_difference(&x.add(&minus_x).unwrap(), &zero.add(&zero).unwrap())
                };
                assert!(bend(&|x| forward(x, pass.gated(&gates))) < 1e-9, "{name}");
                assert!(bend(&|x| forward(x, pass)) > 1e-6, "{name}");
            }
        }
    }

    #[test]
    fn gates_of_another_pass_are_refused() {
        let device: Device = Arc::new(lowland_cpu::Cpu::new(1));
        let x = Tensor::full(&device, [2], DType::F64, 1.0).unwrap();
        let gates = Gates::default();
        let error = gates.apply(&x).unwrap_err().to_string();
        assert!(error.contains("ReLU 0 was not in the pass"), "{error}");
    }
}
