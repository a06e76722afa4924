//! Ops and their derivatives on tensors without elements, and what is refused.

use std::sync::Arc;

use lowland_cpu::Cpu;
use lowland_tensor::{DType, Device, Result, Shape, Tensor};

fn device() -> Device {
    Arc::new(Cpu::new(2))
}

/// From tensors to one.
type Function = fn(&[Tensor]) -> Result<Tensor>;

/// A tracked tensor of ones.
fn ones<const N: usize>(device: &Device, shape: [usize; N]) -> Tensor {
    Tensor::full(device, shape, DType::F64, 1.0).unwrap().tracked()
}

/// Runs an op, sums up the result, and expects a gradient of zeros by each of the inputs.
#[track_caller]
fn has_zero_gradients(inputs: &[Tensor], f: impl Fn(&[Tensor]) -> Result<Tensor>) -> Shape {
    let y = f(inputs).unwrap();
    let sum = y.sum_all().unwrap();
    assert_eq!(sum.item().unwrap(), 0.0);
    let gradients = sum.backward().unwrap();
    for input in inputs {
        let gradient = gradients.get(input).expect("a gradient by each input");
        assert_eq!(gradient.shape(), input.shape());
        assert!(gradient.to_vec::<f64>().unwrap().iter().all(|&g| g == 0.0));
    }
    y.shape()
}

#[test]
fn layers_without_images_have_gradients_of_zero() {
    let device = device();
    let on = |inputs: Vec<Tensor>, f: Function| has_zero_gradients(&inputs, f);
    let images = || ones(&device, [0, 5, 5, 3]);
    let conv = vec![images(), ones(&device, [4, 3, 3, 3])];
    let y = on(conv, |t| t[0].conv2d(&t[1], [1, 1], [1, 1], 1));
    assert_eq!(y, Shape::from([0, 5, 5, 4]));
    let linear = vec![ones(&device, [0, 3]), ones(&device, [2, 3]), ones(&device, [2])];
    assert_eq!(on(linear, |t| t[0].linear(&t[1], Some(&t[2]))), Shape::from([0, 2]));
    let norm = vec![images(), ones(&device, [3]), ones(&device, [3])];
    let y = on(norm, |t| {
        let [mean, var] = [0.0, 1.0].map(|v| Tensor::full(t[0].device(), [3], DType::F64, v));
        t[0].batch_norm_inference(&t[1], &t[2], &mean?, &var?, 1e-5)
    });
    assert_eq!(y, Shape::from([0, 5, 5, 3]));
    assert_eq!(on(vec![images()], |t| t[0].global_avg_pool()), Shape::from([0, 3]));
    assert_eq!(on(vec![images()], |t| t[0].flatten()), Shape::from([0, 75]));
    let y = on(vec![images()], |t| t[0].max_pool2d([2, 2], [2, 2], [0, 0]));
    assert_eq!(y, Shape::from([0, 2, 2, 3]));
    let y = on(vec![images()], |t| t[0].avg_pool2d([3, 3], [1, 1], [1, 1]));
    assert_eq!(y, Shape::from([0, 5, 5, 3]));
}

#[test]
fn sums_of_products_over_nothing_are_zero() {
    let device = device();
    let factors = [ones(&device, [2, 0]), ones(&device, [0, 3])];
    assert_eq!(has_zero_gradients(&factors, |t| t[0].matmul(&t[1])), Shape::from([2, 3]));
    let no_channels = [ones(&device, [1, 4, 4, 0]), ones(&device, [2, 0, 3, 3])];
    let y = has_zero_gradients(&no_channels, |t| t[0].conv2d(&t[1], [1, 1], [1, 1], 1));
    assert_eq!(y, Shape::from([1, 4, 4, 2]));
    // Only padding is seen.
    let no_pixels = [ones(&device, [1, 0, 4, 2]), ones(&device, [2, 2, 1, 3])];
    let y = has_zero_gradients(&no_pixels, |t| t[0].conv2d(&t[1], [1, 1], [1, 1], 1));
    assert_eq!(y, Shape::from([1, 2, 4, 2]));
    assert_eq!(
        has_zero_gradients(&[ones(&device, [0, 3])], |t| t[0].sum(&[0])),
        Shape::from([1, 3])
    );
}

