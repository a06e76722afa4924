//! Transforms and clipping among the stages: the same on slices and on arenas, in any order.

mod host;

use std::sync::Arc;

use host::Host;
use lowland_core::{Backend, Buffer, Chain, Clock, DType, Error as CoreError, Shape, Transform};
use lowland_cpu::Cpu;
use lowland_optim::stages::{self, DecoupledWeightDecay, Momentum, WeightDecay};
use lowland_optim::transforms::channel_directed::{Axis, Ends, MeanSplitSobolev, ReweightedL2};
use lowland_optim::transforms::{AdaptiveAtan, ChannelDirected};
use lowland_optim::{
    Adam, ArenaOptimizer, ArenaParam, Error, GroupSpec, Optimizer, OptimizerState, Update,
};

const MOMENTUM: Momentum = Momentum { momentum: 0.9, dampening: 0.1, nesterov: true };
const ADAPTIVE: AdaptiveAtan = AdaptiveAtan { shrink: 1.5, gamma: 1.3 };

fn smooth() -> ChannelDirected<MeanSplitSobolev> {
    let metric = MeanSplitSobolev { lambda: 0.3, ends: Ends::Neumann };
    ChannelDirected { metric, axis: Axis::Output, linear: true }
}

/// A parameter of each rank, in an arena with gaps.
fn table() -> Vec<ArenaParam> {
    let param = |name: &str, offset, shape: &[usize]| {
        let shape = Shape::new(shape);
        ArenaParam { name: name.into(), offset, shape }
    };
    vec![
        param("conv", 64, &[6, 3, 3, 3]),
        param("bias", 0, &[6]),
        param("linear", 256, &[40, 500]),
        param("one", 20_300, &[1, 5, 1, 1]),
    ]
}

const ARENA_LEN: usize = 20_310;

/// Every kind of link, several times, in two groups.
fn groups() -> Vec<GroupSpec> {
    let adam = stages::Adam { betas: [0.8, 0.9], eps: 1e-8, ..Default::default() };
    let weights = Update::new()
        .transform(smooth())
        .then(WeightDecay { weight_decay: 0.01 })
        .then(MOMENTUM)
        .transform(ADAPTIVE)
        .transform(smooth())
        .then(adam)
        .then(MOMENTUM)
        .transform(ADAPTIVE);
    let others = Update::new()
        .then(MOMENTUM)
        .transform(ADAPTIVE)
        .then(DecoupledWeightDecay { weight_decay: 0.1 });
    let of_weights = |name: &str| name != "bias" && name != "one";
    vec![
        GroupSpec::matching("weights", of_weights, weights).with_lr_factor(0.5),
        GroupSpec::all("others", others),
    ]
}

fn arena(seed: f32) -> Vec<f32> {
    let inside =
        |i: usize| table().iter().any(|p| (p.offset..p.offset + p.shape.len()).contains(&i));
    (0..ARENA_LEN)
        .map(|i| if inside(i) { (seed + i as f32 * 0.37).sin() } else { f32::NAN })
        .collect()
}

