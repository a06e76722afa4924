//! Clipping by value.

use lowland_core::Real;
use lowland_core::stage::{Block, Clock, Scalars, Stage};

/// Clipping of each element by value: `d <- min(max(d, -limit), limit)`, no state. A NaN stays.
///
/// Source: `torch.nn.utils.clip_grad_value_`, as the first link of a chain. Deviations: none.
///
/// ```
/// use lowland_core::{Chain, Clock};
/// use lowland_optim::stages::ClipValue;
///
/// let mut p = [0.0f64; 3];
/// let chain = Chain::new().then(ClipValue { limit: 2.0 });
/// chain.step(&Clock::at_step(1, 0.5), &mut p, &[3.0, -7.0, 1.0], &mut []);
/// assert_eq!(p, [-1.0, 1.0, -0.5]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClipValue {
    /// The largest magnitude, above 0.
    pub limit: f64,
}

impl Stage for ClipValue {
    fn name(&self) -> &'static str {
        "clip_value"
    }

    fn scalars(&self, _: &Clock) -> Vec<f64> {
        vec![self.limit]
    }

    #[inline(always)]
    fn apply_block<T: Real>(&self, scalars: Scalars<'_>, block: Block<'_, T>) {
        let [limit] = scalars.get::<T, 1>();
        for d in block.direction {
            let below = if *d > limit { limit } else { *d };
            *d = if below < -limit { -limit } else { below };
        }
    }
}
