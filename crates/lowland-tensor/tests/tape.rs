//! The tape from outside: leaves, sums of gradients, what is kept and let go, errors.

use std::sync::Arc;

use lowland_cpu::Cpu;
use lowland_tensor::gradcheck::gradcheck;
use lowland_tensor::{DType, Device, Error, Result, Shape, Tensor};
use proptest::prelude::*;

fn device() -> Device {
    Arc::new(Cpu::new(1))
}

fn vector(device: &Device, values: &[f64]) -> Tensor {
    Tensor::from_slice(device, [values.len()], values).unwrap()
}

#[test]
fn gradients_are_first_order_and_of_leaves_that_took_part() {
    let device = device();
    let [x, y, idle] = [1.0, 2.0, 3.0].map(|v| vector(&device, &[v, 10.0 * v]).tracked());
    let gradients = x.mul(&y).unwrap().sum_all().unwrap().backward().unwrap();
    let dx = gradients.get(&x).unwrap();
    assert_eq!(dx.to_vec::<f64>().unwrap(), [2.0, 20.0]);
    assert_eq!(gradients.get(&y).unwrap().to_vec::<f64>().unwrap(), [1.0, 10.0]);
    assert!(gradients.get(&idle).is_none() && gradients.get(&x.detach()).is_none());
    assert!(!dx.is_tracked());
}

#[test]
fn a_leaf_of_an_arena_adds_to_its_slice_each_time_it_is_used() {
    let device = device();
    let arena = device.filled(6, DType::F64, 100.0).unwrap();
    for pass in 1..=2 {
        let x = vector(&device, &[1.0, 2.0]);
        let x = x.tracked_into(arena.slice(2, 2).unwrap()).unwrap();
        // 3 x + x^2
        let y = x.scale(3.0).unwrap().add(&x.mul(&x).unwrap()).unwrap();
        let gradients = y.sum_all().unwrap().backward().unwrap();
        assert!(gradients.get(&x).is_none());
        let p = f64::from(pass);
        let want = [100.0, 100.0, 100.0 + 5.0 * p, 100.0 + 7.0 * p, 100.0, 100.0];
        assert_eq!(device.to_vec::<f64>(&arena).unwrap(), want);
    }
    let x = vector(&device, &[1.0, 2.0]);
    let error = x.clone().tracked_into(arena.slice(0, 3).unwrap()).unwrap_err().to_string();
    assert_eq!(error, "tracked_into: operand `grad` needs 2 elements of f64, got 3 of f64");
    assert!(x.tracked_into(device.filled(2, DType::F32, 0.0).unwrap()).is_err());
}

#[test]
fn a_seed_scales_every_gradient() {
    let device = device();
    let x = vector(&device, &[1.0, -2.0]).tracked();
    let loss = x.mul(&x).unwrap().sum_all().unwrap();
    let gradients = loss.backward_scaled(-0.5).unwrap();
    assert_eq!(gradients.get(&x).unwrap().to_vec::<f64>().unwrap(), [-1.0, 2.0]);
    let leaf = Tensor::full(&device, Shape::scalar(), DType::F32, 7.0).unwrap().tracked();
    let gradients = leaf.clone().backward_scaled(3.0).unwrap();
    assert_eq!(gradients.get(&leaf).unwrap().to_vec::<f32>().unwrap(), [3.0]);
}

#[test]
fn what_cannot_be_differentiated_is_an_error() {
    let device = device();
    let x = vector(&device, &[1.0, 2.0]).tracked();
    let error = x.exp().unwrap().backward().unwrap_err().to_string();
    assert_eq!(error, "backward: needs a single number; the shape is [2]");
    let error = x.detach().sum_all().unwrap().backward().unwrap_err().to_string();
    assert_eq!(error, "backward: no tracked tensor went into this one");
    let labels = Tensor::from_slice(&device, [1], &[0u32]).unwrap().tracked();
    let error = x.reshape([1, 2]).unwrap().cross_entropy(&labels, 0.0).unwrap_err();
    assert!(matches!(error, Error::NoDerivative { .. }));
}

#[test]
fn a_shared_gradient_is_never_written_to() {
    let device = device();
    let values = [1.0, 2.0, 3.0];
    // The gradient of the sum is handed to both `a` and `b`; `a` gets another one besides, before
    // or after it. That of `b` must stay as it is.
    for used_first in [false, true] {
        let [a, b] = [1.0, 10.0].map(|s| vector(&device, &values.map(|v| s * v)).tracked());
        let square = || a.mul(&a).unwrap();
        let early = used_first.then(square);
        let sum = a.add(&b).unwrap();
        let total = sum.add(&early.unwrap_or_else(square)).unwrap().add(&a).unwrap();
        let gradients = total.sum_all().unwrap().backward().unwrap();
        assert_eq!(gradients.get(&b).unwrap().to_vec::<f64>().unwrap(), [1.0; 3]);
        assert_eq!(gradients.get(&a).unwrap().to_vec::<f64>().unwrap(), [4.0, 6.0, 8.0]);
    }
}

#[test]
fn what_is_still_referred_to_can_be_differentiated_again() {
    let device = device();
    let x = vector(&device, &[1.0, 2.0]).tracked();
    let square = x.mul(&x).unwrap();
    let first = square.sum_all().unwrap().backward().unwrap();
    let second = square.mul(&square).unwrap().sum_all().unwrap().backward().unwrap();
    assert_eq!(first.get(&x).unwrap().to_vec::<f64>().unwrap(), [2.0, 4.0]);
    assert_eq!(second.get(&x).unwrap().to_vec::<f64>().unwrap(), [4.0, 32.0]);
}

