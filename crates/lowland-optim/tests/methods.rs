//! The configs: one step of each by hand, their TOML form, and what they refuse.

use lowland_core::{Clock, DType};
use lowland_optim::{
    Adai, Adam, AdamW, Boundary, Constant, Cosine, Method, MiAdam, MultiStep, Optimizer, Schedule,
    Sgd, StepScale, Swats, Switch,
};

const LR: f64 = 0.1;

/// `p` after some steps of the gradients given.
fn steps(method: Method, p: f64, grads: &[f64]) -> f64 {
    let mut optimizer = Optimizer::new(method.update().unwrap());
    let mut p = [p];
    for (i, &g) in grads.iter().enumerate() {
        optimizer.step(&Clock::at_step(i as u64 + 1, LR), &mut [("p", &mut p, &[g])]).unwrap();
    }
    p[0]
}

fn close(got: f64, want: f64) {
    assert!((got - want).abs() <= 4e-15 * want.abs().max(1.0), "{got} and {want}");
}

#[test]
fn sgd_by_hand() {
    let sgd = Sgd::default();
    close(steps(Method::Sgd(sgd), 2.0, &[3.0]), 2.0 - LR * 3.0);
    let coupled = Sgd { weight_decay: 0.5, ..sgd };
    close(steps(Method::Sgd(coupled), 2.0, &[3.0]), 2.0 - LR * (3.0 + 1.0));
    let momentum = Sgd { momentum: 0.9, dampening: 0.5, ..sgd };
    close(steps(Method::Sgd(momentum), 2.0, &[3.0, 1.0]), 2.0 - LR * 3.0 - LR * (0.9 * 3.0 + 0.5));
    let nesterov = Sgd { momentum: 0.9, nesterov: true, ..sgd };
    let (first, second) = (3.0 + 0.9 * 3.0, 1.0 + 0.9 * (0.9 * 3.0 + 1.0));
    close(steps(Method::Sgd(nesterov), 2.0, &[3.0, 1.0]), 2.0 - LR * first - LR * second);
    // Coupled decay goes into the buffer, decoupled decay does not.
    let coupled = Sgd { momentum: 0.9, weight_decay: 0.5, ..sgd };
    let p1 = 2.0 - LR * (3.0 + 1.0);
    close(steps(Method::Sgd(coupled), 2.0, &[3.0, 0.0]), p1 - LR * (0.9 * 4.0 + 0.5 * p1));
    let decoupled = Sgd { decoupled_weight_decay: true, ..coupled };
    close(steps(Method::Sgd(decoupled), 2.0, &[3.0, 0.0]), p1 - LR * (0.9 * 3.0 + 0.5 * p1));
}

#[test]
fn adam_by_hand() {
    let adam = Adam { eps: 0.5, ..Adam::default() };
    close(steps(Method::Adam(adam), 2.0, &[3.0]), 2.0 - LR * 3.0 / 3.5);
    // Two steps: m = 0.9 * 0.3 + 0.1 * g, v = 0.999 * 0.009 + 0.001 * g^2.
    let (m, v) = (0.9 * 0.3 - 0.1, 0.999 * 0.009 + 0.001f64);
    let second = m / 0.19 / ((v / (1.0 - 0.999f64 * 0.999)).sqrt() + 0.5);
    close(steps(Method::Adam(adam), 2.0, &[3.0, -1.0]), 2.0 - LR * 3.0 / 3.5 - LR * second);
    let coupled = Adam { weight_decay: 0.25, ..adam };
    close(steps(Method::Adam(coupled), 2.0, &[3.0]), 2.0 - LR * 3.5 / 4.0);
    let decoupled = Adam { decoupled_weight_decay: true, ..coupled };
    close(steps(Method::Adam(decoupled), 2.0, &[3.0]), 2.0 * (1.0 - LR * 0.25) - LR * 3.0 / 3.5);
    let adamw = AdamW { eps: 0.5, ..AdamW::default() };
    close(steps(Method::Adamw(adamw), 2.0, &[3.0]), 2.0 * (1.0 - LR * 0.01) - LR * 3.0 / 3.5);
}

