//! Layers against the ops they are made of, and the sizes they refuse.

mod common;

use lowland_core::{DType, Shape};
use lowland_models::layers::{BatchNorm2d, Conv2d, Conv2dSpec, Linear};
use lowland_models::{CrossEntropy, Module, Pass, Role, StoreBuilder};
use lowland_tensor::Tensor;

#[test]
fn a_convolution_declares_and_uses_what_its_spec_says() {
    let device = common::device();
    let mut builder = StoreBuilder::new();
    let spec =
        Conv2dSpec { stride: [2, 1], padding: [1, 0], groups: 2, ..Conv2dSpec::new(4, 6, 3) };
    let conv = Conv2d::new(builder.root().scope("stem"), &spec).unwrap();
    let store = builder.build(&device, DType::F64, 1).unwrap();
    let described: Vec<_> =
        store.entries().iter().map(|e| (e.name.to_string(), e.role, e.shape)).collect();
    let weight = ("stem.weight".to_owned(), Role::ConvWeight, Shape::from([6, 2, 3, 3]));
    assert_eq!(described, [weight, ("stem.bias".to_owned(), Role::Bias, Shape::from([6]))]);

    let x = common::tensor(&device, [2, 5, 7, 4], DType::F64, 3);
    let pass = Pass::eval(&store);
    let y = conv.forward(&x, &pass).unwrap();
    assert_eq!(y.shape(), Shape::from([2, 3, 5, 6]));
    let parameter = |name| pass.param(&store.param(name).unwrap()).unwrap();
    let plain = x.conv2d(&parameter("stem.weight"), [2, 1], [1, 0], 2).unwrap();
    let bias = parameter("stem.bias").to_vec::<f64>().unwrap();
    let expected: Vec<f64> = plain.to_vec::<f64>().unwrap();
    let expected: Vec<f64> = expected.iter().enumerate().map(|(i, y)| y + bias[i % 6]).collect();
    assert_eq!(y.to_vec::<f64>().unwrap(), expected);
}

#[test]
fn a_linear_layer_is_x_wt_plus_b() {
    let device = common::device();
    let mut builder = StoreBuilder::new();
    let linear = Linear::new(builder.root().scope("fc"), 3, 2).unwrap();
    let store = builder.build(&device, DType::F64, 1).unwrap();
    let x = Tensor::from_slice(&device, [1, 3], &[1.0, -2.0, 0.5]).unwrap();
    let y = linear.forward(&x, &Pass::eval(&store)).unwrap().to_vec::<f64>().unwrap();
    let w = store.value_of(&store.param("fc.weight").unwrap()).unwrap();
    let b = store.value_of(&store.param("fc.bias").unwrap()).unwrap();
    for o in 0..2 {
        let expected = w[3 * o] - 2.0 * w[3 * o + 1] + 0.5 * w[3 * o + 2] + b[o];
        assert!((y[o] - expected).abs() < 1e-14, "{} is not {expected}", y[o]);
    }
}

#[test]
fn label_smoothing_spreads_the_target() {
    let device = common::device();
    let logits = Tensor::from_slice(&device, [1, 3], &[1.0, 2.0, 4.0]).unwrap();
    let labels = Tensor::from_slice(&device, [1], &[2u32]).unwrap();
    let total = 1f64.exp() + 2f64.exp() + 4f64.exp();
    let nll = [1.0, 2.0, 4.0].map(|logit| total.ln() - logit);
    for label_smoothing in [0.0, 0.3] {
        let loss = CrossEntropy { label_smoothing }.forward(&logits, &labels).unwrap();
        let mean = nll.iter().sum::<f64>() / 3.0;
        let expected = (1.0 - label_smoothing) * nll[2] + label_smoothing * mean;
        assert!((loss.item().unwrap() - expected).abs() < 1e-14);
    }
}

#[test]
fn impossible_sizes_are_refused() {
    let mut builder = StoreBuilder::new();
    let mut error = |spec: Conv2dSpec| Conv2d::new(builder.root(), &spec).unwrap_err().to_string();
    let at_least_1 = "conv2d: channels, groups, kernel and stride must be at least 1";
    assert_eq!(error(Conv2dSpec::new(0, 1, 3)), at_least_1);
    assert_eq!(error(Conv2dSpec { stride: [1, 0], ..Conv2dSpec::new(1, 1, 3) }), at_least_1);
    let groups = error(Conv2dSpec { groups: 2, ..Conv2dSpec::new(4, 3, 3) });
    assert_eq!(groups, "conv2d: 2 groups must divide 4 input and 3 output channels");
    assert!(Linear::new(builder.root(), 0, 2).is_err());
    assert!(BatchNorm2d::new(builder.root(), 0).is_err());
    assert_eq!(builder.count(), 0);
}
