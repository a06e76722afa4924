//! A chain run fused is its stages applied one after another, however the elements are cut.

use lowland_core::stage::{Block, Scalars, Stage};
use lowland_core::{Chain, Clock, Real};
use lowland_optim::stages::{self, DecoupledWeightDecay, Momentum, StepScale, Switch, WeightDecay};
use proptest::prelude::*;

/// Keeps a copy of the direction in a state slot, so that a test can see it.
#[derive(Debug)]
struct Tap;

impl Stage for Tap {
    fn name(&self) -> &'static str {
        "tap"
    }

    fn slots(&self) -> Vec<String> {
        vec!["direction".into()]
    }

    fn apply_block<T: Real>(&self, _: Scalars<'_>, block: Block<'_, T>) {
        let [seen] = block.state.slots();
        seen.copy_from_slice(block.direction);
    }
}

fn miadam(order: usize) -> stages::MiAdam {
    stages::MiAdam {
        order,
        kappa: 0.75,
        switch: Switch::Step(3),
        step_scale: StepScale::UnitGain,
        betas: [0.9, 0.99],
        eps: 1e-8,
        amsgrad: true,
    }
}

/// Single stages in the order of a chain with everything in it.
fn links() -> Vec<Chain> {
    vec![
        Chain::new().then(WeightDecay { weight_decay: 0.02 }),
        Chain::new().then(Momentum { momentum: 0.9, dampening: 0.1, nesterov: true }),
        Chain::new().then(stages::Adam {
            betas: [0.9, 0.999],
            eps: 1e-8,
            amsgrad: true,
            ..Default::default()
        }),
        Chain::new().then(miadam(3)),
        Chain::new().then(DecoupledWeightDecay { weight_decay: 0.03 }),
    ]
}

/// Numbers of many magnitudes, zeros among them; the same for the same seed.
fn numbers<T: Real>(seed: u64, len: usize) -> Vec<T> {
    let mut bits = seed.wrapping_mul(2).wrapping_add(1);
    let mut next = || {
        bits = bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (bits >> 40) as f64 / (1u64 << 24) as f64
    };
    (0..len)
        .map(|_| {
            let (size, x) = (next(), 2.0 * next() - 1.0);
            T::of(if size < 0.1 { 0.0 } else { x * 10f64.powf(8.0 * size - 6.0) })
        })
        .collect()
}

/// State of so many slots.
fn zeros<T: Real>(slots: usize, len: usize) -> Vec<Vec<T>> {
    vec![vec![T::zero(); len]; slots]
}

fn step<T: Real>(chain: &Chain, clock: &Clock, p: &mut [T], g: &[T], slots: &mut [Vec<T>]) {
    let mut slots: Vec<&mut [T]> = slots.iter_mut().map(Vec::as_mut_slice).collect();
    chain.step(clock, p, g, &mut slots);
}

fn fused_is_stage_by_stage<T: Real>(len: usize) {
    let links = links();
    let fused = links.iter().fold(Chain::new(), |chain, link| chain.then_all(link));
    let mut params: Vec<T> = numbers(7, len);
    let (mut params_apart, mut slots) = (params.clone(), zeros::<T>(fused.slots().len(), len));
    let mut slots_apart: Vec<Vec<Vec<T>>> =
        links.iter().map(|link| zeros(link.slots().len() + 1, len)).collect();
    for t in 1..=5 {
        let (clock, grads) = (Clock::at_step(t, 0.01), numbers::<T>(100 + t, len));
        step(&fused, &clock, &mut params, &grads, &mut slots);

        // Each stage over whole arrays, with a learning rate of 0, so that all see one parameter.
        let mut direction = grads;
        for (link, slots) in links.iter().zip(&mut slots_apart) {
            let tapped = link.clone().then(Tap);
            let still = Clock { lr: 0.0, ..clock };
            step(&tapped, &still, &mut params_apart.clone(), &direction, slots);
            direction.clone_from(&slots[slots.len() - 1]);
        }
        for (p, &d) in params_apart.iter_mut().zip(&direction) {
            *p -= T::of(0.01) * d;
        }
        assert_eq!(params, params_apart, "step {t}");
    }
    let apart: Vec<Vec<T>> = slots_apart
        .into_iter()
        .flat_map(|mut s| {
            s.pop();
            s
        })
        .collect();
    assert_eq!(slots, apart);
    assert!(params.iter().all(|p| p.is_finite()));
}