#[test]
fn adai_by_hand() {
    let adai = Adai { betas: [0.5, 0.5], eps: 0.125, ..Adai::default() };
    // A single element is its own mean, so that each share is beta0.
    let (m, w) = (0.5 * (0.5 * 3.0) - 0.5, 0.5 * 0.5 + 0.5);
    close(steps(Method::Adai(adai), 2.0, &[3.0, -1.0]), 2.0 - LR * 3.0 - LR * m / w);
    let coupled = Adai { weight_decay: 0.25, ..adai };
    close(steps(Method::Adai(coupled), 2.0, &[3.0]), 2.0 - LR * (3.0 + 0.5));
    let decoupled = Adai { decoupled_weight_decay: true, ..coupled };
    close(steps(Method::Adai(decoupled), 2.0, &[3.0]), 2.0 * (1.0 - LR * 0.25) - LR * 3.0);
    // Without a gradient nothing moves, and nothing is NaN.
    close(steps(Method::Adai(adai), 2.0, &[0.0, 0.0]), 2.0);
}

#[test]
fn swats_by_hand() {
    let swats = Swats { betas: [0.5, 0.5], eps: 0.5, tolerance: 0.0, ..Swats::default() };
    // The first step is Adam's with its eps before the correction: sqrt(v) is 3 sqrt(0.5).
    let root = 0.5f64.sqrt();
    let first = 3.0 * root / (3.0 * root + 0.5);
    close(steps(Method::Swats(swats), 2.0, &[3.0]), 2.0 - LR * first);
    let coupled = Swats { weight_decay: 0.5, ..swats };
    let decayed = 4.0 * root / (4.0 * root + 0.5);
    close(steps(Method::Swats(coupled), 2.0, &[3.0]), 2.0 - LR * decayed);
    let decoupled = Swats { decoupled_weight_decay: true, ..coupled };
    close(steps(Method::Swats(decoupled), 2.0, &[3.0]), 2.0 * (1.0 - LR * 0.5) - LR * first);
    // A tolerance that everything is within: the second step is Adam's, the third SGD's.
    let (m, v) = (0.5 * (0.5 * 3.0) + 0.5 * 2.0, 0.5 * (0.5 * 9.0) + 0.5 * 4.0f64);
    let correction = 0.75f64.sqrt();
    let second = m / 0.75 * correction / (v.sqrt() + 0.5);
    let mean = (0.5 * (0.5 * (first / 3.0)) + 0.5 * (second / 2.0)) / 0.75;
    let want = 2.0 - LR * first - LR * second - LR * (0.5 * mean * 7.0);
    let switching = Swats { tolerance: 1e9, ..swats };
    close(steps(Method::Swats(switching), 2.0, &[3.0, 2.0, 7.0]), want);
    let fourth = LR * (0.5 * mean * (0.5 * 7.0 - 1.0));
    close(steps(Method::Swats(switching), 2.0, &[3.0, 2.0, 7.0, -1.0]), want - fourth);
}

#[test]
fn miadam_by_hand_in_each_step_scale() {
    let grads = [3.0, -1.0];
    let miadam =
        MiAdam { order: 2, kappa: 0.5, eps: 0.5, switch: Switch::Step(3), ..MiAdam::default() };
    // m, s_1, s_2 are all 0.3 after the first step.
    let (m, v) = (0.9 * 0.3 - 0.1, 0.999 * 0.009 + 0.001f64);
    let s1 = 0.5 * 0.3 + m;
    let s2 = 0.5 * 0.3 + s1;
    let root = (v / (1.0 - 0.999f64 * 0.999)).sqrt() + 0.5;
    let scales = [
        (StepScale::PaperCode, LR * LR * LR),
        (StepScale::LrPower, LR * LR),
        (StepScale::UnitGain, LR * 0.5 * 0.5),
    ];
    for (step_scale, scale) in scales {
        let method = MiAdam { step_scale, ..miadam };
        let want = 2.0 - scale / 0.1 * 0.3 / 3.5 - scale / 0.19 * s2 / root;
        close(steps(Method::Miadam(method), 2.0, &grads), want);
        close(method.step_size(&Clock::at_step(2, LR)), scale / 0.19);
        close(method.step_size(&Clock::at_step(3, LR)), LR / (1.0 - 0.9f64.powi(3)));
    }
    // The steady-state sizes of the documentation, as parts of Adam's step.
    for (order, part) in [(1, 0.05), (2, 0.0025), (3, 1.25e-4)] {
        let of = |step_scale| MiAdam { order, step_scale, ..MiAdam::default() }.steady_step(1e-3);
        close(of(StepScale::PaperCode) / part, 1.0);
        close(of(StepScale::LrPower) / part, 1e3);
        assert_eq!(of(StepScale::UnitGain), 1.0);
    }
}

