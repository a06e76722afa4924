//! What the unit tests share: a device, numbers away from kinks, and a gradient check that asserts.

use std::sync::{Arc, LazyLock};

use lowland_core::{Result, Shape};

use crate::gradcheck::{gradcheck, hash};
use crate::{Device, Tensor};

/// One device for all tests.
pub(crate) fn device() -> Device {
    static DEVICE: LazyLock<Device> = LazyLock::new(|| Arc::new(lowland_cpu::Cpu::new(2)));
    Arc::clone(&DEVICE)
}

/// Numbers of magnitude 0.3 to 1.5, of both signs.
pub(crate) fn values(shape: impl Into<Shape>, seed: u64) -> Tensor {
    let shape = shape.into();
    let value = |i: usize| {
        let bits = hash((seed << 32) + i as u64);
        let magnitude = 0.3 + 1.2 * (bits >> 11) as f64 / (1u64 << 53) as f64;
        if bits & 1 == 0 { magnitude } else { -magnitude }
    };
    let numbers: Vec<f64> = (0..shape.len()).map(value).collect();
    Tensor::from_slice(&device(), shape, &numbers).unwrap()
}

/// Asserts that derivatives agree with differences at these inputs.
#[track_caller]
pub(crate) fn check(inputs: &[Tensor], f: impl Fn(&[Tensor]) -> Result<Tensor>) {
    let worst = gradcheck(f, inputs).unwrap();
    assert!(worst.error < 1e-7, "{worst:?} of {inputs:?}");
}

/// The gradient of the sum of `f(x)`, in `f64`.
pub(crate) fn gradient_at(x: &[f64], f: impl Fn(&Tensor) -> Result<Tensor>) -> Vec<f64> {
    let x = Tensor::from_slice(&device(), [x.len()], x).unwrap().tracked();
    let gradients = f(&x).unwrap().sum_all().unwrap().backward().unwrap();
    gradients.get(&x).unwrap().to_vec().unwrap()
}
