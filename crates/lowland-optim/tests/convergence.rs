//! Every method, with and without everything that can be put around it, on every objective.

use lowland_core::Clock;
use lowland_optim::deformation::{AtanPower, DeformedLoss, LogExp, Sech};
use lowland_optim::{Cosine, Optimizer, Recipe, Schedule};
use proptest::prelude::*;

/// A function of a few variables, its gradient, where to start, and its least value.
struct Objective {
    name: &'static str,
    value: fn(&[f64]) -> f64,
    gradient: fn(&[f64]) -> Vec<f64>,
    start: &'static [f64],
    least: f64,
    /// By how much learning rates are multiplied, for methods whose steps grow with the gradient,
    /// and for the others.
    rates: [f64; 2],
}

/// A condition number of 100, the valley that bends, a saddle, and a logistic regression.
const OBJECTIVES: [Objective; 4] = [
    Objective {
        name: "quadratic",
        value: |x| 0.5 * (x[0] * x[0] + 100.0 * x[1] * x[1]),
        gradient: |x| vec![x[0], 100.0 * x[1]],
        start: &[2.0, 1.0],
        least: 0.0,
        rates: [0.01, 0.02],
    },
    Objective {
        name: "rosenbrock",
        value: |x| (1.0 - x[0]).powi(2) + 100.0 * (x[1] - x[0] * x[0]).powi(2),
        gradient: |x| {
            let bend = x[1] - x[0] * x[0];
            vec![-2.0 * (1.0 - x[0]) - 400.0 * x[0] * bend, 200.0 * bend]
        },
        start: &[-1.2, 1.0],
        least: 0.0,
        rates: [1e-3, 0.02],
    },
    Objective {
        name: "saddle",
        // At (0, 0), a little beside which it starts; minima at (0, 1) and (0, -1).
        value: |x| 0.5 * x[0] * x[0] + 0.25 * (x[1] * x[1] - 1.0).powi(2),
        gradient: |x| vec![x[0], x[1] * (x[1] * x[1] - 1.0)],
        start: &[1.0, 1e-3],
        least: 0.0,
        rates: [0.05, 0.02],
    },
    Objective {
        name: "logistic regression",
        value: |w| logistic(w).0,
        gradient: |w| logistic(w).1,
        start: &[0.0, 0.0, 0.0],
        least: 0.424_893_126_208,
        rates: [0.3, 0.02],
    },
];

/// The mean log-loss of eight points that no line separates, and its gradient.
fn logistic(w: &[f64]) -> (f64, Vec<f64>) {
    const POINTS: [([f64; 2], f64); 8] = [
        ([0.2, 1.0], 1.0),
        ([1.5, 0.3], 1.0),
        ([2.0, 2.2], 1.0),
        ([-0.5, -0.4], 1.0),
        ([-1.0, 0.3], -1.0),
        ([-0.2, -1.3], -1.0),
        ([-2.0, -1.0], -1.0),
        ([0.6, 0.1], -1.0),
    ];
    let (mut loss, mut gradient) = (0.0, vec![0.0; 3]);
    for ([x, y], label) in POINTS {
        let margin = label * (w[0] * x + w[1] * y + w[2]);
        loss += (-margin).exp().ln_1p() / 8.0;
        let slope = -label / (1.0 + margin.exp()) / 8.0;
        for (g, x) in gradient.iter_mut().zip([x, y, 1.0]) {
            *g += slope * x;
        }
    }
    (loss, gradient)
}

/// Tables of methods, and whether their steps grow with the gradient.
const METHODS: [(&str, bool); 20] = [
    ("sgd = {}", true),
    ("sgd = { momentum = 0.9 }", true),
    ("sgd = { momentum = 0.9, nesterov = true }", true),
    ("adam = {}", false),
    ("adam = { amsgrad = true }", false),
    ("adam = { uncorrected_eps = true }", false),
    ("adamw = { weight_decay = 1e-8 }", false),
    ("miadam = { kappa = 0.9, switch = { fraction = 0.25 }, step_scale = \"unit-gain\" }", false),
    (
        "miadam = { order = 2, kappa = 0.9, switch = { fraction = 0.25 }, step_scale = \"unit-gain\" }",
        false,
    ),
    (
        "miadam = { order = 3, kappa = 0.9, switch = { fraction = 0.25 }, step_scale = \"unit-gain\" }",
        false,
    ),
    ("miadam = { switch = { fraction = 0.5 } }", false),
    ("rmsprop = {}", false),
    ("rmsprop = { centered = true, momentum = 0.5, eps = 1e-3 }", false),
    ("nadam = {}", false),
    // Its first steps are not adaptive.
    ("radam = {}", true),
    ("adabelief = { eps = 1e-12 }", false),
    ("adabound = { final_lr_factor = 0.5 }", false),
    ("adai = {}", true),
    // In some of the runs it switches on the way with this tolerance.
    ("swats = {}", false),
    ("swats = { tolerance = 1e-7 }", false),
];

