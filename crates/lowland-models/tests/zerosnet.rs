//! ZeroSNets against what they are said to be, written out.

mod common;

use lowland_core::DType;
use lowland_models::zoo::Variant;
use lowland_models::{Model, ModelConfig, ParamStore, Pass};
use lowland_tensor::Tensor;

fn zerosnet() -> ModelConfig {
    ModelConfig {
        blocks: Some(vec![3, 2, 2]),
        widths: Some(vec![3, 4, 6]),
        ..ModelConfig::named("zerosnet20")
    }
}

fn build(config: ModelConfig) -> Model {
    common::narrow(&common::device(), DType::F64, config)
}

fn param(pass: &Pass<'_>, name: &str) -> Option<Tensor> {
    let param = pass.store().param(name)?;
    Some(pass.param(&param).unwrap())
}

/// A convolution whose weight has this name.
fn conv(pass: &Pass<'_>, name: &str, x: &Tensor, stride: usize) -> Tensor {
    let weight = param(pass, &format!("{name}.weight")).unwrap();
    let padding = weight.shape()[2] / 2;
    x.conv2d(&weight, [stride; 2], [padding; 2], 1).unwrap()
}

/// `relu(bn(x))` by the batch.
fn activated(pass: &Pass<'_>, name: &str, x: &Tensor) -> Tensor {
    let part = |part: &str| param(pass, &format!("{name}.{part}")).unwrap();
    x.batch_norm(&part("weight"), &part("bias"), 1e-5).unwrap().y.relu().unwrap()
}

/// The residual network `h + F(h)` with the parameters of a ZeroSNet, block by block.
fn one_step_logits(pass: &Pass<'_>, blocks: usize, images: &Tensor) -> Tensor {
    let mut h = conv(pass, "stem", images, 1);
    for i in 0..blocks {
        let name = |part: &str| format!("blocks.{i}.{part}");
        let projected = pass.store().param(&name("short_conv.weight")).is_some();
        let stride = if projected { 2 } else { 1 };
        let mut f = conv(pass, &name("conv1"), &activated(pass, &name("bn1"), &h), stride);
        f = conv(pass, &name("conv2"), &activated(pass, &name("bn2"), &f), 1);
        if projected {
            h = conv(pass, &name("short_conv"), &h, 2);
        }
        h = h.add(&f).unwrap();
    }
    let h = activated(pass, "final_bn", &h).global_avg_pool().unwrap();
    h.linear(&param(pass, "fc.weight").unwrap(), param(pass, "fc.bias").as_ref()).unwrap()
}

fn gradients(store: &ParamStore) -> Vec<(String, Vec<f64>)> {
    let entries = store.entries().iter();
    entries
        .map(|entry| {
            let param = store.param(&entry.name).unwrap();
            (entry.name.to_string(), store.grad_of(&param).unwrap())
        })
        .collect()
}

#[track_caller]
fn assert_near(what: &str, got: &[f64], want: &[f64]) {
    assert_eq!(got.len(), want.len(), "{what}");
    let off = got.iter().zip(want).map(|(g, w)| (g - w).abs()).fold(0.0, f64::max);
    let largest = want.iter().fold(1e-3, |m: f64, w| m.max(w.abs()));
    assert!(off <= 1e-12 * largest, "{what}: off by {off:e}");
}

#[test]
fn with_one_step_it_is_a_residual_network_written_out() {
    let model = build(ModelConfig { coefficients: Some(vec![1.0, 0.0, 0.0, 1.0]), ..zerosnet() });
    let (images, labels) = common::batch(model.store.device(), DType::F64, 4);
    let pass = Pass::train(&model.store).frozen_stats();
    let results = [false, true].map(|written_out| {
        model.store.zero_grad().unwrap();
        let logits = match written_out {
            true => one_step_logits(&pass, 7, &images),
            false => model.module.forward(&images, &pass).unwrap(),
        };
        logits.cross_entropy(&labels, 0.0).unwrap().backward().unwrap();
        (logits.to_vec::<f64>().unwrap(), gradients(&model.store))
    });
    let [(logits, grads), (expected, expected_grads)] = results;
    assert_near("logits", &logits, &expected);
    for ((name, got), (_, want)) in grads.iter().zip(&expected_grads) {
        assert_near(name, got, want);
    }
    let projections = grads.iter().filter(|(name, _)| name.contains("short_conv_")).count();
    assert_eq!(projections, 4);
}

