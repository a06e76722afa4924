//! Whole networks in training: gradients, determinism, memory, and that they learn.

mod common;

use std::sync::Arc;

use lowland_core::DType;
use lowland_cpu::Cpu;
use lowland_models::zoo::Shortcut;
use lowland_models::{CrossEntropy, Fusion, Model, ModelConfig, Pass, Values};
use lowland_tensor::gradcheck::gradcheck;
use lowland_tensor::{Device, Tensor};

/// A residual network with every kind of block, small enough to difference by every number.
fn smallest(shortcut: Shortcut) -> ModelConfig {
    ModelConfig {
        shortcut: Some(shortcut),
        widths: Some(vec![2, 3]),
        blocks: Some(vec![1, 2]),
        ..ModelConfig::named("resnet20")
    }
}

fn loss(model: &Model, pass: &Pass<'_>, images: &Tensor, labels: &Tensor) -> f64 {
    let logits = model.module.forward(images, pass).unwrap();
    CrossEntropy::default().forward(&logits, labels).unwrap().item().unwrap()
}

/// The gradient by every parameter of a whole network against central differences. The step is so
/// small that hardly any activation crosses the ReLU's kink between its two ends.
#[test]
fn gradients_of_a_whole_network_are_right() {
    const STEP: f64 = 1e-7;
    let device = common::device();
    let (images, labels) = common::batch(&device, DType::F64, 3);
    for shortcut in [Shortcut::A, Shortcut::B] {
        let model = common::narrow(&device, DType::F64, smallest(shortcut));
        let store = &model.store;
        // Running statistics other than 0 and 1, for the passes that use them.
        model.train(&images).unwrap();
        for pass in [Pass::train(store).frozen_stats(), Pass::eval(store).with_gradients()] {
            store.zero_grad().unwrap();
            common::backward(&model, &pass, &images, &labels);
            let gradient: Vec<f64> = device.to_vec(store.grads()).unwrap();
            let values: Vec<f64> = device.to_vec(store.params()).unwrap();
            let at = |i: usize, value: f64| {
                let mut moved = values.clone();
                moved[i] = value;
                Values::F64(moved).upload(&*device, store.params()).unwrap();
                loss(&model, &pass, &images, &labels)
            };
            for entry in store.entries() {
                for i in entry.offset..entry.offset + entry.shape.len() {
                    let difference =
                        (at(i, values[i] + STEP) - at(i, values[i] - STEP)) / (2.0 * STEP);
                    let error = (gradient[i] - difference).abs();
                    assert!(
                        error < 1e-7,
                        "{} at {}: {} by the tape, {difference} by differences ({shortcut:?})",
                        entry.name,
                        i - entry.offset,
                        gradient[i]
                    );
                }
            }
            Values::F64(values).upload(&*device, store.params()).unwrap();
        }
    }
}

#[test]
fn gradients_by_the_image_are_right() {
    let device = common::device();
    let model = common::narrow(&device, DType::F64, smallest(Shortcut::B));
    let (_, labels) = common::batch(&device, DType::F64, 3);
    let images = common::tensor(&device, [3, 4, 4, 1], DType::F64, 2);
    for pass in [Pass::train(&model.store).frozen_stats(), Pass::eval(&model.store)] {
        let f = |inputs: &[Tensor]| {
            let logits = model.module.forward(&inputs[0], &pass)?;
            CrossEntropy { label_smoothing: 0.1 }.forward(&logits, &inputs[1])
        };
        let worst = gradcheck(f, &[images.clone(), labels.clone()]).unwrap();
        assert!(worst.error < 1e-7, "{worst:?}");
    }
}