#[test]
fn each_switch_is_strict_and_counts_from_1() {
    let plain = steps(Method::Adam(Adam::default()), 2.0, &[3.0]);
    let first_step =
        |switch| steps(Method::Miadam(MiAdam { switch, ..MiAdam::default() }), 2.0, &[3.0]);
    for at_once in [Switch::Epoch(0), Switch::Epoch(1), Switch::Step(1), Switch::Fraction(0.0)] {
        assert_eq!(first_step(at_once), plain, "{at_once:?}");
    }
    let integrated = 2.0 - LR * LR * 3.0 / (3.0 + 1e-8);
    for later in [Switch::Epoch(2), Switch::Step(2), Switch::Fraction(1e-9)] {
        close(first_step(later), integrated);
    }
    let integrates = |switch, clock: Clock| {
        let method = MiAdam { switch, ..MiAdam::default() };
        (method.step_size(&clock) - LR / (1.0 - 0.9f64.powf(clock.step as f64))).abs() > 1e-6
    };
    let clock = Clock { step: 10, epoch: 20, progress: 0.5, lr: LR };
    assert!(!integrates(Switch::Epoch(20), clock) && integrates(Switch::Epoch(21), clock));
    assert!(!integrates(Switch::Step(10), clock) && integrates(Switch::Step(11), clock));
    assert!(!integrates(Switch::Fraction(0.5), clock) && integrates(Switch::Fraction(0.51), clock));
}

#[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
struct Config {
    optimizer: Method,
}

#[test]
fn a_config_names_the_method_by_its_table() {
    let read = |text: &str| toml::from_str::<Config>(text).unwrap().optimizer;
    assert_eq!(read("[optimizer.sgd]"), Method::Sgd(Sgd::default()));
    assert_eq!(read("optimizer.adamw = {}"), Method::Adamw(AdamW::default()));
    assert_eq!(
        read(
            "[optimizer.miadam]\nswitch = { step = 7 }\nstep_scale = \"lr-power\"\nbetas = [0.8, 0.9]"
        ),
        Method::Miadam(MiAdam {
            switch: Switch::Step(7),
            step_scale: StepScale::LrPower,
            betas: [0.8, 0.9],
            ..MiAdam::default()
        })
    );
    let defaults = [
        Method::Sgd(Sgd::default()),
        Method::Adam(Adam::default()),
        Method::Adamw(AdamW::default()),
        Method::Miadam(MiAdam::default()),
        Method::Adai(Adai::default()),
        Method::Swats(Swats::default()),
    ];
    for method in defaults {
        let text = toml::to_string(&Config { optimizer: method }).unwrap();
        assert!(text.starts_with(&format!("[optimizer.{}]", method.name())), "{text}");
        assert_eq!(read(&text), method);
        method.validate().unwrap();
    }
    for (text, says) in [
        ("[optimizer.adam]\nbeta1 = 0.9", "unknown field `beta1`"),
        ("[optimizer.miadam]\nswitch = { epochs = 3 }", "unknown variant `epochs`"),
        ("[optimizer.miadam]\nstep_scale = \"paper\"", "unknown variant `paper`"),
        ("[optimizer.lion]", "unknown variant `lion`"),
        ("[optimizer.sgd]\nnesterov = 1", "invalid type: integer `1`, expected a boolean"),
    ] {
        let error = toml::from_str::<Config>(text).unwrap_err();
        assert!(error.to_string().contains(says), "{error}");
        assert!(error.span().is_some(), "{text}");
    }
}

#[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
struct Rates {
    schedule: Schedule,
}