#[test]
fn deep_graphs_are_dropped_and_walked_without_recursion() {
    const DEPTH: usize = 200_000;
    let body = || {
        let device = device();
        let chain = |x: &Tensor| {
            let mut y = x.clone();
            for i in 0..DEPTH {
                y = y.reshape(if i % 2 == 0 { &[1][..] } else { &[] }).unwrap();
            }
            y
        };
        let x = Tensor::full(&device, Shape::scalar(), DType::F64, 2.0).unwrap().tracked();
        drop(chain(&x));
        let gradients = chain(&x.mul(&x).unwrap()).backward().unwrap();
        assert_eq!(gradients.get(&x).unwrap().item().unwrap(), 4.0);
        // A wide one: every node uses the one before twice.
        let mut y = x.clone();
        for _ in 0..1000 {
            y = y.add(&y).unwrap().scale(0.5).unwrap();
        }
        assert_eq!(y.backward().unwrap().get(&x).unwrap().item().unwrap(), 1.0);
    };
    // A recursion of this depth would need megabytes.
    std::thread::Builder::new().stack_size(256 * 1024).spawn(body).unwrap().join().unwrap();
}

fn training_step(device: &Device, w: &Tensor, v: &Tensor) -> Result<f64> {
    let x = Tensor::full(device, [2, 8, 8, 3], DType::F32, 0.5)?;
    let labels = Tensor::from_slice(device, [2], &[1u32, 2])?;
    let y = x.conv2d(w, [1, 1], [1, 1], 1)?.relu()?;
    let y = y.add(&y.conv2d(v, [1, 1], [1, 1], 1)?)?.relu()?;
    let loss = y.global_avg_pool()?.cross_entropy(&labels, 0.0)?;
    let value = loss.item()?;
    loss.backward()?;
    Ok(value)
}

#[test]
fn a_warm_step_takes_no_new_memory_and_gives_all_of_it_back() {
    let device = device();
    let parameter = |shape: [usize; 4]| {
        let grad = device.filled(Shape::from(shape).len(), DType::F32, 0.0)?;
        Tensor::full(&device, shape, DType::F32, 0.1)?.tracked_into(grad)
    };
    let (w, v) = (parameter([4, 3, 3, 3]).unwrap(), parameter([4, 4, 3, 3]).unwrap());
    let before = device.memory().bytes_in_use;
    let first = training_step(&device, &w, &v).unwrap();
    let warm = device.memory();
    assert_eq!(warm.bytes_in_use, before);
    for _ in 0..3 {
        assert_eq!(training_step(&device, &w, &v).unwrap(), first);
    }
    assert_eq!(device.memory().fresh_allocations, warm.fresh_allocations);
    assert_eq!(device.memory().bytes_in_use, before);
}

#[test]
fn untracked_ops_keep_nothing() {
    let device = device();
    let x = Tensor::full(&device, [1000], DType::F32, 1.0).unwrap();
    let before = device.memory().bytes_in_use;
    let mut y = x.clone();
    for _ in 0..10 {
        y = y.mul(&x).unwrap().tanh().unwrap();
    }
    assert!(!y.is_tracked());
    // Only the last result is alive.
    assert_eq!(device.memory().bytes_in_use - before, before);
}

#[test]
fn tensors_can_go_to_other_threads() {
    fn is_send_and_sync<T: Send + Sync>() {}
    is_send_and_sync::<Tensor>();
    is_send_and_sync::<lowland_tensor::Gradients>();
}

/// One link of a random program: what it does, and to which of the earlier results.
type Link = (u8, usize, usize);

fn run_program(program: &[Link], inputs: &[Tensor]) -> Result<Tensor> {
    let mut results = inputs.to_vec();
    for &(kind, a, b) in program {
        let (a, b) = (&results[a % results.len()], &results[b % results.len()]);
        let next = match kind {
            0 => a.add(b)?,
            1 => a.sub(b)?,
            2 => a.mul(b)?.atan()?,
            3 => a.scale(0.5)?,
            4 => a.reshape([2, 2])?.reshape([4])?,
            5 => Tensor::scaled_sum(&[(a, 1.0), (b, -0.5), (a, 1.0)])?,
            6 => a.add(&b.mean(&[0])?)?,
            _ => a.reshape([4, 1])?.broadcast_to([4, 2])?.sum(&[1])?.reshape([4])?.tanh()?,
        };
        results.push(next);
    }
    // Every result counts, so that none of the graph is idle.
    let mut total = results[0].clone();
    for result in &results[1..] {
        total = total.add(result)?;
    }
    Ok(total)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Graphs of any form: tensors used once, twice, often; gradients shared and not.
    #[test]
    fn random_graphs_agree_with_differences_and_repeat_bit_for_bit(
        program in prop::collection::vec((0u8..8, 0usize..100, 0usize..100), 1..12),
        values in prop::array::uniform8(0.3f64..1.5),
    ) {
        let device = device();
        let inputs = [vector(&device, &values[..4]), vector(&device, &values[4..])];
        let worst = gradcheck(|inputs| run_program(&program, inputs), &inputs).unwrap();
        prop_assert!(worst.error < 1e-6, "{:?}", worst);

        let gradients = || {
            let leaves = inputs.clone().map(Tensor::tracked);
            let loss = run_program(&program, &leaves).unwrap().sum_all().unwrap();
            let gradients = loss.backward().unwrap();
            leaves.map(|leaf| gradients.get(&leaf).unwrap().to_vec::<f64>().unwrap())
        };
        prop_assert_eq!(gradients(), gradients());
    }
}
