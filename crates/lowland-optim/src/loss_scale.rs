//! Loss scaling: what keeps gradients in half precision from vanishing.

use serde::{Deserialize, Serialize};

use crate::error::{Result, require};

/// A factor of the loss that follows the gradients' range: as large as they can bear.
///
/// The smallest positive number of f16 is 6e-8, and many gradients of a network are below it: rounded to
/// f16, they are 0, and the parameters behind them stay. A loss times s has gradients times s, which are
/// rounded above that; they are divided by s in `f32`, and a step goes on as without. A gradient that is
/// not finite shows that s was too large: the step is left out, and
///
/// ```text
/// s <- backoff_factor s                                             after such a step,
/// s <- growth_factor s    after growth_interval steps in a row without one.
/// ```
///
/// The fields are what PyTorch's `torch.amp.GradScaler` has in its `state_dict`, under its names, with its
/// defaults, so that either reads the other's; [`LossScale::update`] does what its `update` does, with
/// one difference: here the scale never falls below the least normal number of `f32`, and so never
/// becomes 0.
///
/// bf16 has the range of `f32`: its gradients vanish no earlier, and need no scale. The networks of this
/// workspace are `f32` and `f64`; this is for training loops with half-precision gradients of their own.
///
/// Source: Micikevicius et al. 2018, "Mixed Precision Training", section 3.2.
///
/// # Example
/// A parameter whose gradients are about 1e-9, and a scale that is far too large at first:
///
/// ```
/// use half::f16;
/// use lowland_core::Clock;
/// use lowland_optim::{LossScale, Optimizer, Sgd};
///
/// /// Descends on 1e-9 (w - 3)² / 2, whose gradients are rounded to f16; returns w and the scale.
/// fn train(mut scale: LossScale) -> Result<([f32; 1], LossScale), lowland_optim::Error> {
///     let mut optimizer = Optimizer::new(Sgd::default().chain()?);
///     let (mut w, mut grads) = ([0.0f32], [0.0f32]);
///     for step in 1..=60 {
///         let rounded = [f16::from_f32(scale.scale * 1e-9 * (w[0] - 3.0))];
///         let finite = scale.unscale_from(&rounded, &mut grads);
///         if finite {
///             optimizer.step(&Clock::at_step(step, 2e8), &mut [("w", &mut w, &grads)])?;
///         }
///         scale.update(finite);
///     }
///     Ok((w, scale))
/// }
///
/// // Without a scale, the gradient is 0 and nothing is learnt.
/// let (w, _) = train(LossScale { scale: 1.0, ..LossScale::default() })?;
/// assert_eq!(w, [0.0]);
/// let (w, scale) = train(LossScale::default())?;
/// assert!((w[0] - 3.0).abs() < 0.01, "{w:?}");
/// assert_eq!(scale.scale, 65536.0);
/// // 2^60 overflows until it has been halved often enough: sixteen steps are lost, no more.
/// let huge = LossScale { scale: 2f32.powi(60), ..LossScale::default() };
/// let (w, scale) = train(huge)?;
/// assert!((w[0] - 3.0).abs() < 0.01, "{w:?}");
/// assert_eq!(scale.scale, 2f32.powi(44));
/// # Ok::<(), lowland_optim::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LossScale {
    /// What the loss is multiplied by, above 0: 2^16 at the start.
    pub scale: f32,
    /// What it is multiplied by when it grows, above 1: 2.
    pub growth_factor: f64,
    /// What it is multiplied by after gradients that are not finite, in (0, 1): a half.
    pub backoff_factor: f64,
    /// Finite steps in a row after which it grows, 1 or more: 2000.
    pub growth_interval: u64,
    /// Finite steps since it last changed: 0 at the start.
    #[serde(rename = "_growth_tracker")]
    pub growth_tracker: u64,
}

impl Default for LossScale {
    fn default() -> Self {
        LossScale {
            scale: 65536.0,
            growth_factor: 2.0,
            backoff_factor: 0.5,
            growth_interval: 2000,
            growth_tracker: 0,
        }
    }
}

impl LossScale {
    /// Checks the fields: those that were written by hand, or read from a file.
    ///
    /// # Errors
    /// [`Error::Hyper`](crate::Error::Hyper) with the field.
    pub fn validate(&self) -> Result<()> {
        let &LossScale { scale, growth_factor, backoff_factor, growth_interval, growth_tracker } =
            self;
        let field = |name: &'static str| move || format!("loss_scale.{name}");
        let ok = scale.is_normal() && scale > 0.0;
        require(ok, field("scale"), "above 0, finite and normal in f32", scale)?;
        let ok = growth_factor > 1.0 && growth_factor.is_finite();
        require(ok, field("growth_factor"), "above 1 and finite", growth_factor)?;
        let ok = backoff_factor > 0.0 && backoff_factor < 1.0;
        require(ok, field("backoff_factor"), "in (0, 1)", backoff_factor)?;
        require(growth_interval > 0, field("growth_interval"), "1 or more", growth_interval)?;
        let allowed = "below growth_interval, after which it is 0 again";
        require(growth_tracker < growth_interval, field("_growth_tracker"), allowed, growth_tracker)
    }

