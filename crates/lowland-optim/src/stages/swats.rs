//! SWATS.

use lowland_core::Real;
use lowland_core::measure::{Elements, Measure};
use lowland_core::stage::{Block, Clock, Scalars};

use super::moments::{Moments, first_correction, uncorrected_eps};
use crate::measured::{Measured, Totals};

/// SWATS: Adam that switches to SGD with momentum, once the learning rate that SGD would need for
/// Adam's steps has settled.
///
/// With k the step, counted from 1, sums over all parameters, and Adam's direction a:
/// ```text
/// m <- beta1 m + (1 - beta1) g        v <- beta2 v + (1 - beta2) g^2
/// a  = m sqrt(1 - beta2^k) / (1 - beta1^k) / (sqrt(v) + eps)
/// q  = sum(a a) / sum(a g)            where the divisor is not 0:
/// lambda <- beta2 lambda + (1 - beta2) q                  Lambda = lambda / (1 - beta2^k)
/// Adam:  d = a,                       until k > 1 and lr |Lambda - q| < tolerance
/// SGD:   b <- beta1 b + g             d = (1 - beta1) Lambda b
/// ```
///
/// State: `exp_avg` = m, `exp_avg_sq` = v, `momentum_buffer` = b. Measured, until it switches: the sums
/// in q. Memory: `steps` = k, `lambda`, and `sgd_lr` = Lambda, which is 0 before the switch.
///
/// Source: Keskar and Socher, "Improving Generalization Performance by Switching from Adam to SGD"
/// (arXiv 1712.07628), algorithm 1. Deviations: none at a constant learning rate, but that it switches
/// only to a rate above 0. The paper's `gamma = p p / (-p g)` of the step `p = -lr a` is `lr q`; here q,
/// lambda and Lambda are multiples of the learning rate, so that a schedule goes on to scale steps of SGD
/// as it scaled those of Adam. The two uses of the paper's epsilon have a field each. Where groups have
/// factors f of the learning rate, the terms of both sums are weighted by `f^2`: SGD's learning rate of
/// a group is Lambda times its own.
///
/// ```
/// use lowland_core::Clock;
/// use lowland_optim::stages::Swats;
/// use lowland_optim::{Optimizer, Update};
///
/// let swats = Swats { betas: [0.0, 0.5], eps: 1e-30, tolerance: 1e-3 };
/// let mut optimizer = Optimizer::new(Update::new().measured(swats));
/// let (mut a, mut b) = ([1.0f64], [1.0f64]);
/// for step in 1..=3 {
///     let params: &mut [(&str, &mut [f64], &[f64])] =
///         &mut [("a", &mut a, &[2.0]), ("b", &mut b, &[-6.0])];
///     optimizer.step(&Clock::at_step(step, 0.5), params)?;
/// }
/// // Of gradients that stay the same, two Adam directions are their signs: q = (1 + 1) / (2 + 6).
/// assert_eq!(optimizer.state().together["swats.sgd_lr"], 0.25);
/// // The third step is one of SGD.
/// assert!((a[0] - (1.0 - 0.5 * (1.0 + 1.0 + 0.25 * 2.0))).abs() < 1e-15);
/// assert!((b[0] - (1.0 + 0.5 * (1.0 + 1.0 + 0.25 * 6.0))).abs() < 1e-15);
/// # Ok::<(), lowland_optim::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Swats {
    /// The decay rates of the two means; the first is SGD's momentum too, the second that of lambda.
    pub betas: [f64; 2],
    /// What is added to the root.
    pub eps: f64,
    /// How near the learning rate of SGD must be to its mean.
    pub tolerance: f64,
}

/// The defaults of the paper.
impl Default for Swats {
    fn default() -> Self {
        Swats { betas: [0.9, 0.999], eps: 1e-9, tolerance: 1e-9 }
    }
}

impl Swats {
    /// What Adam's direction is computed with: moments, and the factor of the numerator.
    fn adam(&self, clock: &Clock) -> Vec<f64> {
        let eps = uncorrected_eps(self.eps, self.betas[1], clock.step);
        let mut scalars = Moments::scalars(self.betas, eps, clock.step).to_vec();
        scalars.push(first_correction(self.betas[0], clock));
        scalars
    }
}

impl Measure for Swats {
    fn name(&self) -> &'static str {
        "swats"
    }

    fn sums(&self) -> &'static [&'static str] {
        &["adam_adam", "adam_gradient"]
    }

    fn reads(&self) -> usize {
        2
    }

    fn scalars(&self, clock: &Clock) -> Vec<f64> {
        let mut scalars = self.adam(clock);
        scalars.push(clock.lr * clock.lr);
        scalars
    }

    #[inline(always)]
    fn terms<T: Real>(&self, scalars: Scalars<'_>, elements: Elements<'_, T>) {
        let [moments @ .., factor, _] = scalars.get::<T, 8>();
        let weight = scalars.get::<f64, 8>()[7];
        let moments = Moments::new(moments);
        let (direction, [exp_avg, exp_avg_sq], [steps, gradients]) = elements.split();
        let state = direction.iter().zip(exp_avg).zip(exp_avg_sq);
        for ((step, gradient), ((&g, &m), &v)) in steps.iter_mut().zip(gradients).zip(state) {
            let adam = moments.direction_after(factor, g, m, v).f64();
            *step = weight * (adam * adam);
            *gradient = weight * (adam * g.f64());
        }
    }
}

impl Measured for Swats {
    fn slots(&self) -> Vec<String> {
        ["exp_avg", "exp_avg_sq", "momentum_buffer"].map(String::from).to_vec()
    }

    fn memory(&self) -> &'static [&'static str] {
        &["steps", "lambda", "sgd_lr"]
    }

    fn is_due(&self, memory: &[f64]) -> bool {
        memory[2] == 0.0
    }

    fn until(&self) -> &'static str {
        "until it switches"
    }

    fn step_scalars(&self, clock: &Clock, _: &Totals, memory: &[f64]) -> Vec<f64> {
        let mut scalars = self.adam(clock);
        scalars.push((1.0 - self.betas[0]) * memory[2]);
        scalars
    }

    fn remember(&self, clock: &Clock, totals: &Totals, memory: &mut [f64]) {
        let ([steps, lambda, sgd_lr], &[adam_adam, adam_gradient]) = (memory, &totals.sums[..])
        else {
            return;
        };
        *steps += 1.0;
        if adam_gradient == 0.0 {
            return;
        }
        let beta2 = self.betas[1];
        let ratio = adam_adam / adam_gradient;
        *lambda = beta2 * *lambda + (1.0 - beta2) * ratio;
        let mean = *lambda / (1.0 - beta2.powf(*steps));
        let settled = clock.lr * (mean - ratio).abs() < self.tolerance;
        if *steps > 1.0 && settled && mean > 0.0 {
            *sgd_lr = mean;
        }
    }

    #[inline(always)]
    fn apply_block<T: Real>(&self, scalars: Scalars<'_>, block: Block<'_, T>) {
        let [moments @ .., factor, sgd_rate] = scalars.get::<T, 8>();
        let moments = Moments::new(moments);
        let [exp_avg, exp_avg_sq, buffer] = block.state.slots();
        if sgd_rate == T::zero() {
            moments.update(block.direction, exp_avg, exp_avg_sq);
            moments.quotient(factor, exp_avg, exp_avg_sq, block.direction);
            return;
        }
        let momentum = moments.first_decay();
        for (d, b) in block.direction.iter_mut().zip(buffer) {
            *b = momentum * *b + *d;
            *d = sgd_rate * *b;
        }
    }
}
