//! AdaBelief.

use lowland_core::Real;
use lowland_core::stage::{Block, Clock, Scalars, Stage};

use super::moments::{Moments, first_correction};

/// AdaBelief: Adam with the mean square of the gradient's deviation from its mean in the place of the
/// mean square of the gradient.
///
/// With t the step, counted from 1:
/// ```text
/// m <- beta1 m + (1 - beta1) g        s <- beta2 s + (1 - beta2) (g - m)^2 + eps
/// d  = m / (1 - beta1^t) / (sqrt(s) / sqrt(1 - beta2^t) + eps)
/// ```
///
/// State: `exp_avg` = m, `exp_avg_var` = s.
///
/// Source: Zhuang et al., "AdaBelief Optimizer: Adapting Stepsizes by the Belief in Observed Gradients"
/// (NeurIPS 2020), algorithm 2. Deviations: the options of the authors' package (AMSGrad, the
/// rectification of RAdam) are not here.
///
/// ```
/// use lowland_core::{Chain, Clock};
/// use lowland_optim::stages::AdaBelief;
///
/// let chain = Chain::new().then(AdaBelief { betas: [0.5, 0.75], eps: 0.75 });
/// let (mut p, mut m, mut s) = ([1.0f64], [0.0f64], [0.0f64]);
/// chain.step(&Clock::at_step(1, 0.5), &mut p, &[2.0], &mut [&mut m, &mut s]);
/// assert_eq!((m, s), ([1.0], [0.25 * 1.0 + 0.75]));
/// assert!((p[0] - (1.0 - 0.5 * 2.0 / (1.0 / 0.5 + 0.75))).abs() < 1e-15);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdaBelief {
    /// The decay rates of the two means.
    pub betas: [f64; 2],
    /// What is added to the variance, and to its root.
    pub eps: f64,
}

impl Stage for AdaBelief {
    fn name(&self) -> &'static str {
        "adabelief"
    }

    fn slots(&self) -> Vec<String> {
        vec!["exp_avg".into(), "exp_avg_var".into()]
    }

    fn scalars(&self, clock: &Clock) -> Vec<f64> {
        let mut scalars = Moments::scalars(self.betas, self.eps, clock.step).to_vec();
        scalars.extend([first_correction(self.betas[0], clock), self.eps]);
        scalars
    }

    #[inline(always)]
    fn apply_block<T: Real>(&self, scalars: Scalars<'_>, block: Block<'_, T>) {
        let [moments @ .., factor, eps] = scalars.get::<T, 8>();
        let moments = Moments::new(moments);
        let [exp_avg, exp_avg_var] = block.state.slots();
        moments.update_around_mean(block.direction, exp_avg, exp_avg_var);
        exp_avg_var.iter_mut().for_each(|s| *s += eps);
        moments.quotient(factor, exp_avg, exp_avg_var, block.direction);
    }
}