    /// Divides gradients of the scaled loss by the scale, and tells whether all of them were finite. Of
    /// several parameters, all are divided before the answers are put together: one gradient that is not
    /// finite is enough to leave out the whole step.
    ///
    /// Gradients that stay scaled are clipped to a norm of the bound times the scale.
    #[must_use]
    pub fn unscale(&self, grads: &mut [f32]) -> bool {
        let inverse = self.inverse();
        let mut finite = true;
        for grad in grads {
            finite &= grad.is_finite();
            *grad *= inverse;
        }
        finite
    }

    /// [`LossScale::unscale`] from gradients in half precision: `f16` or `bf16` of the half crate.
    ///
    /// # Panics
    /// Where there are other numbers of the two.
    #[must_use]
    pub fn unscale_from<H: Copy + Into<f32>>(&self, scaled: &[H], grads: &mut [f32]) -> bool {
        assert_eq!(scaled.len(), grads.len(), "one gradient per scaled gradient");
        grads.iter_mut().zip(scaled).for_each(|(grad, &scaled)| *grad = scaled.into());
        self.unscale(grads)
    }

    fn inverse(&self) -> f32 {
        (1.0 / f64::from(self.scale)) as f32
    }

    /// Ends a step: whether its gradients were finite decides what the next one is scaled by.
    pub fn update(&mut self, finite: bool) {
        if !finite {
            let smaller = (f64::from(self.scale) * self.backoff_factor) as f32;
            self.scale = smaller.max(f32::MIN_POSITIVE);
            self.growth_tracker = 0;
            return;
        }
        self.growth_tracker = self.growth_tracker.saturating_add(1);
        if self.growth_tracker >= self.growth_interval {
            let larger = (f64::from(self.scale) * self.growth_factor) as f32;
            // At the end of the range it stays.
            if larger.is_finite() {
                self.scale = larger;
            }
            self.growth_tracker = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_gradient_that_is_not_finite_is_enough() {
        let scale = LossScale { scale: 4.0, ..LossScale::default() };
        let mut grads = [8.0, -2.0, 0.0];
        assert!(scale.unscale(&mut grads));
        assert_eq!(grads, [2.0, -0.5, 0.0]);
        assert!(scale.unscale(&mut []), "nothing overflows nowhere");
        for wrong in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            assert!(!scale.unscale(&mut [1.0, wrong, 2.0]));
        }
        let half = [half::bf16::from_f32(3.0), half::bf16::INFINITY];
        assert!(!scale.unscale_from(&half, &mut [0.0; 2]));
    }

    #[test]
    fn the_scale_stays_in_the_range_of_f32() {
        let mut scale = LossScale { scale: 1e-37, ..LossScale::default() };
        (0..200).for_each(|_| scale.update(false));
        assert_eq!(scale.scale, f32::MIN_POSITIVE);
        assert!(scale.inverse().is_finite());
        let mut scale = LossScale { scale: 1e38, growth_interval: 1, ..LossScale::default() };
        (0..200).for_each(|_| scale.update(true));
        assert_eq!(scale.scale, 2e38);
        scale.validate().unwrap();
    }

    #[test]
    fn fields_out_of_range_are_refused_with_their_name() {
        let start = LossScale::default();
        start.validate().unwrap();
        let message = |scale: LossScale| scale.validate().unwrap_err().to_string();
        for scale in [0.0, -1.0, f32::NAN, f32::INFINITY, 1e-40] {
            assert!(message(LossScale { scale, ..start }).starts_with("loss_scale.scale must be"));
        }
        assert_eq!(
            message(LossScale { growth_factor: 1.0, ..start }),
            "loss_scale.growth_factor must be above 1 and finite; got 1.0"
        );
        assert_eq!(
            message(LossScale { backoff_factor: 1.0, ..start }),
            "loss_scale.backoff_factor must be in (0, 1); got 1.0"
        );
        assert!(message(LossScale { growth_interval: 0, ..start }).contains("1 or more; got 0"));
        assert!(message(LossScale { growth_tracker: 2000, ..start }).contains("_growth_tracker"));
    }
}