/// What is put around a method.
const AROUND: [&str; 10] = [
    "",
    "clip = { norm = 2.0 }",
    "clip = { value = 1.0 }",
    "activation = { atan = { alpha = 0.5, beta = 2.0 } }",
    "activation = { atan = { alpha = 0.5, beta = 2.0 }, placement = \"direction\" }",
    "activation = { tanh = { alpha = 0.5, beta = 2.0 } }",
    "activation = { log = { alpha = 0.5, beta = 2.0 }, placement = \"direction\" }",
    "activation = { adaptive_atan = { shrink = 1.5, gamma = 1.1 }, placement = \"direction\" }",
    "channel_directed = { metric = \"h0\", lambda = 2.0 }",
    "channel_directed = { metric = \"sobolev\", lambda = 0.05, ends = \"neumann\" }",
];

fn recipe(method: &str, around: &str, lr: f64) -> Recipe {
    let text = format!("learning_rate = {lr:?}\n{method}\n{around}");
    toml::from_str(&text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn optimizer(recipe: &Recipe, dimensions: usize) -> Optimizer<f64> {
    let optimizer = Optimizer::new(recipe.update().unwrap());
    let optimizer = optimizer.with_shape("point", [dimensions, 1, 1, 1]);
    match recipe.clip_norm() {
        Some(bound) => optimizer.with_clip_norm(bound).unwrap(),
        None => optimizer,
    }
}

/// How much is left above the least value, as a part of what was at the start.
fn left(
    objective: &Objective,
    recipe: &Recipe,
    deformed: Option<&DeformedLoss>,
    steps: u64,
) -> f64 {
    let schedule = Schedule::Cosine(Cosine { final_lr_factor: 0.01, warmup: None });
    let mut optimizer = optimizer(recipe, objective.start.len());
    let mut point = objective.start.to_vec();
    for step in 1..=steps {
        let progress = (step - 1) as f64 / steps as f64;
        let lr = schedule.lr(recipe.learning_rate, progress, 1.0);
        let clock = Clock { step, epoch: 1, progress, lr };
        let mut gradient = (objective.gradient)(&point);
        if let Some(deformed) = deformed {
            let slope = deformed.at((objective.value)(&point), progress).slope;
            gradient.iter_mut().for_each(|g| *g *= slope);
        }
        optimizer.step(&clock, &mut [("point", &mut point, &gradient)]).unwrap();
    }
    let gap = |point: &[f64]| (objective.value)(point) - objective.least;
    gap(&point) / gap(objective.start)
}

#[test]
fn every_method_converges_on_every_objective_and_descends_with_an_adaptive_activation() {
    let mut failed = Vec::new();
    for objective in &OBJECTIVES {
        for (method, grows) in METHODS {
            for around in AROUND {
                let lr = objective.rates[usize::from(!grows)];
                let left = left(objective, &recipe(method, around, lr), None, 20_000);
                // The adaptive activation follows the signed maximum: in two or three dimensions it is
                // often near 0, and so is the step.
                let most = if around.contains("adaptive") { 0.95 } else { 5e-3 };
                if left.is_nan() || left > most {
                    failed.push(format!("{} by {method} with {around}: {left:e}", objective.name));
                }
            }
        }
    }
    assert!(failed.is_empty(), "{} of 800:\n{}", failed.len(), failed.join("\n"));
}

#[test]
fn a_deformed_loss_is_minimised_too() {
    for objective in &OBJECTIVES {
        for deformed in [
            DeformedLoss::new(AtanPower { a: 2.0, b: 1.0, g: 1.0, z: 1.0 }).calming_down_at(0.9),
            DeformedLoss::new(LogExp { a: 1.0, b: 0.5, c: 1.0 }),
        ] {
            for (method, grows) in METHODS {
                let lr = objective.rates[usize::from(!grows)] * if grows { 0.5 } else { 1.0 };
                let left = left(objective, &recipe(method, "", lr), Some(&deformed), 20_000);
                assert!(left < 5e-3, "{} by {method}, {deformed:?}: {left:e}", objective.name);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// Any composition steps, keeps finite, saves and goes on, in two groups.
    #[test]
    fn any_composition_goes_on_from_a_saved_state(
        method in 0..=METHODS.len(),
        other in 0..=METHODS.len(),
        clip in prop::sample::select(vec!["", "clip = { norm = 0.5 }", "clip = { value = 0.2 }"]),
        activation in prop::sample::select(vec![0, 3, 4, 5, 6, 7]),
        smooth in prop::sample::select(vec![0, 8, 9]),
        deformed in 0..4usize,
        saved_after in 1u64..12,
    ) {
        let around = format!("{clip}\n{}\n{}", AROUND[activation], AROUND[smooth]);
        // Behind the table is what switches at its second step.
        let at_once = ("swats = { tolerance = 1e6 }", false);
        let table = |method: usize| METHODS.get(method).unwrap_or(&at_once).0;
        let first = recipe(table(method), &around, 0.01);
        let second = recipe(table(other), "", 0.01);
        let deformed = match deformed {
            0 => None,
            1 => Some(DeformedLoss::new(AtanPower { a: 2.0, b: 1.0, g: 1.0, z: 1.0 })),
            2 => Some(DeformedLoss::new(LogExp { a: 1.0, b: 0.5, c: 1.0 }).calming_down_at(0.3)),
            _ => Some(DeformedLoss::new(Sech { a: 1.0, b: 1.0, z: 0.5 })),
        };
        let build = || {
            let others = lowland_optim::GroupSpec::names("b", ["b"], second.update().unwrap());
            let built = Optimizer::<f32>::new(first.update().unwrap()).with_group(others).unwrap();
            let built = built.with_shape("w", [3, 2, 1, 1]);
            match first.clip_norm() {
                Some(bound) => built.with_clip_norm(bound).unwrap(),
                None => built,
            }
        };
        let step = |optimizer: &mut Optimizer<f32>, t: u64, w: &mut [f32], b: &mut [f32]| {
            let pull = |x: &[f32]| {
                let wave = |i: usize| (t as f32 * 0.9 + i as f32).sin();
                x.iter().enumerate().map(|(i, x)| x + wave(i)).collect::<Vec<f32>>()
            };
            let (mut gw, mut gb) = (pull(w), pull(b));
            let clock = Clock { step: t, epoch: t, progress: t as f64 / 20.0, lr: 0.01 };
            if let Some(deformed) = &deformed {
                let loss: f32 = gw.iter().chain(&gb).map(|g| g * g / 20.0).sum();
                let slope = deformed.at(f64::from(loss), clock.progress).slope as f32;
                gw.iter_mut().chain(&mut gb).for_each(|g| *g *= slope);
            }
            optimizer.step(&clock, &mut [("w", w, &gw), ("b", b, &gb)]).unwrap();
        };
        let (mut w, mut b) = ([0.5f32, -1.0, 2.0, 0.0, 3.0, -0.1], [1.0f32, -1.0]);
        let mut whole = build();
        (1..=saved_after).for_each(|t| step(&mut whole, t, &mut w, &mut b));
        let saved = serde_json::to_string(&whole.state()).unwrap();
        let (mut w2, mut b2) = (w, b);
        let mut restored = build();
        restored.load_state(serde_json::from_str(&saved).unwrap()).unwrap();
        for t in saved_after + 1..saved_after + 8 {
            step(&mut whole, t, &mut w, &mut b);
            step(&mut restored, t, &mut w2, &mut b2);
        }
        prop_assert!(w.iter().chain(&b).all(|x| x.is_finite()));
        prop_assert_eq!((w, b), (w2, b2));
        prop_assert_eq!(whole.state(), restored.state());
    }
}
