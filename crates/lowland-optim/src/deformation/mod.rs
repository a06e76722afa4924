//! Deformations of the loss: instead of the loss L, descend f(L).
//!
//! The backward pass starts from f(L) in the place of L, so that every gradient is multiplied by the
//! one number f'(L). It is a matter of the loss, not of the optimizer, and goes with every one. What is
//! logged stays L.
//!
//! Source: "Deforming the Loss Surface to Affect the Behaviour of the Optimizer" (arXiv 2009.08274) and
//! "Deforming the Loss Surface" (arXiv 2007.12515).

pub(crate) mod atan_power;
pub(crate) mod config;
pub(crate) mod cyclic_sech;
pub(crate) mod linear_quadratic;
pub(crate) mod log_exp;
pub(crate) mod sech;
pub mod toy;
pub(crate) mod windowed_linear;

use std::fmt;
use std::sync::Arc;

pub use atan_power::AtanPower;
pub use config::DeformationConfig;
pub use cyclic_sech::CyclicSech;
pub use linear_quadratic::LinearQuadratic;
pub use log_exp::LogExp;
pub use sech::Sech;
pub use windowed_linear::WindowedLinear;

use crate::error::{Result, require};
use crate::schedule::EPOCH_ROUNDING;

/// A function of the loss and its derivative, for losses of 0 and more.
///
/// One of your own is these few lines:
///
/// ```
/// use lowland_optim::deformation::{DeformedLoss, Deformation, Deformed};
///
/// /// The root.
/// #[derive(Debug)]
/// struct Root;
///
/// impl Deformation for Root {
///     fn value(&self, loss: f64) -> f64 {
///         loss.sqrt()
///     }
///
///     fn slope(&self, loss: f64) -> f64 {
///         0.5 / loss.sqrt()
///     }
/// }
///
/// let deformed = DeformedLoss::new(Root).at(4.0, 0.0);
/// assert_eq!(deformed, Deformed { value: 2.0, slope: 0.25 });
/// ```
pub trait Deformation: fmt::Debug + Send + Sync + 'static {
    /// f(L).
    fn value(&self, loss: f64) -> f64;

    /// f'(L).
    fn slope(&self, loss: f64) -> f64;

    /// Both, after so many epochs: the number of epochs done, with the part that is done of the one
    /// under way. Only a deformation that changes with time needs one of its own.
    fn at(&self, loss: f64, _epoch_position: f64) -> Deformed {
        Deformed { value: self.value(loss), slope: self.slope(loss) }
    }
}

/// What a deformation makes of a loss.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Deformed {
    /// f(L).
    pub value: f64,
    /// f'(L), which multiplies every gradient.
    pub slope: f64,
}

/// A deformation with its options: relative to the loss at the start, in a part of the run, through
/// the origin.
///
/// ```
/// use lowland_optim::deformation::{AtanPower, DeformedLoss};
///
/// let deformation = AtanPower { a: 10.0, b: 1.0, g: 1.0, z: 1.0 };
/// let deformed = DeformedLoss::new(deformation).calming_down_at(150.0);
/// // 10 / (1 + L^2) + 1 at L = 2, and no deformation from epoch 151 on.
/// assert_eq!(deformed.at(2.0, 149.9).slope, 3.0);
/// assert_eq!(deformed.at(2.0, 150.0).slope, 1.0);
/// ```
#[derive(Clone, Debug)]
pub struct DeformedLoss {
    deformation: Arc<dyn Deformation>,
    initial_loss: f64,
    shift: bool,
    start: f64,
    end: f64,
}

impl DeformedLoss {
    /// A deformation of the loss as it is, all the time.
    #[must_use]
    pub fn new(deformation: impl Deformation) -> Self {
        let (start, end) = (f64::NEG_INFINITY, f64::INFINITY);
        let deformation = Arc::new(deformation);
        DeformedLoss { deformation, initial_loss: 1.0, shift: false, start, end }
    }

    /// Deforms L / L0 and multiplies back: `L0 f(L / L0)`, with the slope `f'(L / L0)`. L0 is the loss
    /// of the untrained network over the training set.
    ///
    /// # Errors
    /// [`Error::Hyper`](crate::Error::Hyper) where L0 is not above 0 and finite.
    pub fn normalised_by(self, initial_loss: f64) -> Result<Self> {
        let ok = initial_loss > 0.0 && initial_loss.is_finite();
        let field = || "deformation.normalise: the loss of the untrained network".into();
        require(ok, field, "above 0 and finite", initial_loss)?;
        Ok(DeformedLoss { initial_loss, ..self })
    }

    /// Takes f(0) off the value, so that a loss of 0 stays 0. The slope is the same.
    #[must_use]
    pub fn through_origin(self) -> Self {
        DeformedLoss { shift: true, ..self }
    }

    /// Deforms from the time on when so many epochs are done.
    #[must_use]
    pub fn starting_at(self, epochs: f64) -> Self {
        DeformedLoss { start: epochs, ..self }
    }

    /// Deforms up to the time when so many epochs are done, and leaves the loss as it is then: the
    /// epochs that calm down.
    #[must_use]
    pub fn calming_down_at(self, epochs: f64) -> Self {
        DeformedLoss { end: epochs, ..self }
    }

    /// Whether the loss is deformed at a point of the run.
    #[must_use]
    pub fn is_active(&self, epoch_position: f64) -> bool {
        let position = epoch_position + EPOCH_ROUNDING;
        self.start <= position && position < self.end
    }

    /// The deformed loss and its slope. `epoch_position` is the number of epochs done, with the part
    /// that is done of the one under way, as [`Schedule::lr`](crate::Schedule::lr) takes it.
    #[must_use]
    pub fn at(&self, loss: f64, epoch_position: f64) -> Deformed {
        if !self.is_active(epoch_position) {
            return Deformed { value: loss, slope: 1.0 };
        }
        let of = |loss: f64| self.deformation.at(loss, epoch_position);
        let Deformed { mut value, slope } = of(loss / self.initial_loss);
        if self.shift {
            value -= of(0.0).value;
        }
        Deformed { value: self.initial_loss * value, slope }
    }
}
