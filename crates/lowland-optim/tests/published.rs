//! Methods without stored trajectories against their authors' algorithms, written down once more for a
//! single number.

use lowland_core::Clock;
use lowland_optim::{AdaBelief, AdaBound, Method, Optimizer};

const STEPS: i32 = 60;

/// A gradient that depends on the parameter and on the step, with a few zeros and one burst.
fn gradient(p: f64, t: i32) -> f64 {
    let size = if t == 20 { 50.0 } else { 1.0 };
    if t % 7 == 0 { 0.0 } else { size * ((f64::from(t) * 0.9).sin() + 0.3 * p) }
}

/// The learning rate falls on the way.
fn lr(t: i32) -> f64 {
    if t > 40 { 1e-3 } else { 1e-2 }
}

fn ours(method: Method) -> Vec<f64> {
    let mut optimizer = Optimizer::new(method.update().unwrap());
    let mut p = [2.0f64];
    let mut trajectory = Vec::new();
    for t in 1..=STEPS {
        let g = gradient(p[0], t);
        let clock = Clock::at_step(t as u64, lr(t));
        optimizer.step(&clock, &mut [("p", &mut p, &[g])]).unwrap();
        trajectory.push(p[0]);
    }
    trajectory
}

fn close(got: &[f64], want: &[f64]) {
    for (t, (got, want)) in got.iter().zip(want).enumerate() {
        assert!((got - want).abs() <= 1e-12, "step {}: {got} and {want}", t + 1);
    }
}

/// Algorithm 2 of the AdaBelief paper, with decoupled decay.
#[test]
fn adabelief_is_its_papers() {
    for (decay, eps) in [(0.0, 1e-8), (0.1, 1e-3)] {
        let (beta1, beta2) = (0.9, 0.99f64);
        let (mut p, mut m, mut s) = (2.0, 0.0, 0.0);
        let mut want = Vec::new();
        for t in 1..=STEPS {
            let g = gradient(p, t);
            p *= 1.0 - lr(t) * decay;
            m = beta1 * m + (1.0 - beta1) * g;
            s = beta2 * s + (1.0 - beta2) * (g - m) * (g - m) + eps;
            let mean = m / (1.0 - beta1.powi(t));
            let variance = s / (1.0 - beta2.powi(t));
            p -= lr(t) * mean / (f64::sqrt(variance) + eps);
            want.push(p);
        }
        let method =
            AdaBelief { betas: [beta1, beta2], eps, weight_decay: decay, ..Default::default() };
        close(&ours(Method::Adabelief(method)), &want);
    }
}

/// The AdaBound authors' `step`, which is told the final learning rate and that of the start.
#[test]
fn adabound_is_its_authors() {
    // A large final rate lifts steps to the lower bound, a small one holds them at the upper one.
    for (amsbound, decay, final_lr) in [
        (false, 0.0, 0.1),
        (true, 0.0, 0.1),
        (true, 0.05, 0.1),
        (false, 0.0, 1e-4),
        (true, 0.05, 1e-4),
    ] {
        let ((beta1, beta2), eps, gamma) = ((0.9f64, 0.999f64), 1e-8, 1e-2);
        let base_lr = lr(1);
        let (mut p, mut m, mut v, mut max) = (2.0, 0.0, 0.0f64, 0.0f64);
        let mut want = Vec::new();
        let mut bounded = [0; 2];
        for t in 1..=STEPS {
            let g = gradient(p, t) + decay * p;
            m = beta1 * m + (1.0 - beta1) * g;
            v = beta2 * v + (1.0 - beta2) * g * g;
            max = max.max(v);
            let denominator = if amsbound { max } else { v }.sqrt() + eps;
            let step_size = lr(t) * (1.0 - beta2.powi(t)).sqrt() / (1.0 - beta1.powi(t));
            let end = final_lr * lr(t) / base_lr;
            let lower = end * (1.0 - 1.0 / (gamma * f64::from(t) + 1.0));
            let upper = end * (1.0 + 1.0 / (gamma * f64::from(t)));
            let rate = step_size / denominator;
            bounded[0] += i32::from(rate < lower);
            bounded[1] += i32::from(rate > upper);
            p -= rate.clamp(lower, upper) * m;
            want.push(p);
        }
        let bound = usize::from(final_lr < 0.1);
        assert!(bounded[bound] > 0, "the bound matters: {bounded:?} with {final_lr}");
        let method = AdaBound {
            betas: [beta1, beta2],
            eps,
            gamma,
            final_lr_factor: final_lr / base_lr,
            amsbound,
            weight_decay: decay,
            ..Default::default()
        };
        close(&ours(Method::Adabound(method)), &want);
    }
}
