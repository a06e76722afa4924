//! What the tests share: devices, numbers, and one training step.

// Each test file uses a part.
#![allow(dead_code)]

use std::sync::Arc;

use lowland_core::op::{Accumulate, Op};
use lowland_core::{DType, Shape};
use lowland_cpu::Cpu;
use lowland_models::{CrossEntropy, Model, ModelConfig, ParamStore, Pass};
use lowland_tensor::{Device, Tensor};

/// A CPU that works on two threads.
pub fn device() -> Device {
    Arc::new(Cpu::new(2))
}

/// Fixed numbers in -1..1, different for each seed.
pub fn numbers(len: usize, seed: u64) -> Vec<f64> {
    lowland_models::Init::Uniform { bound: 1.0 }.values(seed, "test", &Shape::from([len]))
}

/// A tensor of [`numbers`].
pub fn tensor(device: &Device, shape: impl Into<Shape>, dtype: DType, seed: u64) -> Tensor {
    let shape = shape.into();
    let values = numbers(shape.len(), seed);
    match dtype {
        DType::F64 => Tensor::from_slice(device, shape, &values).unwrap(),
        _ => {
            let values: Vec<f32> = values.iter().map(|&v| v as f32).collect();
            Tensor::from_slice(device, shape, &values).unwrap()
        }
    }
}

/// A network of narrow stages for 8x8 images of one channel and three classes.
pub fn narrow(device: &Device, dtype: DType, config: ModelConfig) -> Model {
    config.build([8, 8, 1], 3, device, dtype, 5).unwrap()
}

/// A batch of 8x8 images of one channel and labels below three.
pub fn batch(device: &Device, dtype: DType, size: usize) -> (Tensor, Tensor) {
    let labels: Vec<u32> = (0..size as u32).map(|i| i * 7 % 3).collect();
    let images = tensor(device, [size, 8, 8, 1], dtype, 1);
    (images, Tensor::from_slice(device, [size], &labels).unwrap())
}

/// The loss of a pass, after adding its gradients to the store.
pub fn backward(model: &Model, pass: &Pass<'_>, images: &Tensor, labels: &Tensor) -> f64 {
    let logits = model.module.forward(images, pass).unwrap();
    let loss = CrossEntropy::default().forward(&logits, labels).unwrap();
    let value = loss.item().unwrap();
    loss.backward().unwrap();
    value
}

/// A step of plain gradient descent over the whole arena.
pub fn descend(store: &ParamStore, lr: f64) {
    let len = store.params().len();
    let step = Op::Accumulate(Accumulate { len, a: -lr, b: 1.0 });
    store.device().run(&step, &[store.grads()], &[store.params()]).unwrap();
}
