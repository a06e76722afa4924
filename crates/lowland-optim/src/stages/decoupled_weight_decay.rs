//! Decoupled weight decay: the last stage of a chain.

use lowland_core::Real;
use lowland_core::stage::{Block, Clock, Scalars, Stage};

/// Decoupled weight decay: placed last, so that it passes through neither momentum nor adaptive
/// scaling and only the learning rate multiplies it.
///
/// `d <- d + weight_decay * p`, so that the step is `p <- p - lr * (d + weight_decay * p)`; no
/// state.
///
/// Source: Loshchilov and Hutter, "Decoupled Weight Decay Regularization" (ICLR 2019), algorithms 1
/// and 2 with the schedule multiplier in the learning rate, as in PyTorch's AdamW. Deviations:
/// AdamW multiplies `p` by `1 - lr * weight_decay` first and subtracts `lr * d` then; that is the
/// same number, rounded at another place.
///
/// ```
/// use lowland_core::{Chain, Clock};
/// use lowland_optim::stages::DecoupledWeightDecay;
///
/// let chain = Chain::new().then(DecoupledWeightDecay { weight_decay: 0.5 });
/// let mut p = [4.0f64];
/// chain.step(&Clock::at_step(1, 0.25), &mut p, &[1.0], &mut []);
/// assert_eq!(p, [4.0 * (1.0 - 0.25 * 0.5) - 0.25 * 1.0]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DecoupledWeightDecay {
    /// The part of the parameter that goes at a learning rate of 1.
    pub weight_decay: f64,
}

impl Stage for DecoupledWeightDecay {
    fn name(&self) -> &'static str {
        "decoupled_weight_decay"
    }

    fn scalars(&self, _: &Clock) -> Vec<f64> {
        vec![self.weight_decay]
    }

    #[inline(always)]
    fn apply_block<T: Real>(&self, scalars: Scalars<'_>, block: Block<'_, T>) {
        let [weight_decay] = scalars.get::<T, 1>();
        for (d, &p) in block.direction.iter_mut().zip(block.params) {
            *d += weight_decay * p;
        }
    }
}
