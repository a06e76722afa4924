//! Heavy-ball and Nesterov momentum.

use lowland_core::Real;
use lowland_core::stage::{Block, Clock, Scalars, Stage};

/// Momentum in PyTorch's form: a running sum of directions, not a mean.
///
/// `b <- momentum * b + (1 - dampening) * d`, at the first step `b <- d`; then `d <- b`, or with
/// Nesterov `d <- d + momentum * b`.
///
/// State: `momentum_buffer` = b.
///
/// Source: `torch.optim.SGD`; Sutskever et al., "On the importance of initialization and momentum in
/// deep learning" (ICML 2013), equations 1 to 4, with the learning rate outside the buffer.
/// Deviations from PyTorch: none.
///
/// ```
/// use lowland_core::{Chain, Clock};
/// use lowland_optim::stages::Momentum;
///
/// let chain = Chain::new().then(Momentum { momentum: 0.5, dampening: 0.25, nesterov: false });
/// let (mut p, mut b) = ([1.0f64], [0.0f64]);
/// chain.step(&Clock::at_step(1, 0.5), &mut p, &[2.0], &mut [&mut b]);
/// assert_eq!((p, b), ([1.0 - 0.5 * 2.0], [2.0])); // no dampening at the first step
/// chain.step(&Clock::at_step(2, 0.5), &mut p, &[4.0], &mut [&mut b]);
/// assert_eq!((p, b), ([0.0 - 0.5 * 4.0], [0.5 * 2.0 + 0.75 * 4.0]));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Momentum {
    /// What is kept of the buffer at a step.
    pub momentum: f64,
    /// What is held back of the new direction.
    pub dampening: f64,
    /// Whether to look ahead.
    pub nesterov: bool,
}

impl Stage for Momentum {
    fn name(&self) -> &'static str {
        "momentum"
    }

    fn slots(&self) -> Vec<String> {
        vec!["momentum_buffer".into()]
    }

    fn scalars(&self, clock: &Clock) -> Vec<f64> {
        let share = if clock.step == 1 { 1.0 } else { 1.0 - self.dampening };
        vec![self.momentum, share]
    }

    fn constants(&self) -> Vec<u32> {
        vec![u32::from(self.nesterov)]
    }

    #[inline(always)]
    fn apply_block<T: Real>(&self, scalars: Scalars<'_>, block: Block<'_, T>) {
        let [momentum, share] = scalars.get::<T, 2>();
        let [buffer] = block.state.slots();
        let elements = block.direction.iter_mut().zip(buffer);
        if self.nesterov {
            for (d, b) in elements {
                *b = momentum * *b + share * *d;
                *d += momentum * *b;
            }
        } else {
            for (d, b) in elements {
                *b = momentum * *b + share * *d;
                *d = *b;
            }
        }
    }
}
