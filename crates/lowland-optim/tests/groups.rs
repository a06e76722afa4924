//! Parameter groups, state by name, and what is refused.

use lowland_core::{Chain, Clock};
use lowland_optim::{
    Adam, AdamW, Error, GroupSpec, MiAdam, Optimizer, OptimizerState, Sgd, StepScale, Switch,
};

fn miadam(order: usize) -> Chain {
    let (switch, step_scale) = (Switch::Step(12), StepScale::UnitGain);
    MiAdam {
        order,
        kappa: 0.9,
        switch,
        step_scale,
        amsgrad: true,
        weight_decay: 0.01,
        ..MiAdam::default()
    }
    .chain()
    .unwrap()
}

/// A gradient that depends on the parameter and on the step.
fn grads(values: &[f32], t: u64) -> Vec<f32> {
    values.iter().enumerate().map(|(i, x)| x + ((t as f32) * 0.7 + i as f32).sin()).collect()
}

/// One parameter of its own optimizer.
fn alone(chain: Chain, start: &[f32], steps: u64, lr: f64) -> Vec<f32> {
    let (mut optimizer, mut p) = (Optimizer::new(chain), start.to_vec());
    for t in 1..=steps {
        let g = grads(&p, t);
        optimizer.step(&Clock::at_step(t, lr), &mut [("p", &mut p, &g)]).unwrap();
    }
    p
}

#[test]
fn groups_share_no_state() {
    let start = [0.5f32, -1.0, 2.0, 0.0];
    let pairs = [
        (miadam(2), miadam(2)),
        (miadam(1), miadam(3)),
        (miadam(3), Sgd { momentum: 0.9, ..Sgd::default() }.chain().unwrap()),
        (Adam::default().chain().unwrap(), AdamW::default().chain().unwrap()),
    ];
    for (first, second) in pairs {
        let second_group =
            GroupSpec::names("second", ["b", "c"], second.clone()).with_lr_factor(0.5);
        let mut optimizer = Optimizer::new(first.clone()).with_group(second_group).unwrap();
        let (mut a, mut b, mut c) = (start.to_vec(), start.to_vec(), start[1..].to_vec());
        for t in 1..=20 {
            let (ga, gb, gc) = (grads(&a, t), grads(&b, t), grads(&c, t));
            let mut table: [(&str, &mut [f32], &[f32]); 3] =
                [("b", &mut b, &gb), ("a", &mut a, &ga), ("c", &mut c, &gc)];
            optimizer.step(&Clock::at_step(t, 0.02), &mut table).unwrap();
        }
        assert_eq!(a, alone(first, &start, 20, 0.02));
        assert_eq!(b, alone(second.clone(), &start, 20, 0.01));
        assert_eq!(c, alone(second, &start[1..], 20, 0.01));
        assert_ne!(a, b);
    }
}

#[test]
fn a_parameter_that_joins_late_or_skips_steps_counts_its_own() {
    let start = [1.0f32, -2.0];
    for chain in
        [miadam(2), Sgd { momentum: 0.9, dampening: 0.5, ..Sgd::default() }.chain().unwrap()]
    {
        let (mut optimizer, mut early, mut late) =
            (Optimizer::new(chain.clone()), start.to_vec(), start.to_vec());
        for t in 1..=30 {
            let clock = Clock::at_step(t, 0.05);
            let (ge, gl) = (grads(&early, t), grads(&late, t.saturating_sub(10) / 2));
            let mut table: Vec<(&str, &mut [f32], &[f32])> = vec![("early", &mut early, &ge)];
            if t > 10 && t % 2 == 0 {
                table.push(("late", &mut late, &gl));
            }
            optimizer.step(&clock, &mut table).unwrap();
        }
        assert_eq!(early, alone(chain.clone(), &start, 30, 0.05));
        assert_eq!(late, alone(chain, &start, 10, 0.05));
        assert_eq!(optimizer.state().params["late"].steps, 10);
    }
}

