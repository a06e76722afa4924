//! Steps that meet a number that is not finite: what they say, and what they leave as it was.

use std::sync::Arc;

use lowland_core::{Clock, DType};
use lowland_cpu::Cpu;
use lowland_lab::{Fault, Groups, Images, Scored, Trainer};
use lowland_models::ModelConfig;
use lowland_optim::Recipe;
use lowland_optim::deformation::DeformationConfig;
use lowland_tensor::Device;

const BATCH: usize = 8;
const PIXELS: usize = 8 * 8;

/// A small network under an optimizer with state.
fn trainer(recipe: &str) -> Trainer {
    let device: Device = Arc::new(Cpu::new(1));
    let config = ModelConfig::named("resnet-tiny");
    let model = config.build([8, 8, 1], 10, &device, DType::F32, 5).unwrap();
    let recipe: Recipe = toml::from_str(recipe).unwrap();
    Trainer::new(model, Groups::One(recipe.update().unwrap()), 0.0).unwrap()
}

const MOMENTUM: &str = "learning_rate = 0.1\nsgd = { momentum = 0.9 }";

/// Images of numbers between -1 and 1, times `scale`, one of which is replaced.
fn pixels(scale: f32, replaced: Option<f32>) -> Vec<f32> {
    let mut pixels: Vec<f32> =
        (0..BATCH * PIXELS).map(|i| scale * (i as f32 * 0.37).sin()).collect();
    if let Some(value) = replaced {
        pixels[PIXELS + 9] = value;
    }
    pixels
}

/// A step on such images.
fn step(trainer: &mut Trainer, pixels: &[f32], lr: f64) -> Scored {
    let labels: Vec<u32> = (0..BATCH as u32).collect();
    let batch = Images { shape: [BATCH, 8, 8, 1], pixels, labels: &labels };
    trainer.step(&batch, &Clock::at_step(1, lr)).unwrap()
}

/// The bits of parameters, optimizer state and running statistics.
fn bits(trainer: &Trainer) -> [Vec<u32>; 3] {
    let store = &trainer.model().store;
    let arena = |buffer| {
        let numbers = store.device().to_vec::<f32>(buffer).unwrap();
        numbers.into_iter().map(f32::to_bits).collect()
    };
    let state = trainer.optimizer().state_dict::<f32>().unwrap();
    let state = state.params.values().flat_map(|param| {
        let slots = param.slots.values().flatten().map(|number| number.to_bits());
        slots.chain([param.steps as u32]).collect::<Vec<_>>()
    });
    [arena(store.params()), state.collect(), arena(store.stats())]
}

#[test]
fn pixels_that_are_not_finite_change_neither_parameters_nor_optimizer() {
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut trainer = trainer(MOMENTUM);
        assert_eq!(step(&mut trainer, &pixels(1.0, None), 0.1).fault, None);
        let [params, state, _] = bits(&trainer);
        let scored = step(&mut trainer, &pixels(1.0, Some(bad)), 0.1);
        assert!(matches!(scored.fault, Some(Fault::Loss(loss)) if loss.is_nan()), "{scored:?}");
        let after = bits(&trainer);
        assert!(after[0] == params && after[1] == state, "{bad}");
    }
}

#[test]
fn a_running_statistic_that_overflows_is_not_overlooked() {
    // The variance of the first feature maps is beyond all floats, and normalises them to zeros: loss
    // and gradients are finite.
    let mut trainer = trainer(MOMENTUM);
    let [params, state, _] = bits(&trainer);
    let scored = step(&mut trainer, &pixels(1e25, None), 0.1);
    let Some(Fault::Statistic(found)) = &scored.fault else { panic!("{scored:?}") };
    assert!(scored.loss.is_finite());
    assert_eq!((&*found.name, found.value), ("stem_bn.running_var", f64::INFINITY));
    let after = bits(&trainer);
    assert!(after[0] == params && after[1] == state);
}

