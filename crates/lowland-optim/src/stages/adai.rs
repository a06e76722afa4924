//! Adai.

use lowland_core::Real;
use lowland_core::measure::{Elements, Measure};
use lowland_core::stage::{Block, Clock, Scalars};

use crate::measured::{Measured, Totals};

/// Adai: momentum whose inertia is adapted to each element, smaller where gradients are large, at one
/// learning rate for all.
///
/// With t the step, counted from 1, and the mean over the elements of all parameters of all groups:
/// ```text
/// v  <- beta2 v + (1 - beta2) g^2         u = v / (1 - beta2^t)
/// r  = min(max(beta0 u / mean(u), eps), 1)                        beta1 = 1 - r
/// m  <- (1 - r) m + r g                   w <- (1 - r) w + r
/// d  = m / w
/// ```
///
/// State: `exp_avg_sq` = v, `exp_avg` = m, `exp_avg_weight` = w, which is 1 minus the product of all
/// beta1 so far. Measured: the sum of u.
///
/// Source: Xie et al., "Adaptive Inertia: Disentangling the Effects of Adaptive Learning Rate and
/// Momentum" (ICML 2022), algorithm 2, and its authors' code. Deviations: the bias correction w is kept
/// as a running mean of ones, where the code keeps the product that is 1 - w; as long as all gradients
/// are 0, all elements have the largest beta1, where 0/0 would make them NaN. As in the code, the mean is
/// over all groups of an optimizer that use Adai, each of which has hyper-parameters of its own.
///
/// ```
/// use lowland_core::Clock;
/// use lowland_optim::stages::Adai;
/// use lowland_optim::{Optimizer, Update};
///
/// let adai = Adai { betas: [0.25, 0.75], eps: 0.125 };
/// let mut optimizer = Optimizer::new(Update::new().measured(adai));
/// let (mut a, mut b) = ([1.0f64, 1.0], [1.0f64]);
/// let params: &mut [(&str, &mut [f64], &[f64])] =
///     &mut [("a", &mut a, &[3.0, 0.0]), ("b", &mut b, &[6.0])];
/// optimizer.step(&Clock::at_step(1, 0.5), params)?;
/// // u is the square of the gradient, 15 in the mean. The first direction is the gradient.
/// assert_eq!((a, b), ([1.0 - 0.5 * 3.0, 1.0], [1.0 - 0.5 * 6.0]));
/// let state = optimizer.state().params;
/// let shares = [0.25 * 9.0 / 15.0, 0.125, 0.25 * 36.0 / 15.0];
/// assert!((state["a"].slots["adai.exp_avg"][0] - shares[0] * 3.0).abs() < 1e-15);
/// assert!((state["a"].slots["adai.exp_avg_weight"][1] - shares[1]).abs() < 1e-15);
/// assert!((state["b"].slots["adai.exp_avg"][0] - shares[2] * 6.0).abs() < 1e-15);
/// # Ok::<(), lowland_optim::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adai {
    /// beta0, the share of an average element's new gradient, and beta2, the decay rate of the mean of
    /// the square.
    pub betas: [f64; 2],
    /// The least share of a new gradient.
    pub eps: f64,
}

/// The defaults of the authors' code.
impl Default for Adai {
    fn default() -> Self {
        Adai { betas: [0.1, 0.99], eps: 1e-3 }
    }
}

impl Adai {
    /// `1 / (1 - beta2^t)`.
    fn correction(&self, clock: &Clock) -> f64 {
        1.0 / (1.0 - self.betas[1].powf(clock.step as f64))
    }
}

/// `beta2 v + (1 - beta2) g^2`.
#[inline(always)]
fn second<T: Real>([beta2, rest]: [T; 2], v: T, g: T) -> T {
    beta2 * v + rest * (g * g)
}

impl Measure for Adai {
    fn name(&self) -> &'static str {
        "adai"
    }

    fn sums(&self) -> &'static [&'static str] {
        &["second_moment"]
    }

    fn reads(&self) -> usize {
        1
    }

    fn scalars(&self, clock: &Clock) -> Vec<f64> {
        let [_, beta2] = self.betas;
        vec![beta2, 1.0 - beta2, self.correction(clock)]
    }

    #[inline(always)]
    fn terms<T: Real>(&self, scalars: Scalars<'_>, elements: Elements<'_, T>) {
        let [beta2, rest, _] = scalars.get::<T, 3>();
        let [_, _, correction] = scalars.get::<f64, 3>();
        let (direction, [exp_avg_sq], [moments]) = elements.split();
        for ((term, &g), &v) in moments.iter_mut().zip(direction).zip(exp_avg_sq) {
            *term = correction * second([beta2, rest], v, g).f64();
        }
    }
}

impl Measured for Adai {
    fn slots(&self) -> Vec<String> {
        ["exp_avg_sq", "exp_avg", "exp_avg_weight"].map(String::from).to_vec()
    }

    fn step_scalars(&self, clock: &Clock, totals: &Totals, _: &[f64]) -> Vec<f64> {
        let [beta0, beta2] = self.betas;
        let mean = totals.sums[0] / totals.elements as f64;
        vec![beta2, 1.0 - beta2, self.eps, beta0 * self.correction(clock) / mean]
    }

    #[inline(always)]
    fn apply_block<T: Real>(&self, scalars: Scalars<'_>, block: Block<'_, T>) {
        let [beta2, rest, eps, scale] = scalars.get::<T, 4>();
        let [exp_avg_sq, exp_avg, weight] = block.state.slots();
        let state = exp_avg_sq.iter_mut().zip(exp_avg).zip(weight);
        for (d, ((v, m), w)) in block.direction.iter_mut().zip(state) {
            *v = second([beta2, rest], *v, *d);
            let share = scale * *v;
            // Before the first gradient that is not 0 the mean is 0, and this is 0/0.
            let share = if share > eps { share } else { eps };
            let share = if share < T::one() { share } else { T::one() };
            *m = (T::one() - share) * *m + share * *d;
            *w = (T::one() - share) * *w + share;
            *d = *m / *w;
        }
    }
}