#[test]
fn a_restored_state_goes_on_bit_for_bit() {
    let no_decay = || {
        GroupSpec::matching(
            "no decay",
            |name| name.ends_with("bias"),
            Adam::default().chain().unwrap(),
        )
    };
    let build = || Optimizer::<f32>::new(miadam(3)).with_group(no_decay()).unwrap();
    let run = |optimizer: &mut Optimizer<f32>,
               w: &mut [f32],
               b: &mut [f32],
               steps: std::ops::Range<u64>| {
        for t in steps {
            let (gw, gb) = (grads(w, t), grads(b, t));
            let mut table: [(&str, &mut [f32], &[f32]); 2] = [("w", w, &gw), ("bias", b, &gb)];
            optimizer.step(&Clock::at_step(t, 0.01), &mut table).unwrap();
        }
    };
    let (mut w, mut b) = (vec![0.3f32; 5], vec![-0.1f32; 2]);
    let mut whole = build();
    run(&mut whole, &mut w, &mut b, 1..9);
    let saved = serde_json::to_string(&whole.state()).unwrap();
    let (mut w2, mut b2) = (w.clone(), b.clone());
    run(&mut whole, &mut w, &mut b, 9..20);

    let mut restored = build();
    restored.load_state(serde_json::from_str(&saved).unwrap()).unwrap();
    run(&mut restored, &mut w2, &mut b2, 9..20);
    assert_eq!((w, b), (w2, b2));
    assert_eq!(whole.state(), restored.state());
    let slots = &whole.state().params["bias"].slots;
    assert_eq!(slots.keys().collect::<Vec<_>>(), ["adam.exp_avg", "adam.exp_avg_sq"]);
}

#[test]
fn a_state_that_does_not_fit_is_refused() {
    let mut optimizer = Optimizer::<f32>::new(Adam::default().chain().unwrap());
    optimizer.step(&Clock::at_step(1, 0.1), &mut [("w", &mut [1.0, 2.0], &[1.0, 1.0])]).unwrap();
    let good = optimizer.state();
    let mut refused = |change: &dyn Fn(&mut OptimizerState<f32>)| {
        let mut state = good.clone();
        change(&mut state);
        let message = optimizer.load_state(state).unwrap_err().to_string();
        assert_eq!(optimizer.state(), good, "left as it was");
        message
    };
    let message = refused(&|s| {
        let slots = &mut s.params.get_mut("w").unwrap().slots;
        slots.remove("adam.exp_avg");
        slots.insert("x".into(), vec![]);
        let other = s.params["w"].clone();
        s.params.insert("v".into(), other);
    });
    let of_each = |name: &str| {
        format!(
            "`{name}` lacks the slot `adam.exp_avg`, `{name}` has a slot `x`, where the update's are \
             [adam.exp_avg, adam.exp_avg_sq]"
        )
    };
    let all = format!("4 different ({}, {})", of_each("v"), of_each("w"));
    assert_eq!(message, format!("the saved state is not of these parameters: {all}"));
    let message = refused(&|s| {
        s.params.get_mut("w").unwrap().slots.get_mut("adam.exp_avg_sq").unwrap().push(0.0)
    });
    assert!(
        message.ends_with("1 different (`w` has 3 elements in the slot `adam.exp_avg_sq`, not 2)"),
        "{message}"
    );

    // A length that fits the state but not the parameter shows at the next step.
    let error =
        optimizer.step(&Clock::at_step(2, 0.1), &mut [("w", &mut [1.0], &[1.0])]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "parameter `w`: had 2 elements and now has 1; a parameter of another length needs another name"
    );
}

#[test]
fn hyper_parameters_change_while_the_slots_agree() {
    let sgd =
        |momentum, weight_decay| Sgd { momentum, weight_decay, ..Sgd::default() }.chain().unwrap();
    let mut optimizer = Optimizer::<f64>::new(sgd(0.5, 0.0));
    let mut p = [1.0f64];
    optimizer.step(&Clock::at_step(1, 0.1), &mut [("p", &mut p, &[1.0])]).unwrap();
    optimizer.set_update("default", sgd(0.25, 0.5)).unwrap();
    optimizer.step(&Clock::at_step(2, 0.1), &mut [("p", &mut p, &[1.0])]).unwrap();
    let after_one = 1.0 - 0.1;
    assert!((p[0] - (after_one - 0.1 * (0.25 * 1.0 + 1.0 + 0.5 * after_one))).abs() < 1e-15);

    let error = optimizer.set_update("default", sgd(0.0, 0.5)).unwrap_err();
    assert!(matches!(&error, Error::Slots { group, .. } if group == "default"));
    assert!(
        error.to_string().contains("[momentum.momentum_buffer], but the new update has []"),
        "{error}"
    );
    let error = optimizer.set_update("other", sgd(0.5, 0.5)).unwrap_err();
    assert_eq!(error.to_string(), "group `other`: there is no such group");
}