#[test]
fn element_wise_ops_on_nothing_are_nothing() {
    let device = device();
    let x = || vec![ones(&device, [0, 3])];
    let ops: [Function; 14] = [
        |t| t[0].relu(),
        |t| t[0].atan(),
        |t| t[0].tanh(),
        |t| t[0].log(),
        |t| t[0].exp(),
        |t| t[0].signed_log(),
        |t| t[0].scale(2.0),
        |t| t[0].softmax(),
        |t| t[0].log_softmax(),
        |t| t[0].permute(&[1, 0])?.permute(&[1, 0]),
        |t| t[0].reshape([3, 0])?.reshape([0, 3]),
        |t| {
            t[0].slice(&[0, 1], &[1, 1], Shape::from([0, 1]))?.embed(
                Shape::from([0, 3]),
                &[0, 1],
                &[1, 1],
            )
        },
        |t| Tensor::scaled_sum(&[(&t[0], 1.0), (&t[0], -0.5)]),
        |t| t[0].max(&[1])?.broadcast_to([0, 3]),
    ];
    for op in ops {
        assert_eq!(has_zero_gradients(&x(), op), Shape::from([0, 3]));
    }
    // What is stretched over nothing gets nothing.
    let pairs: [fn(&Tensor, &Tensor) -> Result<Tensor>; 4] =
        [Tensor::add, Tensor::sub, Tensor::mul, Tensor::div];
    for op in pairs {
        let inputs = [ones(&device, [0, 3]), ones(&device, [3])];
        assert_eq!(has_zero_gradients(&inputs, |t| op(&t[0], &t[1])), Shape::from([0, 3]));
        let inputs = [ones(&device, [1, 3]), ones(&device, [0, 1])];
        assert_eq!(has_zero_gradients(&inputs, |t| op(&t[0], &t[1])), Shape::from([0, 3]));
    }
}

#[test]
fn what_nothing_has_not_is_refused_in_words() {
    let device = device();
    let message = |result: Result<Tensor>| result.unwrap_err().to_string();
    let none = ones(&device, [0, 3]);
    assert_eq!(message(none.mean_all()), "mean: over nothing: the shape is [0, 3]");
    assert_eq!(message(none.max(&[0])), "max: over nothing: the shape is [0, 3]");
    let labels = Tensor::from_slice::<u32>(&device, [0], &[]).unwrap();
    assert_eq!(
        message(none.cross_entropy(&labels, 0.0)),
        "cross-entropy: a mean over nothing: logits are [0, 3]"
    );
    let no_classes = ones(&device, [1, 0]);
    let label = Tensor::from_slice(&device, [1], &[0u32]).unwrap();
    assert_eq!(
        message(no_classes.cross_entropy(&label, 0.0)),
        "cross-entropy: a mean over nothing: logits are [1, 0]"
    );
    let (weight, bias) = (ones(&device, [3]), ones(&device, [3]));
    for batch in [0, 1] {
        let x = ones(&device, [batch, 1, 1, 3]);
        let error = x.batch_norm(&weight, &bias, 1e-5).map(|_| ()).unwrap_err().to_string();
        assert_eq!(
            error,
            format!(
                "batch norm: training needs at least 2 values per channel, got {batch}; use a larger \
                 batch or the running statistics"
            )
        );
    }
    let no_pixels = ones(&device, [2, 0, 0, 3]);
    assert_eq!(
        message(no_pixels.global_avg_pool()),
        "mean: over nothing: the shape is [2, 0, 0, 3]"
    );
    let error = none.item().unwrap_err().to_string();
    assert_eq!(error, "item: needs exactly one element; the shape is [0, 3]");
    assert!(none.backward().is_err(), "a gradient is of one number");
}
