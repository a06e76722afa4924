//! Stages that are told sums over all parameters: on arenas as on slices, bit for bit.

mod host;

use std::sync::Arc;

use host::Host;
use lowland_core::{Backend, Clock, DType, Shape};
use lowland_cpu::Cpu;
use lowland_optim::{
    Adai, ArenaOptimizer, ArenaParam, GroupSpec, Optimizer, OptimizerState, Recipe,
};

/// Long enough for several pieces, in an arena with gaps and in no order.
fn table() -> Vec<ArenaParam> {
    let param = |name: &str, offset, shape: &[usize]| {
        let shape = Shape::new(shape);
        ArenaParam { name: name.into(), offset, shape }
    };
    vec![
        param("linear", 256, &[40, 1000]),
        param("conv", 40_300, &[6, 3, 3, 3]),
        param("bias", 0, &[6]),
        param("one", 6, &[5]),
    ]
}

const ARENA_LEN: usize = 40_500;

fn arena(seed: f32) -> Vec<f32> {
    let inside =
        |i: usize| table().iter().any(|p| (p.offset..p.offset + p.shape.len()).contains(&i));
    let value = |i: usize| (seed + i as f32 * 0.37).sin() + 0.2;
    (0..ARENA_LEN).map(|i| if inside(i) { value(i) } else { f32::NAN }).collect()
}

fn recipe(text: &str) -> Recipe {
    toml::from_str(&format!("learning_rate = 0.05\n{text}")).unwrap()
}

/// Both methods with everything around them, and without.
fn recipes() -> [Recipe; 4] {
    let around = "clip = { norm = 30.0 }\nchannel_directed = { metric = \"h1\", lambda = 0.5 }\n";
    let activation = "activation = { atan = {}, placement = \"direction\" }\n";
    [
        recipe("[adai]\nweight_decay = 0.01"),
        recipe("[swats]\ntolerance = 1e-3"),
        recipe(&format!("{around}{activation}[adai]\nbetas = [0.3, 0.9]")),
        recipe(&format!("{around}{activation}[swats]\ntolerance = 1.0\nweight_decay = 0.01")),
    ]
}

fn groups(recipe: &Recipe) -> Vec<GroupSpec> {
    let of_weights = |name: &str| name != "bias" && name != "one";
    let others = recipe.clone().without_weight_decay().update().unwrap();
    vec![
        GroupSpec::matching("weights", of_weights, recipe.update().unwrap()).with_lr_factor(0.5),
        GroupSpec::all("others", others),
    ]
}

fn on_slices(recipe: &Recipe, steps: u64) -> (Vec<f32>, OptimizerState<f32>) {
    let mut optimizer = Optimizer::from_groups(groups(recipe)).unwrap();
    for param in table() {
        optimizer = optimizer.with_shape(param.name, param.shape);
    }
    if let Some(clip) = recipe.clip_norm() {
        optimizer = optimizer.with_clip_norm(clip).unwrap();
    }
    let range = |p: &ArenaParam| p.offset..p.offset + p.shape.len();
    let mut values = arena(0.0);
    for t in 1..=steps {
        let grads = arena(t as f32);
        let mut pieces: Vec<(ArenaParam, Vec<f32>)> =
            table().into_iter().map(|p| (p.clone(), values[range(&p)].to_vec())).collect();
        let mut rows: Vec<(&str, &mut [f32], &[f32])> = Vec::new();
        for (p, piece) in &mut pieces {
            rows.push((&p.name, piece, &grads[range(p)]));
        }
        optimizer.step(&Clock::at_step(t, 0.05), &mut rows).unwrap();
        pieces.into_iter().for_each(|(p, piece)| values[range(&p)].copy_from_slice(&piece));
    }
    (values, optimizer.state())
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|x| x.to_bits()).collect()
}

#[test]
fn arenas_and_slices_agree_bit_for_bit_with_any_number_of_threads() {
    for recipe in recipes() {
        let (values, state) = on_slices(&recipe, 6);
        for threads in [1, 2, 5] {
            let backend: Arc<dyn Backend> = Arc::new(Cpu::new(threads));
            let build = || {
                let (backend, groups) = (Arc::clone(&backend), groups(&recipe));
                let built =
                    ArenaOptimizer::new(backend, DType::F32, ARENA_LEN, table(), groups).unwrap();
                match recipe.clip_norm() {
                    Some(clip) => built.with_clip_norm(clip).unwrap(),
                    None => built,
                }
            };
            let params = backend.buffer_from(&arena(0.0)).unwrap();
            let mut optimizer = build();
            for t in 1..=6 {
                if t == 4 {
                    // Saved and restored on the way.
                    let saved = serde_json::to_string(&optimizer.state_dict::<f32>().unwrap());
                    optimizer = build();
                    let state = serde_json::from_str(&saved.unwrap()).unwrap();
                    optimizer.load_state_dict::<f32>(&state).unwrap();
                }
                let grads = backend.buffer_from(&arena(t as f32)).unwrap();
                optimizer.step(&Clock::at_step(t, 0.05), &params, &grads).unwrap();
            }
            assert_eq!(bits(&backend.to_vec(&params).unwrap()), bits(&values), "{recipe:?}");
            assert_eq!(optimizer.state_dict::<f32>().unwrap(), state);
            if recipe.swats.is_some_and(|swats| swats.tolerance == 1.0) {
                assert!(state.together["swats.sgd_lr"] > 0.0);
            }
        }
    }
}

#[test]
fn neighbouring_stages_are_one_pass_and_the_switch_is_remembered() {
    let names = |recipe: &Recipe| {
        let explained = recipe.update().unwrap().explain().to_string();
        (explained.matches("a pass, ").count(), explained.matches("over all parameters").count())
    };
    let [adai, swats, ..] = recipes();
    // The coupled decay changes what is measured, and is a pass of its own.
    assert_eq!((names(&adai), names(&swats)), ((2, 1), (1, 1)));

    let backend: Arc<dyn Backend> = Arc::new(Cpu::new(2));
    let group = |tolerance| {
        let recipe = recipe(&format!("[swats]\ntolerance = {tolerance}"));
        vec![GroupSpec::all("all", recipe.update().unwrap())]
    };
    let build = |groups| {
        ArenaOptimizer::new(Arc::clone(&backend), DType::F32, ARENA_LEN, table(), groups).unwrap()
    };
    let mut optimizer = build(group("1e9"));
    let params = backend.buffer_from(&arena(0.0)).unwrap();
    for t in 1..=5 {
        let grads = backend.buffer_from(&arena(t as f32)).unwrap();
        optimizer.step(&Clock::at_step(t, 0.05), &params, &grads).unwrap();
    }
    let memory = optimizer.state_dict::<f32>().unwrap().together;
    assert_eq!(memory["swats.steps"], 2.0);
    // A memory that does not fit is refused before anything has changed.
    let mut state = optimizer.state_dict::<f32>().unwrap();
    state.together.remove("swats.steps");
    let error = optimizer.load_state_dict(&state).unwrap_err().to_string();
    assert!(error.ends_with(": 1 missing of all parameters together (`swats.steps`)"), "{error}");
    assert_eq!(optimizer.state_dict::<f32>().unwrap().together, memory);
}

#[test]
fn a_backend_that_cannot_measure_is_named() {
    let host: Arc<dyn Backend> = Arc::new(Host::default());
    let groups = vec![GroupSpec::all("all", Adai::default().update().unwrap())];
    let error = ArenaOptimizer::new(host, DType::F32, ARENA_LEN, table(), groups).unwrap_err();
    assert_eq!(error.to_string(), "the host backend cannot run measure of `adai` on f32");
}
