//! Networks on no image, on one, and on labels that are no class.

mod common;

use lowland_core::DType;
use lowland_models::zoo::ENTRIES;
use lowland_models::{CrossEntropy, Model, ModelConfig, Pass};
use lowland_tensor::{Device, Error, Tensor};

/// A network of each form, as narrow and shallow as can be.
fn networks(device: &Device) -> impl Iterator<Item = Model> + '_ {
    ENTRIES.iter().filter(|entry| entry.name != "resnet-tiny").map(|entry| {
        let config = ModelConfig {
            widths: Some(vec![2; entry.widths.len()]),
            // The blocks of a ZeroSNet have a history.
            blocks: Some(vec![2; entry.blocks.len()]),
            ..ModelConfig::named(entry.name)
        };
        common::narrow(device, DType::F64, config)
    })
}

fn logits(model: &Model, images: &Tensor) -> Vec<f64> {
    model.eval(images).unwrap().to_vec().unwrap()
}

#[test]
fn an_evaluation_of_no_image_is_none_and_one_is_that_of_its_batch() {
    let device = common::device();
    let (three, _) = common::batch(&device, DType::F64, 3);
    let (none, _) = common::batch(&device, DType::F64, 0);
    let pixels: Vec<f64> = three.to_vec().unwrap();
    let first = Tensor::from_slice(&device, [1, 8, 8, 1], &pixels[..64]).unwrap();
    let mut networks = networks(&device);
    assert!(networks.by_ref().count() > 10);
    for model in self::networks(&device) {
        let empty = model.eval(&none).unwrap();
        assert_eq!(empty.shape().extents(), [0, 3]);
        let (all, alone) = (logits(&model, &three), logits(&model, &first));
        for (a, b) in all.iter().zip(&alone) {
            assert!((a - b).abs() <= 1e-12 * a.abs().max(1.0), "{a} {b}");
        }
    }
}

#[test]
fn training_on_no_image_is_refused_and_changes_no_statistics() {
    let device = common::device();
    let (none, _) = common::batch(&device, DType::F64, 0);
    for model in networks(&device) {
        let before = model.store.state_dict().unwrap();
        let error = model.train(&none).map(|_| ()).unwrap_err().to_string();
        let words = error.contains("at least 2 values per channel, got 0");
        assert!(words || error.contains("mean over nothing"), "{error}");
        assert_eq!(model.store.state_dict().unwrap(), before);
    }
}

/// One image has many values a channel where it has many pixels, and one where it has one.
#[test]
fn one_image_trains_where_it_has_pixels_enough() {
    let device = common::device();
    let (one, label) = common::batch(&device, DType::F64, 1);
    let tiny = |size: usize| {
        ModelConfig::named("resnet-tiny").build([size, size, 1], 3, &device, DType::F64, 5).unwrap()
    };
    let model = tiny(8);
    let loss = common::backward(&model, &Pass::train(&model.store), &one, &label);
    let grads: Vec<f64> = device.to_vec(model.store.grads()).unwrap();
    assert!(loss.is_finite() && grads.iter().all(|g| g.is_finite()));
    assert!(grads.iter().any(|&g| g != 0.0));
    // A pixel is left in the second stage.
    let model = tiny(2);
    let pixels = common::tensor(&device, [1, 2, 2, 1], DType::F64, 1);
    let error = model.train(&pixels).map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("at least 2 values per channel, got 1"), "{error}");
    assert_eq!(model.eval(&pixels).unwrap().shape().extents(), [1, 3]);
}

#[test]
fn a_loss_of_no_label_and_of_wrong_ones_is_refused() {
    let device = common::device();
    let model = common::narrow(&device, DType::F32, ModelConfig::named("resnet-tiny"));
    let loss = CrossEntropy { label_smoothing: 0.1 };
    let (none, no_labels) = common::batch(&device, DType::F32, 0);
    let error = loss.forward(&model.eval(&none).unwrap(), &no_labels).unwrap_err().to_string();
    assert_eq!(error, "cross-entropy: a mean over nothing: logits are [0, 3]");
    let (two, _) = common::batch(&device, DType::F32, 2);
    let logits = model.eval(&two).unwrap();
    for wrong in [3, 4, u32::MAX] {
        let labels = Tensor::from_slice(&device, [2], &[2, wrong]).unwrap();
        match loss.forward(&logits, &labels) {
            Err(Error::Label { row: 1, label, classes: 3, .. }) => assert_eq!(label, wrong),
            other => panic!("label {wrong}: {:?}", other.map(|_| ())),
        }
    }
}
