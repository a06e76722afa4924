//! What is measured: a loss as a function of all parameters.

use crate::error::{check_finite, check_length};
use crate::vector::moved;
use crate::{Error, Result};

/// A loss as a function of a flat vector of parameters, with its gradient.
///
/// Points are `f64`, whatever a network computes in: see [`Objective::relative_step`]. Evaluating twice at
/// a point **must** give equal bits.
pub trait Objective {
    /// The number of parameters.
    fn dimension(&self) -> usize;

    /// The loss at a point.
    ///
    /// # Errors
    /// [`Error::Length`], and what the objective itself cannot do.
    fn loss(&mut self, at: &[f64]) -> Result<f64>;

    /// The loss at a point, and its gradient.
    ///
    /// # Errors
    /// As [`Objective::loss`].
    fn gradient(&mut self, at: &[f64]) -> Result<(f64, Vec<f64>)>;

    /// `∇L(w + step) - ∇L(w - step)`, of which products with the Hessian are made. An objective whose
    /// gradient jumps takes both on the smooth piece of L that w lies on, so that the quotient is the
    /// derivative of the gradient at w.
    ///
    /// # Errors
    /// As [`Objective::gradient`]; [`Error::NonFinite`] where a gradient is not.
    fn gradient_difference(&mut self, at: &[f64], step: &[f64]) -> Result<Vec<f64>> {
        let place = || "a step from the point".to_string();
        let (_, ahead) = gradient_at(self, &moved(at, 1.0, step), place)?;
        let (_, behind) = gradient_at(self, &moved(at, -1.0, step), place)?;
        Ok(moved(&ahead, -1.0, &behind))
    }

    /// The length of such a step, relative to 1 + |w|: by default ε^(1/3) with the relative spacing ε of
    /// `f64`, which balances rounding and the third derivative where L varies on the scale of w.
    fn relative_step(&self) -> f64 {
        f64::EPSILON.cbrt()
    }
}

/// The objective that a closure computes: the loss and the gradient at a point.
///
/// ```
/// use lowland_landscape::{Function, Objective};
///
/// // 2 x² + y²
/// let mut f = Function::new(2, |w: &[f64]| {
///     (2.0 * w[0] * w[0] + w[1] * w[1], vec![4.0 * w[0], 2.0 * w[1]])
/// });
/// assert_eq!(f.loss(&[1.0, 3.0])?, 11.0);
/// assert!(f.loss(&[1.0]).is_err());
/// # Ok::<(), lowland_landscape::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Function<F> {
    dimension: usize,
    f: F,
}

impl<F: FnMut(&[f64]) -> (f64, Vec<f64>)> Function<F> {
    /// The objective of so many parameters that `f` computes.
    pub fn new(dimension: usize, f: F) -> Self {
        Function { dimension, f }
    }
}

impl<F: FnMut(&[f64]) -> (f64, Vec<f64>)> Objective for Function<F> {
    fn dimension(&self) -> usize {
        self.dimension
    }

    fn loss(&mut self, at: &[f64]) -> Result<f64> {
        Ok(self.gradient(at)?.0)
    }

    fn gradient(&mut self, at: &[f64]) -> Result<(f64, Vec<f64>)> {
        check_length("the point", self.dimension, at.len())?;
        Ok((self.f)(at))
    }
}

/// The loss at a point, which must be finite.
pub(crate) fn loss_at(
    objective: &mut (impl Objective + ?Sized),
    at: &[f64],
    place: impl FnOnce() -> String,
) -> Result<f64> {
    let loss = objective.loss(at)?;
    if loss.is_finite() {
        Ok(loss)
    } else {
        Err(Error::NonFinite { what: format!("the loss {}", place()) })
    }
}

/// The loss and its gradient at a point, which must be finite and of one length.
pub(crate) fn gradient_at(
    objective: &mut (impl Objective + ?Sized),
    at: &[f64],
    place: impl FnOnce() -> String,
) -> Result<(f64, Vec<f64>)> {
    let (loss, gradient) = objective.gradient(at)?;
    check_length("the gradient", at.len(), gradient.len())?;
    if !loss.is_finite() {
        return Err(Error::NonFinite { what: format!("the loss {}", place()) });
    }
    check_finite("the gradient", &gradient)?;
    Ok((loss, gradient))
}