fn on_slices(clip: Option<f64>, steps: u64) -> (Vec<f32>, OptimizerState<f32>) {
    let mut optimizer = Optimizer::from_groups(groups()).unwrap();
    for param in table() {
        optimizer = optimizer.with_shape(param.name, param.shape);
    }
    if let Some(clip) = clip {
        optimizer = optimizer.with_clip_norm(clip).unwrap();
    }
    let mut values = arena(0.0);
    for t in 1..=steps {
        let grads = arena(t as f32);
        let range = |p: &ArenaParam| p.offset..p.offset + p.shape.len();
        let mut pieces: Vec<(ArenaParam, Vec<f32>)> =
            table().into_iter().rev().map(|p| (p.clone(), values[range(&p)].to_vec())).collect();
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
fn arenas_and_slices_agree_bit_for_bit() {
    for clip in [None, Some(3.0), Some(1e6)] {
        let (values, state) = on_slices(clip, 6);
        for threads in [1, 2, 5] {
            let backend: Arc<dyn Backend> = Arc::new(Cpu::new(threads));
            let params = backend.buffer_from(&arena(0.0)).unwrap();
            let build = || {
                let built = ArenaOptimizer::new(
                    Arc::clone(&backend),
                    DType::F32,
                    ARENA_LEN,
                    table(),
                    groups(),
                );
                match clip {
                    Some(clip) => built.unwrap().with_clip_norm(clip).unwrap(),
                    None => built.unwrap(),
                }
            };
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
            assert_eq!(bits(&backend.to_vec(&params).unwrap()), bits(&values), "{clip:?}");
            assert_eq!(optimizer.state_dict::<f32>().unwrap(), state);
            let norm = optimizer.grad_norm::<f32>().unwrap();
            assert_eq!(norm.is_some(), clip.is_some());
            assert!(norm.is_none_or(|norm| (90.0..110.0).contains(&norm)), "{norm:?}");
        }
    }
}

#[test]
fn links_run_in_their_order() {
    let (p, g) = ([1.0f64, 2.0], [4.0f64, -8.0]);
    let step = |update: Update| {
        let mut optimizer = Optimizer::new(update);
        let mut p = p;
        optimizer.step(&Clock::at_step(1, 0.5), &mut [("p", &mut p, &g)]).unwrap();
        p
    };
    let adaptive = |x: [f64; 2]| {
        let mut x = x;
        ADAPTIVE.apply(&mut x, &Shape::from([2]), &mut []);
        x
    };
    let decay = WeightDecay { weight_decay: 0.25 };
    let decayed = |x: [f64; 2]| [x[0] + 0.25 * p[0], x[1] + 0.25 * p[1]];
    let descended = |d: [f64; 2]| [p[0] - 0.5 * d[0], p[1] - 0.5 * d[1]];
    assert_eq!(step(Update::new().transform(ADAPTIVE)), descended(adaptive(g)));
    assert_eq!(
        step(Update::new().transform(ADAPTIVE).then(decay)),
        descended(decayed(adaptive(g)))
    );
    assert_eq!(
        step(Update::new().then(decay).transform(ADAPTIVE)),
        descended(adaptive(decayed(g)))
    );
    let twice = Update::new().transform(ADAPTIVE).then(decay).transform(ADAPTIVE).then(decay);
    assert_eq!(step(twice), descended(decayed(adaptive(decayed(adaptive(g))))));
}

#[test]
fn all_gradients_are_clipped_by_one_norm() {
    let (mut a, mut b) = ([0.0f64; 2], [0.0f64]);
    let half = GroupSpec::names("b", ["b"], Chain::new()).with_lr_factor(0.5);
    let optimizer = Optimizer::new(Chain::new()).with_group(half).unwrap();
    let mut optimizer = optimizer.with_clip_norm(3.5).unwrap();
    let mut step = |ga: [f64; 2], gb: f64| {
        (a, b) = ([0.0; 2], [0.0]);
        let clock = Clock::at_step(1, 1.0);
        optimizer.step(&clock, &mut [("a", &mut a, &ga), ("b", &mut b, &[gb])]).unwrap();
        [a[0], a[1], b[0]]
    };
    let factor = 3.5 / (7.0 + 1e-6);
    assert_eq!(step([2.0, 3.0], 6.0), [-2.0 * factor, -3.0 * factor, -0.5 * (6.0 * factor)]);
    assert_eq!(step([1.0, 2.0], 2.0), [-1.0, -2.0, -1.0], "of a norm of 3");
    let explained = optimizer.explain();
    assert!(explained.starts_with("all gradients together: clipped to a norm of 3.5, in"));
    for bad in [0.0, -1.0, f64::NAN] {
        let error = Optimizer::<f32>::new(Chain::new()).with_clip_norm(bad).unwrap_err();
        assert!(error.to_string().starts_with("clip.norm must be above 0; got"), "{error}");
    }
}

#[test]
fn explain_tells_the_passes() {
    let update = Update::new()
        .transform(smooth())
        .then(WeightDecay { weight_decay: 0.01 })
        .then(MOMENTUM)
        .transform(ADAPTIVE)
        .then(DecoupledWeightDecay { weight_decay: 0.1 });
    assert_eq!(
        update.explain().to_string(),
        "each tensor: channel_directed; then a pass, 20 bytes a parameter in f32: gradient -> \
         weight_decay -> momentum -> direction; then each tensor: adaptive_atan; then a pass, 12 bytes \
         a parameter in f32: direction -> decoupled_weight_decay -> parameter -= lr * direction; state: \
         momentum.momentum_buffer"
    );
    assert_eq!(update.slots(), ["momentum.momentum_buffer"]);
    let chain = Adam::default().chain().unwrap();
    assert_eq!(Update::from(chain.clone()).explain().to_string(), chain.explain().to_string());
}

#[test]
fn a_shape_that_is_needed_must_be_told_and_fit() {
    let clock = Clock::at_step(1, 0.1);
    let mut w = [1.0f32; 6];
    let mut refused = |mut optimizer: Optimizer<f32>| {
        let error = optimizer.step(&clock, &mut [("w", &mut w, &[1.0; 6])]).unwrap_err();
        assert_eq!(w, [1.0; 6]);
        error.to_string()
    };
    let metric = ReweightedL2 { lambda: 2.0 };
    let h0 = || Update::new().transform(ChannelDirected { metric, ..smooth_of(metric) });
    assert_eq!(
        refused(Optimizer::new(h0())),
        "parameter `w`: has no shape, which `channel_directed` needs; tell it by `with_shape`"
    );
    assert_eq!(
        refused(Optimizer::new(h0()).with_shape("w", [2, 2])),
        "parameter `w`: has 6 elements, but its shape is [2, 2]"
    );
    let mut optimizer = Optimizer::new(h0()).with_shape("w", [6]);
    optimizer.step(&clock, &mut [("w", &mut w, &[1.0; 6])]).unwrap();
}

fn smooth_of(metric: ReweightedL2) -> ChannelDirected<ReweightedL2> {
    ChannelDirected { metric, axis: Axis::Output, linear: false }
}

#[test]
fn a_backend_without_an_op_is_named() {
    let build = |update: Update| {
        let host: Arc<dyn Backend> = Arc::new(Host::default());
        ArenaOptimizer::new(host, DType::F32, ARENA_LEN, table(), vec![GroupSpec::all("a", update)])
    };
    let refused = |error: Error, name: &str| {
        assert!(
            matches!(&error, Error::Core(CoreError::Unsupported { op, .. }) if op == name),
            "{error}"
        );
    };
    refused(
        build(Update::new().transform(smooth())).unwrap_err(),
        "tensor transform `channel_directed`",
    );
    let optimizer = build(Update::new()).unwrap();
    refused(optimizer.with_clip_norm(1.0).unwrap_err(), "clip by norm");
}

#[test]
fn an_update_changes_while_the_slots_agree() {
    let backend: Arc<dyn Backend> = Arc::new(Cpu::new(1));
    let params: Buffer = backend.buffer_from(&arena(0.0)).unwrap();
    let plain = || Update::new().then(MOMENTUM);
    let group = vec![GroupSpec::all("all", plain().transform(ADAPTIVE))];
    let mut optimizer =
        ArenaOptimizer::new(Arc::clone(&backend), DType::F32, ARENA_LEN, table(), group).unwrap();
    optimizer.set_update("all", plain()).unwrap();
    let grads = backend.buffer_from(&arena(1.0)).unwrap();
    optimizer.step(&Clock::at_step(1, 1.0), &params, &grads).unwrap();
    let (p, g) = (arena(0.0)[0], arena(1.0)[0]);
    assert_eq!(backend.to_vec::<f32>(&params).unwrap()[0], p - (g + 0.9f32 * g));
    assert!(optimizer.set_update("all", Update::new()).is_err());
}
