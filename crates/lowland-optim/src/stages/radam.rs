//! RAdam.

use lowland_core::Real;
use lowland_core::stage::{Block, Clock, Scalars, Stage};

use super::moments::{Moments, first_correction, uncorrected_eps};

/// RAdam: Adam whose quotient waits until the variance of its denominator is known to be finite, and
/// is then rectified.
///
/// With t the step, counted from 1, `r_max = 2 / (1 - beta2) - 1` and
/// `r = r_max - 2 t beta2^t / (1 - beta2^t)`:
/// ```text
/// m <- beta1 m + (1 - beta1) g        v <- beta2 v + (1 - beta2) g^2
/// r > 5:  d = m / (1 - beta1^t) * sqrt((r - 4) (r - 2) r_max / ((r_max - 4) (r_max - 2) r))
///             * sqrt(1 - beta2^t) / (sqrt(v) + eps)
/// else:   d = m / (1 - beta1^t)
/// ```
///
/// State: `exp_avg` = m, `exp_avg_sq` = v.
///
/// Source: Liu et al., "On the Variance of the Adaptive Learning Rate and Beyond" (ICLR 2020),
/// algorithm 2; `torch.optim.RAdam`, from which the threshold (5, in the paper 4) and the place of eps
/// are. Deviations from PyTorch: none.
///
/// ```
/// use lowland_core::{Chain, Clock};
/// use lowland_optim::stages::RAdam;
///
/// let chain = Chain::new().then(RAdam { betas: [0.5, 0.999], eps: 1e-8 });
/// let (mut p, mut m, mut v) = ([1.0f64], [0.0f64], [0.0f64]);
/// chain.step(&Clock::at_step(1, 0.25), &mut p, &[2.0], &mut [&mut m, &mut v]);
/// assert_eq!((p, m), ([1.0 - 0.25 * 2.0], [1.0])); // r is 1: the mean alone
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RAdam {
    /// The decay rates of the two means.
    pub betas: [f64; 2],
    /// What is added to the root.
    pub eps: f64,
}

impl RAdam {
    /// The rectification of a step; `None` where it takes the mean alone.
    fn rectification(&self, step: u64) -> Option<f64> {
        let (beta2, t) = (self.betas[1], step as f64);
        let most = 2.0 / (1.0 - beta2) - 1.0;
        let power = beta2.powf(t);
        let r = most - 2.0 * t * power / (1.0 - power);
        let ratio = (r - 4.0) * (r - 2.0) * most / ((most - 4.0) * (most - 2.0) * r);
        (r > 5.0).then(|| ratio.sqrt())
    }
}

impl Stage for RAdam {
    fn name(&self) -> &'static str {
        "radam"
    }

    fn slots(&self) -> Vec<String> {
        vec!["exp_avg".into(), "exp_avg_sq".into()]
    }

    fn scalars(&self, clock: &Clock) -> Vec<f64> {
        let eps = uncorrected_eps(self.eps, self.betas[1], clock.step);
        let mut scalars = Moments::scalars(self.betas, eps, clock.step).to_vec();
        let rectification = self.rectification(clock.step);
        let factor = first_correction(self.betas[0], clock) * rectification.unwrap_or(1.0);
        scalars.extend([factor, f64::from(u8::from(rectification.is_some()))]);
        scalars
    }

    #[inline(always)]
    fn apply_block<T: Real>(&self, scalars: Scalars<'_>, block: Block<'_, T>) {
        let [moments @ .., factor, rectified] = scalars.get::<T, 8>();
        let moments = Moments::new(moments);
        let [exp_avg, exp_avg_sq] = block.state.slots();
        moments.update(block.direction, exp_avg, exp_avg_sq);
        if rectified != T::zero() {
            moments.quotient(factor, exp_avg, exp_avg_sq, block.direction);
        } else {
            for (d, &m) in block.direction.iter_mut().zip(&*exp_avg) {
                *d = factor * m;
            }
        }
    }
}
