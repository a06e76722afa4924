//! Parameters without elements and of one, on slices and in arenas; runs of one epoch.

use std::sync::Arc;

use lowland_core::{Backend, Buffer, Clock, DType};
use lowland_cpu::Cpu;
use lowland_optim::{
    ArenaOptimizer, ArenaParam, Boundary, Constant, Cosine, GroupSpec, MultiStep, OneCycle,
    Optimizer, Recipe, Schedule,
};

const METHODS: [&str; 11] = [
    "sgd",
    "adam",
    "adamw",
    "miadam",
    "rmsprop",
    "nadam",
    "radam",
    "adabelief",
    "adabound",
    "adai",
    "swats",
];

/// Every method, alone and with every link around it.
fn recipes() -> Vec<Recipe> {
    let around = "clip = { value = 2.0 }\nchannel_directed = { metric = \"h1\", lambda = 2.0 }\n\
                  activation = { adaptive_atan = { shrink = 2.0, gamma = 1.1 } }\n";
    let read = |method: &&str| {
        ["", around].map(|links| format!("learning_rate = 0.1\n{links}[{method}]\n"))
    };
    let texts = METHODS.iter().flat_map(read);
    texts.map(|text| toml::from_str(&text).unwrap_or_else(|e| panic!("{text}: {e}"))).collect()
}

/// A filter, a single weight and two tensors without elements.
const SHAPES: [(&str, [usize; 4]); 4] =
    [("none", [0, 3, 3, 3]), ("conv", [2, 1, 1, 2]), ("one", [1, 1, 1, 1]), ("thin", [4, 0, 1, 1])];

fn len(shape: [usize; 4]) -> usize {
    shape.iter().product()
}

#[test]
fn empty_parameters_step_with_the_others_on_slices() {
    for recipe in recipes() {
        let mut optimizer = Optimizer::new(recipe.update().unwrap()).with_clip_norm(1.0).unwrap();
        for (name, shape) in SHAPES {
            optimizer = optimizer.with_shape(name, shape);
        }
        let mut values = SHAPES.map(|(_, shape)| vec![0.5f64; len(shape)]);
        let grads = SHAPES.map(|(_, shape)| vec![0.25f64; len(shape)]);
        for step in 1..=3 {
            let params = SHAPES.iter().zip(&mut values).zip(&grads);
            let mut params: Vec<(&str, &mut [f64], &[f64])> =
                params.map(|((&(name, _), v), g)| (name, &mut v[..], &g[..])).collect();
            optimizer.step(&Clock::at_step(step, 0.1), &mut params).unwrap();
        }
        assert!(values.iter().flatten().all(|v| v.is_finite() && *v < 0.5), "{recipe:?}");
        let state = optimizer.state();
        assert_eq!(state.params["none"].steps, 3);
        assert!(state.params["none"].slots.values().all(Vec::is_empty));
        optimizer.load_state(state).unwrap();
        // A step of nothing at all is one.
        optimizer.step(&Clock::at_step(4, 0.1), &mut []).unwrap();
    }
}

#[test]
fn empty_parameters_step_with_the_others_in_arenas() {
    let backend: Arc<dyn Backend> = Arc::new(Cpu::new(2));
    for recipe in recipes() {
        let mut offset = 0;
        let params: Vec<ArenaParam> = SHAPES
            .iter()
            .map(|&(name, shape)| {
                let param = ArenaParam { name: name.into(), offset, shape: shape.into() };
                offset += Buffer::aligned_len(len(shape), DType::F32);
                param
            })
            .collect();
        let group = GroupSpec::all("default", recipe.update().unwrap());
        let optimizer =
            ArenaOptimizer::new(backend.clone(), DType::F32, offset, params, vec![group]);
        let mut optimizer = optimizer.unwrap().with_clip_norm(1.0).unwrap();
        let values = backend.filled(offset, DType::F32, 0.5).unwrap();
        let grads = backend.filled(offset, DType::F32, 0.25).unwrap();
        for step in 1..=3 {
            optimizer.step(&Clock::at_step(step, 0.1), &values, &grads).unwrap();
        }
        let values = backend.to_vec::<f32>(&values).unwrap();
        // The filter is at the beginning, the single weight 256 bytes behind it.
        for i in [0, 1, 2, 3, 64] {
            assert!(values[i].is_finite() && values[i] < 0.5, "{recipe:?}");
        }
        assert!(values.iter().enumerate().all(|(i, &v)| i < 4 || i == 64 || v == 0.5));
        let state = optimizer.state_dict::<f32>().unwrap();
        assert!(state.params["thin"].slots.values().all(Vec::is_empty));
        optimizer.load_state_dict(&state).unwrap();
    }
}

#[test]
fn an_arena_of_no_parameters_steps() {
    let backend: Arc<dyn Backend> = Arc::new(Cpu::new(1));
    for recipe in recipes() {
        for arena_len in [0, 5] {
            let group = GroupSpec::all("default", recipe.update().unwrap());
            let (backend, groups) = (backend.clone(), vec![group]);
            let optimizer =
                ArenaOptimizer::new(backend.clone(), DType::F64, arena_len, vec![], groups);
            let mut optimizer = optimizer.unwrap().with_clip_norm(1.0).unwrap();
            let values = backend.filled(arena_len, DType::F64, 0.5).unwrap();
            let grads = backend.filled(arena_len, DType::F64, 0.25).unwrap();
            optimizer.step(&Clock::at_step(1, 0.1), &values, &grads).unwrap();
            assert!(backend.to_vec::<f64>(&values).unwrap().iter().all(|&v| v == 0.5));
            assert_eq!(optimizer.grad_norm::<f64>().unwrap(), Some(0.0));
            let state = optimizer.state_dict::<f64>().unwrap();
            assert!(state.params.is_empty());
            optimizer.load_state_dict(&state).unwrap();
        }
    }
}

#[test]
fn a_run_of_one_epoch_and_of_one_step_has_learning_rates() {
    let warmup = Some(Boundary::Fraction(0.5));
    let milestones = vec![Boundary::Fraction(1.0)];
    let schedules = [
        Schedule::Constant(Constant { warmup }),
        Schedule::MultiStep(MultiStep { milestones, gamma: 0.1, warmup }),
        Schedule::Cosine(Cosine { final_lr_factor: 0.0, warmup }),
        Schedule::OneCycle(OneCycle::default()),
        Schedule::OneCycle(OneCycle { three_phase: true, ..OneCycle::default() }),
    ];
    for schedule in schedules {
        for epochs in [1.0, 1.0 / 391.0] {
            schedule.validate(epochs).unwrap();
            let lr = |at: f64| schedule.lr(0.1, at * epochs, epochs);
            for at in [0.0, 0.25, 0.5, 0.75, 1.0] {
                assert!((0.0..=0.1).contains(&lr(at)), "{schedule:?} at {at}: {}", lr(at));
            }
            assert!(lr(0.5) > lr(0.0), "{schedule:?}");
        }
        let error = schedule.validate(0.0).unwrap_err().to_string();
        assert_eq!(error, "the number of epochs must be above 0 and finite; got 0.0");
    }
}