#[test]
fn backward_passes_add_up_until_gradients_are_cleared() {
    let device = common::device();
    let model = common::narrow(&device, DType::F64, ModelConfig::named("resnet-tiny"));
    let (images, labels) = common::batch(&device, DType::F64, 4);
    let pass = Pass::train(&model.store).frozen_stats();
    let grads = || -> Vec<f64> { device.to_vec(model.store.grads()).unwrap() };
    assert!(grads().iter().all(|g| *g == 0.0));
    common::backward(&model, &pass, &images, &labels);
    let once = grads();
    assert!(once.iter().any(|g| *g != 0.0));
    common::backward(&model, &pass, &images, &labels);
    assert_eq!(grads(), once.iter().map(|g| 2.0 * g).collect::<Vec<_>>());
    model.store.zero_grad().unwrap();
    assert!(grads().iter().all(|g| *g == 0.0));
}

#[test]
fn frozen_statistics_stay_and_evaluation_changes_and_records_nothing() {
    let device = common::device();
    let model = common::narrow(&device, DType::F32, ModelConfig::named("resnet-tiny"));
    let (images, labels) = common::batch(&device, DType::F32, 4);
    let start = model.store.state_dict().unwrap();
    common::backward(&model, &Pass::train(&model.store).frozen_stats(), &images, &labels);
    assert_eq!(model.store.state_dict().unwrap(), start);
    model.store.zero_grad().unwrap();

    let logits = model.eval(&images).unwrap();
    assert!(!logits.is_tracked());
    let loss = CrossEntropy::default().forward(&logits, &labels).unwrap();
    assert!(loss.backward().is_err(), "nothing was recorded");
    assert!(device.to_vec::<f32>(model.store.grads()).unwrap().iter().all(|g| *g == 0.0));
    assert_eq!(model.store.state_dict().unwrap(), start);

    model.train(&images).unwrap();
    let after = model.store.state_dict().unwrap();
    for (name, tensor) in &after.tensors {
        assert_eq!(tensor != &start.tensors[name], name.contains("running_"), "{name}");
    }
}

#[test]
fn equal_passes_give_equal_bits() {
    let device = common::device();
    let model = common::narrow(&device, DType::F32, ModelConfig::named("resnet8"));
    let (images, _) = common::batch(&device, DType::F32, 5);
    for pass in [Pass::train(&model.store), Pass::eval(&model.store)] {
        let bits = |_| {
            let logits = model.module.forward(&images, &pass.frozen_stats()).unwrap();
            let logits: Vec<f32> = logits.to_vec().unwrap();
            logits.into_iter().map(f32::to_bits).collect::<Vec<_>>()
        };
        let [one, two] = [0, 1].map(bits);
        assert_eq!(one, two);
    }
}

/// Three classes of images, each brighter in a part of its own.
fn toy(device: &Device) -> (Tensor, Tensor) {
    let size = 24;
    let mut pixels = common::numbers(size * 64, 4);
    let labels: Vec<u32> = (0..size as u32).map(|i| i % 3).collect();
    for (image, label) in pixels.chunks_mut(64).zip(&labels) {
        for row in 0..2 {
            let start = (3 * *label as usize + row) * 8 % 64;
            image[start..start + 8].iter_mut().for_each(|pixel| *pixel += 1.0);
        }
    }
    let pixels: Vec<f32> = pixels.into_iter().map(|p| p as f32).collect();
    let images = Tensor::from_slice(device, [size, 8, 8, 1], &pixels).unwrap();
    (images, Tensor::from_slice(device, [size], &labels).unwrap())
}

/// Steps of plain gradient descent; the loss of each.
fn descend(model: &Model, images: &Tensor, labels: &Tensor, steps: usize) -> Vec<f64> {
    let step = |_| {
        model.store.zero_grad().unwrap();
        let loss = common::backward(model, &Pass::train(&model.store), images, labels);
        common::descend(&model.store, 0.1);
        loss
    };
    (0..steps).map(step).collect()
}

