//! Every method on every objective.

use lowland_core::Clock;
use lowland_optim::{
    Adam, AdamW, Cosine, Method, MiAdam, Optimizer, Schedule, Sgd, StepScale, Switch,
};

/// A function of two variables, its gradient, and where to start.
struct Objective {
    name: &'static str,
    value: fn([f64; 2]) -> f64,
    gradient: fn([f64; 2]) -> [f64; 2],
    start: [f64; 2],
}

/// A condition number of 100, and the valley that bends.
const OBJECTIVES: [Objective; 2] = [
    Objective {
        name: "quadratic",
        value: |[x, y]| 0.5 * (x * x + 100.0 * y * y),
        gradient: |[x, y]| [x, 100.0 * y],
        start: [2.0, 1.0],
    },
    Objective {
        name: "rosenbrock",
        value: |[x, y]| (1.0 - x).powi(2) + 100.0 * (y - x * x).powi(2),
        gradient: |[x, y]| [-2.0 * (1.0 - x) - 400.0 * x * (y - x * x), 200.0 * (y - x * x)],
        start: [-1.2, 1.0],
    },
];

/// Each method with its learning rates on the two objectives.
fn methods() -> Vec<(&'static str, Method, [f64; 2])> {
    let sgd = Sgd::default();
    let unit = |order| {
        let (switch, step_scale) = (Switch::Fraction(0.25), StepScale::UnitGain);
        Method::Miadam(MiAdam { order, kappa: 0.9, switch, step_scale, ..MiAdam::default() })
    };
    let paper = MiAdam { switch: Switch::Fraction(0.5), ..MiAdam::default() };
    let amsgrad = Adam { amsgrad: true, ..Adam::default() };
    vec![
        ("sgd", Method::Sgd(sgd), [0.01, 1.4e-3]),
        ("momentum", Method::Sgd(Sgd { momentum: 0.9, ..sgd }), [0.01, 5e-4]),
        ("nesterov", Method::Sgd(Sgd { momentum: 0.9, nesterov: true, ..sgd }), [0.01, 5e-4]),
        ("adam", Method::Adam(Adam::default()), [0.02, 0.02]),
        ("amsgrad", Method::Adam(amsgrad), [0.02, 0.02]),
        ("adamw", Method::Adamw(AdamW { weight_decay: 1e-8, ..AdamW::default() }), [0.02, 0.02]),
        ("miadam 1", unit(1), [0.02, 0.02]),
        ("miadam 2", unit(2), [0.02, 0.02]),
        ("miadam 3", unit(3), [0.02, 0.02]),
        ("miadam, paper code", Method::Miadam(paper), [0.02, 0.02]),
    ]
}

#[test]
fn every_method_converges_on_every_objective() {
    const STEPS: u64 = 20_000;
    let schedule = Schedule::Cosine(Cosine { final_lr_factor: 0.01, warmup: None });
    for (name, method, rates) in methods() {
        for (objective, base_lr) in OBJECTIVES.iter().zip(rates) {
            let mut optimizer = Optimizer::new(method.chain().unwrap());
            let mut point = objective.start;
            for step in 1..=STEPS {
                let progress = (step - 1) as f64 / STEPS as f64;
                let clock =
                    Clock { step, epoch: 1, progress, lr: schedule.lr(base_lr, progress, 1.0) };
                let gradient = (objective.gradient)(point);
                optimizer.step(&clock, &mut [("point", &mut point, &gradient)]).unwrap();
            }
            let end = (objective.value)(point);
            assert!(end < 1e-5, "{name} on {}: {end:e} at {point:?}", objective.name);
        }
    }
}
