//! Adam and AMSGrad.

use lowland_core::Real;
use lowland_core::stage::{Block, Clock, Scalars, Stage};

use super::moments::{Moments, first_correction, running_max, uncorrected_eps};

/// Adam: the mean of the gradient over the root of the mean of its square, or with AMSGrad over the
/// root of that mean's largest value so far.
///
/// With t the step, counted from 1:
/// ```text
/// m <- beta1 m + (1 - beta1) g        v <- beta2 v + (1 - beta2) g^2        vmax <- max(vmax, v)
/// d  = m / (1 - beta1^t) / (sqrt(v or vmax) / sqrt(1 - beta2^t) + eps)
/// uncorrected eps:  d = m / (1 - beta1^t) * sqrt(1 - beta2^t) / (sqrt(v or vmax) + eps)
/// ```
///
/// State: `exp_avg` = m, `exp_avg_sq` = v, with AMSGrad `max_exp_avg_sq` = vmax (of the uncorrected
/// v).
///
/// Source: Kingma and Ba, "Adam" (ICLR 2015), algorithm 1; Reddi et al., "On the Convergence of Adam
/// and Beyond" (ICLR 2018), algorithm 2; `torch.optim.Adam`. Deviations: eps is added after the bias
/// correction of the root, as in PyTorch and in algorithm 1, or before it, as at the end of the first
/// paper's section 2 and in the code of "Activated Gradients for Deep Neural Networks"; AMSGrad has bias corrections, as in
/// PyTorch and not in its paper.
///
/// ```
/// use lowland_core::{Chain, Clock};
/// use lowland_optim::stages::Adam;
///
/// let chain = Chain::new().then(Adam { betas: [0.75, 0.9375], eps: 0.5, ..Adam::default() });
/// let (mut p, mut m, mut v) = ([1.0f64], [0.0f64], [0.0f64]);
/// chain.step(&Clock::at_step(1, 0.25), &mut p, &[2.0], &mut [&mut m, &mut v]);
/// assert_eq!((m, v), ([0.25 * 2.0], [0.0625 * 4.0]));
/// // m / 0.25 = 2 and sqrt(v) / sqrt(0.0625) = 2
/// assert_eq!(p, [1.0 - 0.25 * 2.0 / (2.0 + 0.5)]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adam {
    /// The decay rates of the two means.
    pub betas: [f64; 2],
    /// What is added to the root.
    pub eps: f64,
    /// Whether the second mean never shrinks.
    pub amsgrad: bool,
    /// Whether eps is added to the root before its bias correction.
    pub uncorrected_eps: bool,
}

/// The defaults of PyTorch.
impl Default for Adam {
    fn default() -> Self {
        Adam { betas: [0.9, 0.999], eps: 1e-8, amsgrad: false, uncorrected_eps: false }
    }
}

impl Stage for Adam {
    fn name(&self) -> &'static str {
        "adam"
    }

    fn slots(&self) -> Vec<String> {
        let all = ["exp_avg", "exp_avg_sq", "max_exp_avg_sq"];
        all[..2 + usize::from(self.amsgrad)].iter().map(|&slot| slot.into()).collect()
    }

    fn scalars(&self, clock: &Clock) -> Vec<f64> {
        let eps = match self.uncorrected_eps {
            true => uncorrected_eps(self.eps, self.betas[1], clock.step),
            false => self.eps,
        };
        let mut scalars = Moments::scalars(self.betas, eps, clock.step).to_vec();
        scalars.push(first_correction(self.betas[0], clock));
        scalars
    }

    fn constants(&self) -> Vec<u32> {
        vec![u32::from(self.amsgrad)]
    }

    #[inline(always)]
    fn apply_block<T: Real>(&self, scalars: Scalars<'_>, block: Block<'_, T>) {
        let [moments @ .., factor] = scalars.get::<T, 7>();
        let moments = Moments::new(moments);
        let ([exp_avg, exp_avg_sq], mut others) = block.state.split();
        moments.update(block.direction, exp_avg, exp_avg_sq);
        let mut second: &[T] = exp_avg_sq;
        if let Some(max) = others.next() {
            running_max(max, exp_avg_sq);
            second = max;
        }
        moments.quotient(factor, exp_avg, second, block.direction);
    }
}