#[test]
fn a_gradient_that_overflows_is_named_with_its_place() {
    // The loss that is descended is 3e38 times the loss: its gradient is beyond all floats somewhere.
    let mut trainer = trainer("learning_rate = 0.1\nadam = {}");
    let deformation: DeformationConfig =
        toml::from_str("atan_power = { a = 0.0, b = 1.0, g = 1.0, z = 3e38 }").unwrap();
    // A coarse step makes for gradients above 1.
    assert_eq!(step(&mut trainer, &pixels(1.0, None), 1.0).fault, None);
    let [params, state, _] = bits(&trainer);
    trainer.deform(deformation.build(1.0, None).unwrap(), 1);
    let scored = step(&mut trainer, &pixels(1.0, None), 0.1);
    let Some(Fault::Gradient(found)) = &scored.fault else { panic!("{scored:?}") };
    assert!(scored.loss.is_finite());
    assert!(!found.value.is_finite());
    let store = &trainer.model().store;
    let entry = store.entries().iter().find(|entry| entry.name == found.name).unwrap();
    assert_eq!(found.index.len(), entry.shape.extents().len());
    let element =
        found.index.iter().zip(entry.shape.strides()).map(|(i, by)| i * by).sum::<usize>();
    let gradient = store.grad_of(&store.param(&found.name).unwrap()).unwrap();
    assert!(gradient[..element].iter().all(|number| number.is_finite()));
    assert_eq!(gradient[element].to_bits(), found.value.to_bits());
    let after = bits(&trainer);
    assert!(after[0] == params && after[1] == state);
}

#[test]
fn an_update_that_breaks_a_parameter_is_told_after_the_step() {
    let mut trainer = trainer("learning_rate = 0.1\nsgd = { weight_decay = 1000 }");
    let scored = step(&mut trainer, &pixels(1.0, None), 3e38);
    let Some(Fault::Parameter(found)) = &scored.fault else { panic!("{scored:?}") };
    assert!(scored.loss.is_finite());
    assert_eq!((&*found.name, &found.index[..]), ("stem.weight", &[0, 0, 0, 0][..]));
}

#[test]
fn finite_numbers_whose_sum_overflows_are_no_fault() {
    // Parameters of up to 3e38, far more than a few of which no float holds the sum.
    let mut trainer = trainer("learning_rate = 0.1\nsgd = { weight_decay = 1 }");
    let scored = step(&mut trainer, &pixels(1.0, None), 2e38);
    assert_eq!(scored.fault, None);
    let sum: f64 = {
        let store = &trainer.model().store;
        let numbers = store.device().to_vec::<f32>(store.params()).unwrap();
        assert!(numbers.iter().all(|number| number.is_finite()));
        numbers.into_iter().map(f64::from).sum()
    };
    assert!(sum.abs() > f64::from(f32::MAX), "{sum}");
}

#[test]
fn a_step_that_was_not_made_leaves_every_bit_as_if_it_had_not_been_tried() {
    for recipe in [MOMENTUM, "learning_rate = 0.01\nmiadam = {}", "learning_rate = 0.01\nadai = {}"]
    {
        let [mut trained, mut other] =
            [(), ()].map(|()| trainer(recipe).with_kept_statistics().unwrap());
        let good = [pixels(1.0, None), pixels(0.5, None), pixels(2.0, None)];
        let bad = [pixels(1.0, Some(f32::NAN)), pixels(1e25, None), pixels(1e38, None)];
        for (good, bad) in good.iter().zip(bad) {
            assert_eq!(step(&mut trained, good, 0.01).fault, None);
            let before = bits(&trained);
            assert!(step(&mut trained, &bad, 0.01).fault.is_some());
            assert!(bits(&trained) == before, "{recipe}");
            assert_eq!(step(&mut other, good, 0.01).fault, None);
        }
        assert!(bits(&trained) == bits(&other), "{recipe}");
    }
}

#[test]
fn a_second_moment_that_overflows_does_not_freeze_a_parameter_in_silence() {
    // Gradients of some 1e22 are finite, and their squares are not: Adam would divide by infinity.
    let mut trainer = trainer("learning_rate = 0.1\nadam = {}");
    let deformation: DeformationConfig =
        toml::from_str("atan_power = { a = 0.0, b = 1.0, g = 1.0, z = 1e24 }").unwrap();
    trainer.deform(deformation.build(1.0, None).unwrap(), 1);
    let scored = step(&mut trainer, &pixels(1.0, None), 0.1);
    let Some(Fault::State { slot, found }) = &scored.fault else { panic!("{scored:?}") };
    assert!(scored.loss.is_finite());
    assert_eq!(found.value, f64::INFINITY);
    let state = trainer.optimizer().state_dict::<f32>().unwrap();
    let values = &state.params[&*found.name].slots[slot];
    assert!(values.iter().any(|value| value.is_infinite()));
}
