//! Whole networks in training, at the sizes of CIFAR: on the CUDA backend over the shim and on the CPU
//! backend.

use std::sync::Arc;

use lowland_core::op::{Accumulate, Op};
use lowland_core::{DType, Shape};
use lowland_cpu::Cpu;
use lowland_cuda::Cuda;
use lowland_models::{CrossEntropy, Init, Model, ModelConfig, Pass};
use lowland_shim::{Order, Shim, available};
use lowland_tensor::{Device, Tensor};

fn shim(shim: Shim) -> Device {
    Arc::new(Cuda::on(Arc::new(shim)))
}

/// A network on a device, and a batch of it.
struct Training {
    model: Model,
    images: Tensor,
    labels: [u32; 2],
}

impl Training {
    fn new(name: &str, device: &Device) -> Self {
        let model = ModelConfig::named(name).build([32, 32, 3], 10, device, DType::F32, 3);
        let shape = Shape::from([2, 32, 32, 3]);
        let values = Init::Uniform { bound: 2.0 }.values(4, "images", &shape);
        let values: Vec<f32> = values.into_iter().map(|value| value as f32).collect();
        let images = Tensor::from_slice(device, shape, &values).unwrap();
        Training { model: model.unwrap(), images, labels: [3, 8] }
    }

    fn device(&self) -> &Device {
        self.model.store.device()
    }

    /// Gradients of the loss, which is returned.
    fn backward(&self) -> f64 {
        self.model.store.zero_grad().unwrap();
        let labels = Tensor::from_slice(self.device(), [2], &self.labels).unwrap();
        let pass = Pass::train(&self.model.store);
        let logits = self.model.module.forward(&self.images, &pass).unwrap();
        let loss = CrossEntropy { label_smoothing: 0.1 }.forward(&logits, &labels).unwrap();
        let value = loss.item().unwrap();
        loss.backward().unwrap();
        value
    }

    /// A step of plain gradient descent.
    fn descend(&self) {
        let store = &self.model.store;
        let step = Accumulate { len: store.params().len(), a: -0.01, b: 1.0 };
        self.device().run(&Op::Accumulate(step), &[store.grads()], &[store.params()]).unwrap();
    }

    fn grads(&self) -> Vec<f32> {
        self.device().to_vec(self.model.store.grads()).unwrap()
    }

    fn stats(&self) -> Vec<f32> {
        self.device().to_vec(self.model.store.stats()).unwrap()
    }
}

/// The largest difference, relative to the largest number.
fn difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    let largest = b.iter().fold(0.0f32, |largest, b| largest.max(b.abs()));
    let differences = a.iter().zip(b).map(|(a, b)| (a - b).abs());
    differences.fold(0.0, |worst, d| if d > worst || d.is_nan() { d } else { worst }) / largest
}

/// Two steps on both backends.
fn agrees(name: &str) {
    if !available(name) {
        return;
    }
    let cpu: Device = Arc::new(Cpu::new(2));
    let [cuda, cpu] = [shim(Shim::new()), cpu].map(|device| Training::new(name, &device));
    assert_eq!(cuda.model.store.fusion(), cpu.model.store.fusion());
    for step in 1..=2 {
        let losses = [cuda.backward(), cpu.backward()];
        let off = (losses[0] - losses[1]).abs();
        let grads = difference(&cuda.grads(), &cpu.grads());
        let stats = difference(&cuda.stats(), &cpu.stats());
        println!("{name}, step {step}: loss {losses:?}, gradients {grads:e}, statistics {stats:e}");
        assert!(off < 1e-5 && grads < 2e-5 && stats < 5e-6);
        cuda.descend();
        cpu.descend();
    }
}

#[test]
fn a_tiny_resnet_trains_as_on_the_cpu() {
    agrees("resnet-tiny");
}

#[test]
fn resnet20_trains_as_on_the_cpu() {
    agrees("resnet20");
}

#[test]
fn zerosnet20_trains_as_on_the_cpu() {
    agrees("zerosnet20");
}

#[test]
fn bits_depend_on_no_order_and_on_no_number_of_multiprocessors() {
    if !available("bits_depend_on_no_order_and_on_no_number_of_multiprocessors") {
        return;
    }
    let run = |device: Shim| {
        let training = Training::new("resnet-tiny", &shim(device));
        training.backward();
        let numbers = [training.grads(), training.stats()].concat();
        numbers.into_iter().map(f32::to_bits).collect::<Vec<_>>()
    };
    let one = run(Shim::new().multiprocessors(1));
    assert!(one == run(Shim::new().multiprocessors(132)));
    assert!(one == run(Shim::new().order(Order::Reversed)));
}

#[test]
fn a_warm_step_allocates_nothing() {
    if !available("a_warm_step_allocates_nothing") {
        return;
    }
    let device = shim(Shim::new());
    let training = Training::new("resnet-tiny", &device);
    let step = || {
        training.backward();
        training.descend();
    };
    step();
    step();
    let warm = device.memory().fresh_allocations;
    step();
    assert_eq!(device.memory().fresh_allocations, warm);
}