#[test]
fn a_config_names_the_schedule_by_its_table() {
    let read = |text: &str| toml::from_str::<Rates>(text).unwrap().schedule;
    let (one, half) = (Boundary::Epochs(1.0), Boundary::Fraction(0.5));
    let cases = [
        ("schedule.constant = {}", Schedule::default()),
        (
            "[schedule.constant]\nwarmup = { epochs = 1 }",
            Schedule::Constant(Constant { warmup: Some(one) }),
        ),
        (
            "[schedule.cosine]\nfinal_lr_factor = 0.1\nwarmup = { fraction = 0.5 }",
            Schedule::Cosine(Cosine { final_lr_factor: 0.1, warmup: Some(half) }),
        ),
        (
            "[schedule.multi_step]\nmilestones = [{ epochs = 1 }, { fraction = 0.5 }]",
            Schedule::MultiStep(MultiStep {
                milestones: vec![one, half],
                gamma: 0.1,
                warmup: None,
            }),
        ),
    ];
    for (text, schedule) in cases {
        assert_eq!(read(text), schedule);
        let written = toml::to_string(&Rates { schedule: schedule.clone() }).unwrap();
        assert!(written.contains(&format!("[schedule.{}", schedule.name())), "{written}");
        assert_eq!(read(&written), schedule);
    }
    for (text, says) in [
        ("[schedule.cosine]\nwarm_up = { epochs = 1 }", "unknown field `warm_up`"),
        ("[schedule.cosine]\nwarmup = 1", "wanted string or table"),
        ("[schedule.constant]\nwarmup = { steps = 1 }", "unknown variant `steps`"),
        ("[schedule.constant]\nwarmup = { epoch = 1 }", "unknown variant `epoch`"),
        ("[schedule.multi_step]\ngamma = 0.1", "missing field `milestones`"),
        ("[schedule.exponential]", "unknown variant `exponential`"),
    ] {
        let error = toml::from_str::<Rates>(text).unwrap_err();
        assert!(error.to_string().contains(says), "{error}");
        assert!(error.span().is_some(), "{text}");
    }
}

#[test]
fn impossible_values_are_refused_by_name() {
    let (sgd, adam, miadam) = (Sgd::default(), Adam::default(), MiAdam::default());
    let unit = MiAdam { step_scale: StepScale::UnitGain, ..miadam };
    let cases = [
        (Method::Sgd(Sgd { momentum: -0.1, ..sgd }), "sgd.momentum must be in [0, 1]; got -0.1"),
        (
            Method::Sgd(Sgd { dampening: f64::NAN, ..sgd }),
            "sgd.dampening must be in [0, 1]; got NaN",
        ),
        (
            Method::Sgd(Sgd { nesterov: true, ..sgd }),
            "sgd.nesterov must be false where momentum is 0 or dampening is not; got true",
        ),
        (
            Method::Sgd(Sgd { weight_decay: f64::INFINITY, ..sgd }),
            "sgd.weight_decay must be 0 or more, and finite; got inf",
        ),
        (
            Method::Adam(Adam { betas: [0.9, 1.0], ..adam }),
            "adam.betas[1] must be in [0, 1); got 1",
        ),
        (
            Method::Adam(Adam { eps: 0.0, ..adam }),
            "adam.eps must be above 0 and finite, as a gradient that was always 0 would give 0/0; got 0",
        ),
        (
            Method::Adamw(AdamW { weight_decay: -1.0, ..AdamW::default() }),
            "adamw.weight_decay must be 0 or more, and finite; got -1",
        ),
        (Method::Miadam(MiAdam { order: 0, ..miadam }), "miadam.order must be 1 to 64; got 0"),
        (
            Method::Miadam(MiAdam { order: 1_000_000_000, ..miadam }),
            "miadam.order must be 1 to 64; got 1000000000",
        ),
        (
            Method::Sgd(Sgd { weight_decay: -1e300, ..sgd }),
            "sgd.weight_decay must be 0 or more, and finite; got -1e300",
        ),
        (
            Method::Miadam(MiAdam { kappa: 1.01, ..miadam }),
            "miadam.kappa must be in [0, 1]; got 1.01",
        ),
        (
            Method::Miadam(MiAdam { kappa: 1.0, ..unit }),
            "miadam.kappa must be in [0, 1), as unit-gain needs kappa < 1; got 1",
        ),
        (
            Method::Miadam(MiAdam { order: 23, ..unit }),
            "miadam.order must be at most 22 with unit-gain and kappa = 0.98, as (1 - kappa)^order must \
             be a normal f32; got 23",
        ),
        (
            Method::Miadam(MiAdam { switch: Switch::Fraction(1.5), ..miadam }),
            "miadam.switch.fraction must be in [0, 1]; got 1.5",
        ),
        (Method::Miadam(MiAdam { eps: -1.0, ..miadam }), "miadam.eps must be above 0 and finite"),
    ];
    for (method, says) in cases {
        let error = method.validate().unwrap_err().to_string();
        assert!(error.starts_with(says), "{error}");
        assert_eq!(method.update().unwrap_err().to_string(), error);
    }
    for fine in [
        MiAdam { kappa: 1.0, ..miadam },
        MiAdam { order: 22, ..unit },
        MiAdam { order: 64, kappa: 0.0, ..unit },
        MiAdam { order: 3, kappa: 1e-20, ..unit },
    ] {
        fine.validate().unwrap();
    }
}

