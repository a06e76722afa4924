//! Stages that are told sums over all parameters: against their papers' algorithms, written down once more
//! for several tensors; in several groups; with what they remember saved and restored.

use std::collections::BTreeMap;

use lowland_core::Clock;
use lowland_optim::{Adai, Error, GroupSpec, Method, Optimizer, Sgd, Swats, Update};

const STEPS: i32 = 40;
const SIZES: [usize; 3] = [5, 1, 3];
const NAMES: [&str; 3] = ["a", "b", "c"];

/// The three tensors, one behind the other.
type Point = Vec<f64>;

fn start() -> Point {
    (0..SIZES.iter().sum()).map(|i| (i as f64 * 1.3).cos()).collect()
}

/// A gradient of elements of very different sizes, with zeros and a burst.
fn gradient(p: &[f64], t: i32) -> Point {
    let size = if t == 20 { 30.0 } else { 1.0 };
    let element = |(i, p): (usize, &f64)| {
        let zero = (t + i as i32) % 7 == 0;
        let wave = (f64::from(t) * 0.9 + i as f64).sin();
        if zero { 0.0 } else { size * (wave + 0.3 * p) * 10f64.powi(i as i32 % 3 - 1) }
    };
    p.iter().enumerate().map(element).collect()
}

/// The learning rate falls on the way.
fn lr(t: i32) -> f64 {
    if t > 25 { 1e-3 } else { 1e-2 }
}

/// One step of all tensors.
fn step(optimizer: &mut Optimizer<f64>, p: &mut [f64], g: &[f64], clock: &Clock) {
    let (mut values, mut grads, mut rows) = (p, g, Vec::new());
    for (name, size) in NAMES.into_iter().zip(SIZES) {
        let (own, rest) = values.split_at_mut(size);
        rows.push((name, own, &grads[..size]));
        (values, grads) = (rest, &grads[size..]);
    }
    optimizer.step(clock, &mut rows).unwrap();
}

fn trajectory(mut optimizer: Optimizer<f64>, lr: fn(i32) -> f64) -> Vec<Point> {
    let mut p = start();
    let steps = 1..=STEPS;
    steps
        .map(|t| {
            let g = gradient(&p, t);
            step(&mut optimizer, &mut p, &g, &Clock::at_step(t as u64, lr(t)));
            p.clone()
        })
        .collect()
}

fn close(got: &[Point], want: &[Point]) {
    for (t, (got, want)) in got.iter().zip(want).enumerate() {
        for (got, want) in got.iter().zip(want) {
            let error = (got - want).abs();
            assert!(error <= 1e-11 * want.abs().max(1.0), "step {}: {got} and {want}", t + 1);
        }
    }
    assert_eq!(got.len(), want.len());
}

/// The Adai authors' `step`: two loops over all parameters, and a product of inertias.
fn published_adai(beta0: f64, beta2: f64, eps: f64, decay: f64, decoupled: bool) -> Vec<Point> {
    let mut p = start();
    let n = p.len();
    let (mut m, mut v, mut product) = (vec![0.0; n], vec![0.0; n], vec![1.0; n]);
    let mut points = Vec::new();
    for t in 1..=STEPS {
        let mut g = gradient(&p, t);
        let correction = 1.0 - f64::powi(beta2, t);
        let mut sum = 0.0;
        for i in 0..n {
            match decoupled {
                true => p[i] *= 1.0 - lr(t) * decay,
                false => g[i] += decay * p[i],
            }
            v[i] = beta2 * v[i] + (1.0 - beta2) * g[i] * g[i];
            sum += v[i] / correction;
        }
        let mean = sum / n as f64;
        for i in 0..n {
            let beta1 = (1.0 - v[i] / correction / mean * beta0).clamp(0.0, 1.0 - eps);
            m[i] = m[i] * beta1 + (1.0 - beta1) * g[i];
            product[i] *= beta1;
            p[i] -= lr(t) * m[i] / (1.0 - product[i]);
        }
        points.push(p.clone());
    }
    points
}

#[test]
fn adai_is_its_authors() {
    for (decay, decoupled) in [(0.0, false), (0.1, false), (0.1, true)] {
        let config =
            Adai { weight_decay: decay, decoupled_weight_decay: decoupled, ..Adai::default() };
        let ours = trajectory(Optimizer::new(config.update().unwrap()), lr);
        close(&ours, &published_adai(0.1, 0.99, 1e-3, decay, decoupled));
        let config = Adai { betas: [0.7, 0.9], eps: 0.05, ..config };
        let ours = trajectory(Optimizer::new(config.update().unwrap()), lr);
        close(&ours, &published_adai(0.7, 0.9, 0.05, decay, decoupled));
    }
}