#[test]
fn a_failed_step_names_the_culprit_and_changes_nothing() {
    let sgd = || Sgd { momentum: 0.9, ..Sgd::default() }.chain().unwrap();
    let group = |name: &str, param: &str| GroupSpec::names(name, [param], sgd());
    let mut optimizer =
        Optimizer::<f32>::from_groups(vec![group("one", "a"), group("two", "b")]).unwrap();
    let (mut a, mut b, mut c) = ([1.0f32], [2.0f32, 3.0], [4.0f32]);
    let clock = Clock::at_step(1, 0.1);

    let error =
        optimizer.step(&clock, &mut [("a", &mut a, &[1.0]), ("c", &mut c, &[1.0])]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "parameter `c` is in none of the groups [`one`, `two`]; add one that selects it"
    );
    let error =
        optimizer.step(&clock, &mut [("a", &mut a, &[1.0]), ("b", &mut b, &[1.0])]).unwrap_err();
    assert_eq!(error.to_string(), "parameter `b`: has 2 elements, but its gradient has 1");
    let error =
        optimizer.step(&clock, &mut [("a", &mut a, &[1.0]), ("a", &mut c, &[1.0])]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "parameter `a`: comes twice in one step; each needs a name of its own"
    );
    for (lr, says) in [
        (f64::NAN, "group `one`: the learning rate of step 1 is NaN, which is not finite in f32"),
        (1e300, "group `one`: the learning rate of step 1 is 1"),
        (-0.5, "the learning rate of group `one` must be 0 or more; got -0.5"),
    ] {
        let clock = Clock::at_step(1, lr);
        let error = optimizer.step(&clock, &mut [("a", &mut a, &[1.0])]).unwrap_err().to_string();
        assert!(error.starts_with(says), "{error}");
    }
    assert_eq!((a, b, c), ([1.0], [2.0, 3.0], [4.0]));
    assert!(optimizer.state().params.is_empty());

    // A stage whose scalars leave the type of the parameters.
    let wild = lowland_optim::stages::WeightDecay { weight_decay: 1e39 };
    let mut optimizer = Optimizer::<f32>::new(Chain::new().then(wild));
    let error = optimizer.step(&clock, &mut [("a", &mut a, &[1.0])]).unwrap_err().to_string();
    assert!(
        error.starts_with("group `default`: scalar 0 of stage `weight_decay` of step 1 is 1"),
        "{error}"
    );
    Optimizer::<f64>::new(Chain::new().then(wild))
        .step(&clock, &mut [("a", &mut [1.0], &[1.0])])
        .unwrap();
}

#[test]
fn groups_that_cannot_be_are_refused() {
    let all = |name: &str| GroupSpec::all(name, Chain::new());
    let error = Optimizer::<f32>::from_groups(vec![all("x"), all("x")]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "group `x`: there are two groups of this name; give each its own"
    );
    let error = Optimizer::<f32>::from_groups(vec![all("x").with_lr_factor(-1.0)]).unwrap_err();
    assert_eq!(error.to_string(), "group `x`: lr_factor must be 0 or more, and finite; got -1");
    let mut optimizer = Optimizer::<f32>::new(Chain::new());
    optimizer.step(&Clock::at_step(1, 0.1), &mut [("a", &mut [1.0], &[1.0])]).unwrap();
    let error = optimizer.with_group(all("late")).unwrap_err();
    assert_eq!(error.to_string(), "group `late`: groups cannot be added once there is state");
}

#[test]
fn explain_says_what_is_fused() {
    let no_decay = GroupSpec::names("no decay", ["bias"], Chain::new()).with_lr_factor(2.0);
    let optimizer = Optimizer::<f32>::new(miadam(1)).with_group(no_decay).unwrap();
    assert_eq!(
        optimizer.explain(),
        "group `no decay` (0 parameters so far, lr times 2): one pass, 12 bytes a parameter in f32: \
         gradient -> parameter -= lr * direction\n\
         group `default` (0 parameters so far): one pass, 44 bytes a parameter in f32: gradient -> \
         weight_decay -> miadam -> parameter -= lr * direction; state: miadam.exp_avg, \
         miadam.exp_avg_sq, miadam.max_exp_avg_sq, miadam.integral_1"
    );
}
