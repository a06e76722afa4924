//! Coupled weight decay: the gradient of an L2 penalty.

use lowland_core::Real;
use lowland_core::stage::{Block, Clock, Scalars, Stage};

/// Coupled weight decay (L2 penalty): it goes through whatever comes after it, momentum and
/// adaptive scaling included.
///
/// `d <- d + weight_decay * p`, no state.
///
/// Source: `weight_decay` of PyTorch's SGD and Adam, and of the MIAdam authors' code. Deviations:
/// none.
///
/// ```
/// use lowland_core::{Chain, Clock};
/// use lowland_optim::stages::WeightDecay;
///
/// let chain = Chain::new().then(WeightDecay { weight_decay: 0.5 });
/// let mut p = [4.0f64];
/// chain.step(&Clock::at_step(1, 0.1), &mut p, &[1.0], &mut []);
/// assert_eq!(p, [4.0 - 0.1 * (1.0 + 0.5 * 4.0)]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WeightDecay {
    /// The factor of the parameter, half the factor of its square in the penalised loss.
    pub weight_decay: f64,
}

impl Stage for WeightDecay {
    fn name(&self) -> &'static str {
        "weight_decay"
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