/// Algorithm 1 of the SWATS paper; also the step that it switches at.
fn published_swats(alpha: f64, tolerance: f64, decay: f64) -> (Vec<Point>, Option<i32>) {
    let (beta1, beta2, eps) = (0.9f64, 0.99f64, 1e-9);
    let mut p = start();
    let n = p.len();
    let (mut m, mut a, mut v) = (vec![0.0; n], vec![0.0; n], vec![0.0; n]);
    let (mut lambda, mut rate, mut switched) = (0.0, 0.0, None);
    let mut points = Vec::new();
    for k in 1..=STEPS {
        let g: Point = gradient(&p, k).iter().zip(&p).map(|(g, p)| g + decay * p).collect();
        if switched.is_some() {
            for i in 0..n {
                v[i] = beta1 * v[i] + g[i];
                p[i] -= (1.0 - beta1) * rate * v[i];
            }
            points.push(p.clone());
            continue;
        }
        let (mut pp, mut pg) = (0.0, 0.0);
        for i in 0..n {
            m[i] = beta1 * m[i] + (1.0 - beta1) * g[i];
            a[i] = beta2 * a[i] + (1.0 - beta2) * g[i] * g[i];
            let scale = (1.0 - beta2.powi(k)).sqrt() / (1.0 - beta1.powi(k));
            let step = -alpha * scale * m[i] / (f64::sqrt(a[i]) + eps);
            p[i] += step;
            pp += step * step;
            pg += step * g[i];
        }
        points.push(p.clone());
        if pg != 0.0 {
            let gamma = pp / -pg;
            lambda = beta2 * lambda + (1.0 - beta2) * gamma;
            let mean = lambda / (1.0 - beta2.powi(k));
            if k > 1 && (mean - gamma).abs() < tolerance {
                (rate, switched) = (mean, Some(k));
            }
        }
    }
    (points, switched)
}

#[test]
fn swats_is_its_papers() {
    let alpha = 1e-2;
    let mut switches = Vec::new();
    for (tolerance, decay) in [(1e-9, 0.0), (3e-4, 0.0), (1e-3, 0.2), (1.0, 0.0)] {
        let (want, switched) = published_swats(alpha, tolerance, decay);
        let betas = [0.9, 0.99];
        let config = Swats { betas, tolerance, weight_decay: decay, ..Swats::default() };
        let ours = trajectory(Optimizer::new(config.update().unwrap()), |_| 1e-2);
        close(&ours, &want);
        switches.push(switched);
    }
    assert_eq!((switches[0], switches[3]), (None, Some(2)));
    assert!(switches[1..3].iter().flatten().all(|&k| k > 2 && k < STEPS - 5), "{switches:?}");
    assert!(switches[1].is_some(), "{switches:?}");
}

/// A switch within the first steps, for tests of what comes behind it.
const SWITCHING: Swats = Swats {
    betas: [0.9, 0.99],
    eps: 1e-9,
    tolerance: 1.0,
    weight_decay: 0.0,
    decoupled_weight_decay: false,
};

#[test]
fn a_schedule_goes_on_to_scale_steps_of_sgd() {
    let mut optimizer = Optimizer::new(SWITCHING.update().unwrap());
    let (mut p, g) = ([1.0f64], [0.5]);
    let mut moved = |t, lr| {
        let before = p[0];
        optimizer.step(&Clock::at_step(t, lr), &mut [("p", &mut p, &g)]).unwrap();
        before - p[0]
    };
    for t in 1..=200 {
        moved(t, 0.01);
    }
    let (full, tenth) = (moved(201, 0.01), moved(202, 0.001));
    assert!((full - 10.0 * tenth).abs() < 1e-9 * full, "{full} and {tenth}");
    // In the long run, SGD of the rate that was found steps as Adam did.
    assert!((full - 0.01).abs() < 1e-6, "{full}");
    assert_eq!(moved(203, 0.0), 0.0);
}

#[test]
fn groups_measure_together_each_with_its_own_numbers() {
    let adai = |weight_decay| Adai { weight_decay, ..Adai::default() }.update().unwrap();
    let alone = trajectory(Optimizer::new(adai(0.05)), lr);
    let others = GroupSpec::names("others", ["b"], adai(0.05));
    let grouped = Optimizer::new(adai(0.05)).with_group(others.clone()).unwrap();
    close(&trajectory(grouped, lr), &alone);
    // A group of another method takes no part: the mean is that of `a` and `c` alone.
    let sgd = GroupSpec::names("others", ["b"], Sgd::default().chain().unwrap());
    let apart = trajectory(Optimizer::new(adai(0.05)).with_group(sgd).unwrap(), lr);
    assert!((apart[39][0] - alone[39][0]).abs() > 1e-9);
    // Another decay is another step.
    let other = GroupSpec::names("others", ["b"], adai(0.0));
    let grouped = trajectory(Optimizer::new(adai(0.05)).with_group(other).unwrap(), lr);
    assert!((grouped[39][5] - alone[39][5]).abs() > 1e-6);

    // A factor of the learning rate that all groups have is as good as another learning rate.
    let swats = || SWITCHING.update().unwrap();
    let half =
        |name, params: [&str; 1]| GroupSpec::names(name, params, swats()).with_lr_factor(0.5);
    let halved = Optimizer::from_groups(NAMES.map(|name| half(name, [name])).to_vec()).unwrap();
    let of_half = |t| 0.5 * lr(t);
    close(&trajectory(halved, lr), &trajectory(Optimizer::new(swats()), of_half));
}