#[test]
fn fused_chains_are_their_stages_one_after_another_bit_for_bit() {
    for len in [1, 17, 511, 512, 513, 3000] {
        fused_is_stage_by_stage::<f32>(len);
        fused_is_stage_by_stage::<f64>(len);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn elements_can_be_cut_anywhere(len in 1usize..2200, cuts in prop::collection::vec(0usize..2200, 0..6)) {
        let chain = links().iter().fold(Chain::new(), |chain, link| chain.then_all(link));
        let slots = chain.slots().len();
        let mut bounds: Vec<usize> = cuts.into_iter().map(|cut| cut.min(len)).collect();
        bounds.extend([0, len]);
        bounds.sort_unstable();

        let mut whole: Vec<f32> = numbers(3, len);
        let (mut pieces, mut state) = (whole.clone(), zeros::<f32>(slots, len));
        let mut cut_states: Vec<Vec<Vec<f32>>> =
            bounds.windows(2).map(|b| zeros(slots, b[1] - b[0])).collect();
        for t in 1..=4 {
            let (clock, grads) = (Clock::at_step(t, 0.01), numbers::<f32>(t, len));
            step(&chain, &clock, &mut whole, &grads, &mut state);
            for (b, slots) in bounds.windows(2).zip(&mut cut_states) {
                step(&chain, &clock, &mut pieces[b[0]..b[1]], &grads[b[0]..b[1]], slots);
            }
        }
        prop_assert_eq!(&whole, &pieces);
        for slot in 0..slots {
            let joined: Vec<f32> = cut_states.iter().flat_map(|piece| piece[slot].clone()).collect();
            prop_assert_eq!(&state[slot], &joined);
        }
    }
}

#[test]
fn any_order_integrates() {
    // 20 orders are 23 slots, more than a chain cuts without an allocation.
    for order in [1usize, 2, 3, 4, 5, 6, 20] {
        let len = 700;
        let chain = Chain::new().then(miadam(order));
        assert_eq!(chain.slots().len(), order + 3);
        let (mut p, mut slots) = (vec![0.0f64; len], zeros::<f64>(order + 3, len));
        let grads = vec![1.0f64; len];
        for t in 1..=2 {
            step(&chain, &Clock::at_step(t, 0.1), &mut p, &grads, &mut slots);
        }
        // m is 0.1 and 0.19. s_j after step 2 is kappa s_j + s_(j-1) with s_j = 0.1 before it:
        // s_j = 0.19 + 0.075 j.
        let integral = |j: usize| 0.19 + 0.075 * j as f64;
        for j in 1..=order {
            assert!((slots[j + 2][len - 1] - integral(j)).abs() < 1e-14, "s_{j} of order {order}");
        }
        // g = 1 makes the corrected root 1. Before the switch the factor is 0.25^n / (1 - 0.9^t).
        let gain = 0.25f64.powi(order as i32);
        let moved = 0.1 * gain * (0.1 / 0.1 + integral(order) / 0.19) / (1.0 + 1e-8);
        assert!((p[0] + moved).abs() < 1e-13 * moved.max(1e-3), "{} and {moved}", p[0]);

        // Step 3 is plain Adam, and the integrals stay.
        let before = (p[0], slots.clone());
        step(&chain, &Clock::at_step(3, 0.1), &mut p, &grads, &mut slots);
        assert!((p[0] - (before.0 - 0.1 / (1.0 + 1e-8))).abs() < 1e-14);
        assert_eq!(slots[3..], before.1[3..]);
    }
}

#[test]
fn amsgrad_never_lets_the_second_moment_shrink() {
    let chain = Chain::new().then(stages::Adam {
        betas: [0.0, 0.5],
        eps: 1e-12,
        amsgrad: true,
        ..Default::default()
    });
    let (mut p, mut slots) = ([0.0f64], zeros::<f64>(3, 1));
    step(&chain, &Clock::at_step(1, 1.0), &mut p, &[4.0], &mut slots);
    step(&chain, &Clock::at_step(2, 1.0), &mut p, &[0.0], &mut slots);
    // v: 8, then 4; vmax stays 8; m is the gradient itself.
    assert_eq!(slots, [[0.0], [4.0], [8.0]]);
    step(&chain, &Clock::at_step(3, 1.0), &mut p, &[1.0], &mut slots);
    // d_1 = 4 / (sqrt(8) / sqrt(0.5)) = 1, d_2 = 0, d_3 = 1 / (sqrt(8) / sqrt(0.875)).
    assert!((p[0] + 1.0 + (0.875f64 / 8.0).sqrt()).abs() < 1e-11, "{}", p[0]);
    // A gradient that is no number shows.
    step(&chain, &Clock::at_step(4, 1.0), &mut p, &[f64::NAN], &mut slots);
    assert!(p[0].is_nan() && slots[2][0].is_nan());
}