#[test]
fn a_trainable_c_starts_as_the_scheme_that_is_fixed() {
    for c in [-1.8, 1.0, 0.4] {
        let logits = [Variant::Opt, Variant::Tra].map(|variant| {
            let config = ModelConfig { variant: Some(variant), c: Some(c), ..zerosnet() };
            let model = build(config);
            let (images, _) = common::batch(model.store.device(), DType::F64, 4);
            model.train(&images).unwrap().to_vec::<f64>().unwrap()
        });
        assert_near(&format!("c = {c}"), &logits[1], &logits[0]);
    }
}

#[test]
fn schemes_follow_what_is_trained() {
    let model = build(ModelConfig { variant: Some(Variant::Tra), ..zerosnet() });
    let (images, labels) = common::batch(model.store.device(), DType::F64, 4);
    common::backward(&model, &Pass::train(&model.store), &images, &labels);
    common::descend(&model.store, 0.5);
    let schemes = model.schemes().unwrap();
    let blocks: Vec<usize> = schemes.iter().map(|block| block.block).collect();
    assert_eq!(blocks, [2, 3, 4, 5, 6]);
    for block in schemes {
        let c = block.trained.unwrap();
        let name = format!("blocks.{}.c", block.block);
        let stored = model.store.value_of(&model.store.param(&name).unwrap()).unwrap();
        assert!(stored == [c] && c != 1.0 && (c - 1.0).abs() < 0.5, "{c}");
        assert!((block.scheme.a()[1] + 1.0 / c).abs() < 1e-15);
    }

    let fixed = build(zerosnet()).schemes().unwrap();
    assert!(fixed.len() == 5 && fixed.iter().all(|block| block.trained.is_none()));
    let lm = ModelConfig { widths: Some(vec![3, 4, 6]), ..ModelConfig::named("lm-resnet20") };
    let lm = build(lm).schemes().unwrap();
    let blocks: Vec<usize> = lm.iter().map(|block| block.block).collect();
    assert_eq!(blocks, [1, 2, 4, 5, 7, 8]);
    assert!(lm.iter().all(|block| (-0.1..0.0).contains(&block.trained.unwrap())));
    assert!(build(ModelConfig::named("resnet20")).schemes().unwrap().is_empty());
}

#[test]
fn unstable_coefficients_are_noted() {
    let notes = |config: ModelConfig| config.spec().unwrap().notes();
    assert!(notes(zerosnet()).is_empty() && notes(ModelConfig::named("resnet20")).is_empty());
    let coefficients = Some(vec![1.0; 4]);
    let unstable = notes(ModelConfig { coefficients, ..zerosnet() });
    assert_eq!(
        unstable,
        [
            "the scheme of the blocks is unstable, largest root 1.839, inconsistent: disturbances grow \
          from block to block; c <= -1 and c > 1/3 are zero-stable"
        ]
    );
    let tra = ModelConfig { variant: Some(Variant::Tra), c: Some(0.2), ..zerosnet() };
    assert!(
        notes(tra)[0].starts_with("the scheme that all blocks start from is unstable, largest")
    );
    let coefficients = Some(vec![0.5, 0.0, 0.0, 1.0]);
    let shrinking = notes(ModelConfig { coefficients, ..zerosnet() });
    assert!(
        shrinking[0].contains("zero-stable, largest root 0.500, inconsistent"),
        "{shrinking:?}"
    );
}
