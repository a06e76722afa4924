//! NAdam.

use std::sync::{Mutex, PoisonError};

use lowland_core::Real;
use lowland_core::stage::{Block, Clock, Scalars, Stage};

use super::moments::Moments;

/// NAdam: Adam with Nesterov momentum, whose decay rate warms up.
///
/// With t the step, counted from 1, `mu_t = beta1 (1 - 0.96^(t momentum_decay) / 2)` and
/// `P_t = mu_1 .. mu_t`:
/// ```text
/// m <- beta1 m + (1 - beta1) g        v <- beta2 v + (1 - beta2) g^2
/// d  = ((1 - mu_t) / (1 - P_t) g + mu_(t+1) / (1 - P_(t+1)) m) / (sqrt(v) / sqrt(1 - beta2^t) + eps)
/// ```
///
/// State: `exp_avg` = m, `exp_avg_sq` = v. P_t is a matter of the step alone, and no state.
///
/// Source: Dozat, "Incorporating Nesterov Momentum into Adam" (ICLR workshop 2016); `torch.optim.NAdam`.
/// Deviations from PyTorch: P_t is a product in `f64`, there in `f32`.
///
/// ```
/// use lowland_core::{Chain, Clock};
/// use lowland_optim::stages::NAdam;
///
/// let chain = Chain::new().then(NAdam::new([0.5, 0.75], 1.0, 0.0)); // mu = 0.25 at every step
/// let (mut p, mut m, mut v) = ([1.0f64], [0.0f64], [0.0f64]);
/// chain.step(&Clock::at_step(1, 0.5), &mut p, &[2.0], &mut [&mut m, &mut v]);
/// assert_eq!((m, v), ([1.0], [1.0]));
/// // sqrt(v) / sqrt(0.25) = 2
/// let direction = (0.75 / 0.75 * 2.0 + 0.25 / (1.0 - 0.0625) * 1.0) / (2.0 + 1.0);
/// assert!((p[0] - (1.0 - 0.5 * direction)).abs() < 1e-15);
/// ```
#[derive(Debug)]
pub struct NAdam {
    betas: [f64; 2],
    eps: f64,
    momentum_decay: f64,
    /// A step and its P_t, from which the next one is a factor away.
    product: Mutex<(u64, f64)>,
}

impl NAdam {
    /// The stage: the decay rates of the two means, what is added to the root, and how fast the
    /// momentum warms up.
    #[must_use]
    pub fn new(betas: [f64; 2], eps: f64, momentum_decay: f64) -> Self {
        NAdam { betas, eps, momentum_decay, product: Mutex::new((0, 1.0)) }
    }

    fn momentum(&self, step: u64) -> f64 {
        self.betas[0] * (1.0 - 0.5 * 0.96f64.powf(step as f64 * self.momentum_decay))
    }

    /// P_t, always from the first factor on, so that it does not matter which was asked for before.
    fn product(&self, step: u64) -> f64 {
        let mut known = self.product.lock().unwrap_or_else(PoisonError::into_inner);
        let start = if known.0 <= step { *known } else { (0, 1.0) };
        let factors = (start.0 + 1..=step).map(|t| self.momentum(t));
        *known = (step, factors.fold(start.1, |product, factor| product * factor));
        known.1
    }
}

impl Stage for NAdam {
    fn name(&self) -> &'static str {
        "nadam"
    }

    fn slots(&self) -> Vec<String> {
        vec!["exp_avg".into(), "exp_avg_sq".into()]
    }

    fn scalars(&self, clock: &Clock) -> Vec<f64> {
        let mut scalars = Moments::scalars(self.betas, self.eps, clock.step).to_vec();
        let (now, next) = (self.momentum(clock.step), self.momentum(clock.step + 1));
        let product = self.product(clock.step);
        scalars.extend([(1.0 - now) / (1.0 - product), next / (1.0 - product * next)]);
        scalars
    }

    #[inline(always)]
    fn apply_block<T: Real>(&self, scalars: Scalars<'_>, block: Block<'_, T>) {
        let [moments @ .., of_gradient, of_mean] = scalars.get::<T, 8>();
        let moments = Moments::new(moments);
        let [exp_avg, exp_avg_sq] = block.state.slots();
        moments.update(block.direction, exp_avg, exp_avg_sq);
        for (d, &m) in block.direction.iter_mut().zip(&*exp_avg) {
            *d = of_gradient * *d + of_mean * m;
        }
        moments.divide(exp_avg_sq, block.direction);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_do_not_depend_on_what_was_asked_before() {
        let fresh = |step| NAdam::new([0.9, 0.999], 1e-8, 4e-3).scalars(&Clock::at_step(step, 0.1));
        let asked = NAdam::new([0.9, 0.999], 1e-8, 4e-3);
        for step in [1, 2, 3, 10, 4, 4, 100_000, 1] {
            assert_eq!(asked.scalars(&Clock::at_step(step, 0.1)), fresh(step));
        }
    }
}