#[test]
fn what_vanishes_or_overflows_in_the_type_of_the_parameters_is_refused() {
    let (sgd, adam, miadam) = (Sgd::default(), Adam::default(), MiAdam::default());
    let (of_order, lr_power) = (|order| MiAdam { order, ..miadam }, StepScale::LrPower);
    let cases = [
        (Method::Sgd(sgd), 1e300, "learning_rate", "got 1e300"),
        (Method::Sgd(sgd), 1e-60, "learning_rate", "above 0 and finite in f32"),
        (Method::Sgd(Sgd { weight_decay: 1e300, ..sgd }), 0.1, "sgd.weight_decay", "got 1e300"),
        (Method::Adam(Adam { weight_decay: 1e-60, ..adam }), 0.1, "adam.weight_decay", "got 1e-60"),
        (Method::Adam(Adam { eps: 1e-60, ..adam }), 0.1, "adam.eps", "1.2e-38 to 3.4e38"),
        (Method::Adamw(AdamW { eps: 1e39, ..AdamW::default() }), 0.1, "adamw.eps", "got 1e39"),
        (Method::Miadam(of_order(13)), 1e-3, "miadam.order", "at most 12 with this step scale"),
        (
            Method::Miadam(MiAdam { step_scale: lr_power, ..of_order(50) }),
            1e-3,
            "miadam.order",
            "at most 13 with this step scale and learning rate 0.001, as lr^(order - 1) must be a \
             normal f32; unit-gain has room for more; got 50",
        ),
        (Method::Miadam(of_order(39)), 10.0, "miadam.order", "at most 38"),
    ];
    for (method, lr, field, says) in cases {
        method.validate().unwrap();
        let error = method.validate_at(lr, DType::F32).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{field} must be ")) && error.contains(says), "{error}");
        method.validate_at(lr, DType::F64).unwrap();
    }
    for (method, lr) in [
        (Method::Sgd(sgd), 0.1),
        (Method::Miadam(of_order(12)), 1e-3),
        (Method::Miadam(MiAdam { step_scale: lr_power, ..of_order(13) }), 1e-3),
        (Method::Miadam(of_order(38)), 10.0),
        (Method::Miadam(of_order(64)), 1.0),
    ] {
        method.validate_at(lr, DType::F32).unwrap();
    }
}

#[test]
fn weight_decay_can_be_taken_off_every_method() {
    let weight_decay = 0.5;
    for (method, want) in [
        (Method::Sgd(Sgd { weight_decay, momentum: 0.9, ..Sgd::default() }), vec!["momentum"]),
        (Method::Adam(Adam { weight_decay, ..Adam::default() }), vec!["adam"]),
        (Method::Adamw(AdamW { weight_decay, ..AdamW::default() }), vec!["adam"]),
        (Method::Miadam(MiAdam { weight_decay, ..MiAdam::default() }), vec!["miadam"]),
        (Method::Adai(Adai { weight_decay, ..Adai::default() }), vec!["adai"]),
        (Method::Swats(Swats { weight_decay, ..Swats::default() }), vec!["swats"]),
    ] {
        let stages = |method: Method| {
            let explained = method.update().unwrap().explain().to_string();
            let links = explained.split(" -> ").skip(1).filter(|l| !l.starts_with("direction"));
            let links = links.take_while(|link| !link.starts_with("parameter"));
            links.map(String::from).collect::<Vec<_>>()
        };
        assert_eq!(stages(method).len(), 2);
        assert_eq!(stages(method.without_weight_decay()), want);
    }
}