#[test]
fn a_small_network_learns_a_toy_problem() {
    let device = common::device();
    let model = common::narrow(&device, DType::F32, ModelConfig::named("resnet-tiny"));
    let (images, labels) = toy(&device);
    let losses = descend(&model, &images, &labels, 30);
    assert!(losses[0] > 0.8 && losses[29] < 0.1, "{losses:?}");
    let logits: Vec<f32> = model.eval(&images).unwrap().to_vec().unwrap();
    let wanted: Vec<u32> = labels.to_vec().unwrap();
    let right = logits
        .chunks(3)
        .zip(&wanted)
        .filter(|(logits, label)| (0..3).all(|class| logits[class] <= logits[**label as usize]));
    assert_eq!(right.count(), wanted.len());
}

#[test]
fn training_gives_the_same_bits_on_one_and_two_threads() {
    let train = |threads: usize| {
        let device: Device = Arc::new(Cpu::new(threads));
        let config = ModelConfig { shortcut: Some(Shortcut::B), ..ModelConfig::named("resnet20") };
        let model = config.build([16, 16, 3], 10, &device, DType::F32, 0).unwrap();
        let images = common::tensor(&device, [7, 16, 16, 3], DType::F32, 6);
        let labels = Tensor::from_slice(&device, [7], &[0u32, 9, 3, 4, 4, 1, 7]).unwrap();
        let losses = descend(&model, &images, &labels, 3);
        let bits = |buffer| -> Vec<u32> {
            device.to_vec::<f32>(buffer).unwrap().into_iter().map(f32::to_bits).collect()
        };
        let store = &model.store;
        (losses, bits(store.params()), bits(store.grads()), bits(store.stats()))
    };
    assert!(train(1) == train(2));
}

/// The same network with every combination of fused and separate layers.
#[test]
fn fused_and_separate_layers_train_alike() {
    let device = common::device();
    let train = |dtype, shortcut, fusion: Fusion| {
        let (images, labels) = common::batch(&device, dtype, 5);
        let model = common::narrow(&device, dtype, smallest(shortcut));
        let model = Model { store: model.store.with_fusion(fusion), ..model };
        let losses = descend(&model, &images, &labels, 3);
        let by_given = Pass::eval(&model.store).with_gradients();
        model.store.zero_grad().unwrap();
        let loss = common::backward(&model, &by_given, &images, &labels);
        let store = &model.store;
        let arenas = [store.params(), store.grads(), store.stats()];
        let numbers = arenas.map(|arena| Values::download(&*device, arena).unwrap().to_f64());
        [losses, vec![loss], numbers.concat()].concat()
    };
    for shortcut in [Shortcut::A, Shortcut::B] {
        for (dtype, rounding) in [(DType::F64, 1e-10), (DType::F32, 1e-3)] {
            let plain = train(dtype, shortcut, Fusion::NONE);
            for (statistics, epilogues) in [(true, false), (false, true), (true, true)] {
                let fused = train(dtype, shortcut, Fusion { statistics, epilogues });
                let off = fused.iter().zip(&plain).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
                assert!(off < rounding, "{off} with {statistics} and {epilogues}");
                // Only other ops round otherwise.
                assert!(dtype == DType::F64 || off > 0.0, "the same ops were run");
            }
        }
    }
}

#[test]
fn a_warm_training_step_allocates_no_tensor_memory() {
    let device: Device = Arc::new(Cpu::new(2));
    let config = ModelConfig::named("resnet20");
    let model = config.build([32, 32, 3], 10, &device, DType::F32, 0).unwrap();
    let images = common::tensor(&device, [8, 32, 32, 3], DType::F32, 6);
    let labels = Tensor::from_slice(&device, [8], &[0u32, 1, 2, 3, 4, 5, 6, 7]).unwrap();
    descend(&model, &images, &labels, 2);
    let warm = device.memory();
    descend(&model, &images, &labels, 3);
    let after = device.memory();
    assert_eq!(after.fresh_allocations, warm.fresh_allocations);
    assert_eq!(after.bytes_held, warm.bytes_held);
    // Nothing of a step outlives it.
    assert_eq!(after.bytes_in_use, warm.bytes_in_use);
}
