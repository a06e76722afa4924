//! AdaBound.

use lowland_core::Real;
use lowland_core::stage::{Block, Clock, Scalars, Stage};

use super::moments::{Moments, first_correction, running_max, uncorrected_eps};

/// AdaBound, and AMSBound: Adam whose step size of each element is kept between bounds that close in
/// on a constant, so that it ends as SGD with momentum.
///
/// With t the step, counted from 1, and f the final step size as a part of the learning rate:
/// ```text
/// m <- beta1 m + (1 - beta1) g        v <- beta2 v + (1 - beta2) g^2        vmax <- max(vmax, v)
/// e  = sqrt(1 - beta2^t) / (1 - beta1^t) / (sqrt(v or vmax) + eps)
/// d  = min(max(e, f (1 - 1 / (gamma t + 1))), f (1 + 1 / (gamma t))) m
/// ```
///
/// State: `exp_avg` = m, `exp_avg_sq` = v, with AMSBound `max_exp_avg_sq` = vmax.
///
/// Source: Luo et al., "Adaptive Gradient Methods with Dynamic Bound of Learning Rate" (ICLR 2019),
/// algorithm 2 and 3, and its authors' code. Deviation: the code is told the final step size itself
/// (0.1) and scales it with the schedule; here it is a multiple of the learning rate (100, which is
/// 0.1 at 1e-3).
///
/// ```
/// use lowland_core::{Chain, Clock};
/// use lowland_optim::stages::AdaBound;
///
/// let (betas, eps) = ([0.5, 0.75], 1e-12);
/// let chain = Chain::new().then(AdaBound {
///     betas, eps, final_lr_factor: 1.0, gamma: 1.0, amsbound: false,
/// });
/// let (mut p, mut m, mut v) = ([1.0f64], [0.0f64], [0.0f64]);
/// chain.step(&Clock::at_step(1, 0.25), &mut p, &[8.0], &mut [&mut m, &mut v]);
/// // 0.5 / 0.5 / sqrt(16) = 0.25 is below the bounds of the first step, 0.5 and 2.
/// assert_eq!((p, m, v), ([1.0 - 0.25 * 0.5 * 4.0], [4.0], [16.0]));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdaBound {
    /// The decay rates of the two means.
    pub betas: [f64; 2],
    /// What is added to the root.
    pub eps: f64,
    /// The step size that the bounds close in on, as a part of the learning rate.
    pub final_lr_factor: f64,
    /// How fast they close in.
    pub gamma: f64,
    /// Whether the second mean never shrinks.
    pub amsbound: bool,
}

impl Stage for AdaBound {
    fn name(&self) -> &'static str {
        "adabound"
    }

    fn slots(&self) -> Vec<String> {
        let all = ["exp_avg", "exp_avg_sq", "max_exp_avg_sq"];
        all[..2 + usize::from(self.amsbound)].iter().map(|&slot| slot.into()).collect()
    }

    fn scalars(&self, clock: &Clock) -> Vec<f64> {
        let eps = uncorrected_eps(self.eps, self.betas[1], clock.step);
        let mut scalars = Moments::scalars(self.betas, eps, clock.step).to_vec();
        let passed = self.gamma * clock.step as f64;
        let bounds = [1.0 - 1.0 / (passed + 1.0), 1.0 + 1.0 / passed];
        scalars.push(first_correction(self.betas[0], clock));
        scalars.extend(bounds.map(|bound| self.final_lr_factor * bound));
        scalars
    }

    fn constants(&self) -> Vec<u32> {
        vec![u32::from(self.amsbound)]
    }

    #[inline(always)]
    fn apply_block<T: Real>(&self, scalars: Scalars<'_>, block: Block<'_, T>) {
        let [moments @ .., factor, lower, upper] = scalars.get::<T, 9>();
        let moments = Moments::new(moments);
        let ([exp_avg, exp_avg_sq], mut others) = block.state.split();
        moments.update(block.direction, exp_avg, exp_avg_sq);
        let mut second: &[T] = exp_avg_sq;
        if let Some(max) = others.next() {
            running_max(max, exp_avg_sq);
            second = max;
        }
        block.direction.fill(factor);
        moments.divide(second, block.direction);
        for (d, &m) in block.direction.iter_mut().zip(&*exp_avg) {
            let raised = if *d < lower { lower } else { *d };
            *d = m * if raised > upper { upper } else { raised };
        }
    }
}