#[test]
fn a_parameter_that_joins_late_is_corrected_by_its_own_steps() {
    let mut optimizer = Optimizer::new(Adai::default().update().unwrap());
    let (mut a, mut b) = ([1.0f64], [1.0f64]);
    for t in 1..=3 {
        optimizer.step(&Clock::at_step(t, 0.1), &mut [("a", &mut a, &[2.0])]).unwrap();
    }
    let clock = Clock::at_step(4, 0.1);
    optimizer.step(&clock, &mut [("a", &mut a, &[2.0]), ("b", &mut b, &[4.0])]).unwrap();
    // Both corrected means are the squares of their gradients, 4 and 16: 10 in the mean.
    let state = optimizer.state().params;
    assert!((state["b"].slots["adai.exp_avg_weight"][0] - 0.1 * 16.0 / 10.0).abs() < 1e-14);
    assert!((state["b"].slots["adai.exp_avg"][0] - 0.1 * 16.0 / 10.0 * 4.0).abs() < 1e-14);
    assert_eq!((state["a"].steps, state["b"].steps), (4, 1));
}

#[test]
fn the_memory_is_saved_and_one_that_does_not_fit_is_refused() {
    let mut optimizer = Optimizer::new(SWITCHING.update().unwrap());
    let (mut p, mut q) = (start(), start());
    for t in 1..=10 {
        let g = gradient(&p, t);
        step(&mut optimizer, &mut p, &g, &Clock::at_step(t as u64, 0.01));
        if t == 1 {
            q.clone_from(&p);
        }
    }
    let good = optimizer.state();
    let names: Vec<&String> = good.together.keys().collect();
    assert_eq!(names, ["swats.lambda", "swats.sgd_lr", "swats.steps"]);
    assert_eq!(good.together["swats.steps"], 2.0, "it switched there");
    let mut refused = |change: &dyn Fn(&mut BTreeMap<String, f64>)| {
        let mut state = good.clone();
        change(&mut state.together);
        let error = optimizer.load_state(state).unwrap_err();
        assert!(matches!(error, Error::State(_)));
        assert_eq!(optimizer.state(), good, "left as it was");
        error.to_string()
    };
    let message = refused(&|memory| {
        memory.remove("swats.lambda");
        memory.remove("swats.steps");
        memory.insert("x".into(), 1.0);
    });
    assert_eq!(
        message,
        "the saved state is not of these parameters: 2 missing of all parameters together \
         (`swats.lambda`, `swats.steps`); 1 of no group (`x`)"
    );
    // Nothing is written of what nothing remembers, and it need not be there.
    let adai = Optimizer::<f32>::new(Adai::default().update().unwrap()).state();
    assert_eq!(serde_json::to_string(&adai).unwrap(), "{\"params\":{}}");
}

#[test]
fn an_update_may_measure_twice() {
    let adai = |beta0| Adai { betas: [beta0, 0.9], ..Adai::default() }.update().unwrap();
    let swats = |tolerance| Swats { tolerance, ..SWITCHING }.update().unwrap();
    let update = adai(0.3).then_update(swats(1.0)).then_update(swats(0.0));
    assert_eq!(update.slots().len(), 9);
    let mut optimizer = Optimizer::new(update);
    let mut p = start();
    for t in 1..=5 {
        let g = gradient(&p, t);
        step(&mut optimizer, &mut p, &g, &Clock::at_step(t as u64, 0.01));
    }
    let memory = optimizer.state().together;
    assert!(memory["1.swats.sgd_lr"] > 0.0 && memory["2.swats.sgd_lr"] == 0.0, "{memory:?}");
    assert_eq!((memory["1.swats.steps"], memory["2.swats.steps"]), (2.0, 5.0));
}

#[test]
fn what_is_no_number_shows_in_the_parameters() {
    for method in [Method::Adai(Adai::default()), Method::Swats(SWITCHING)] {
        let mut optimizer = Optimizer::<f32>::new(method.update().unwrap());
        let (mut a, mut b) = ([1.0f32], [1.0f32]);
        let clock = Clock::at_step(1, 0.1);
        let rows: &mut [(&str, &mut [f32], &[f32])] =
            &mut [("a", &mut a, &[f32::NAN]), ("b", &mut b, &[1.0])];
        optimizer.step(&clock, rows).unwrap();
        assert!(a[0].is_nan(), "{method:?}");
    }
}

#[test]
fn a_measured_update_replaces_one_of_the_same_slots_and_memory() {
    let mut optimizer = Optimizer::<f64>::new(SWITCHING.update().unwrap());
    let slower = Swats { tolerance: 1e-9, ..SWITCHING };
    optimizer.set_update("default", slower.update().unwrap()).unwrap();
    let error = optimizer.set_update("default", Adai::default().update().unwrap()).unwrap_err();
    assert!(error.to_string().contains("swats.momentum_buffer, swats.steps"), "{error}");
    assert!(optimizer.set_update("default", Update::new()).is_err());
    assert!(
        optimizer.explain().contains("until it switches: adam_adam, adam_gradient; then a pass")
    );
}
