//! Products of the Hessian with vectors, as central differences of gradients.

use crate::error::{check_length, check_positive};
use crate::vector::{norm, scale};
use crate::{Error, Objective, Result};

/// A symmetric matrix that is known by its products with vectors.
pub trait Operator {
    /// The number of rows.
    fn dimension(&self) -> usize;

    /// The product with a vector.
    ///
    /// # Errors
    /// [`Error::Length`], and what the operator itself cannot do.
    fn apply(&mut self, v: &[f64]) -> Result<Vec<f64>>;
}

/// The Hessian H of an objective at a point w, by its products with vectors:
///
/// `H v ≈ (∇L(w + h v) - ∇L(w - h v)) / 2h`, with `h = r (1 + |w|) / |v|`,
///
/// two gradients a product, and for a [`NetworkLoss`](crate::NetworkLoss) one forward pass more. The error
/// of the difference is `h² |v|³ / 6` times the third derivative of the gradient along v / |v|, that of
/// rounding about `ε |∇L| / h`. r is [`Objective::relative_step`]. On a quadratic only rounding is left.
///
/// The gradient of a ReLU network jumps where a neuron is switched, and a difference over such jumps
/// converges to nothing as h shrinks: see [`Objective::gradient_difference`], and
/// [`NetworkLoss`](crate::NetworkLoss) for what it does about them.
///
/// Source: Pearlmutter 1994, "Fast Exact Multiplication by the Hessian", section 2, has the one-sided
/// difference; Nocedal and Wright 2006, "Numerical Optimization", section 8.1, the central one and
/// its step.
///
/// ```
/// use lowland_landscape::{Function, Hessian, Operator};
///
/// // x² y at (1, 2): the Hessian is [[2 y, 2 x], [2 x, 0]].
/// let mut f = Function::new(2, |w: &[f64]| {
///     (w[0] * w[0] * w[1], vec![2.0 * w[0] * w[1], w[0] * w[0]])
/// });
/// let hv = Hessian::new(&mut f, &[1.0, 2.0])?.apply(&[1.0, 1.0])?;
/// assert!((hv[0] - 6.0).abs() < 1e-9 && (hv[1] - 2.0).abs() < 1e-9);
/// # Ok::<(), lowland_landscape::Error>(())
/// ```
#[derive(Debug)]
pub struct Hessian<'a, O: ?Sized> {
    objective: &'a mut O,
    at: Vec<f64>,
    relative_step: f64,
}

impl<'a, O: Objective + ?Sized> Hessian<'a, O> {
    /// The Hessian of an objective at a point.
    ///
    /// # Errors
    /// [`Error::Length`].
    pub fn new(objective: &'a mut O, at: &[f64]) -> Result<Self> {
        check_length("the point", objective.dimension(), at.len())?;
        let relative_step = objective.relative_step();
        Ok(Hessian { objective, at: at.to_vec(), relative_step })
    }

    /// Another r than the objective's: larger where gradients are noisy, smaller where the loss bends on
    /// a finer scale.
    ///
    /// # Errors
    /// [`Error::NotPositive`].
    pub fn with_relative_step(self, relative_step: f64) -> Result<Self> {
        check_positive("the relative step", relative_step)?;
        Ok(Hessian { relative_step, ..self })
    }
}

impl<O: Objective + ?Sized> Operator for Hessian<'_, O> {
    fn dimension(&self) -> usize {
        self.at.len()
    }

    /// The product with a vector; zero for the zero vector.
    fn apply(&mut self, v: &[f64]) -> Result<Vec<f64>> {
        check_length("the vector", self.at.len(), v.len())?;
        let length = norm(v);
        if !length.is_finite() {
            return Err(Error::NonFinite { what: "the vector".into() });
        }
        if length == 0.0 {
            return Ok(vec![0.0; v.len()]);
        }
        let h = self.relative_step * (1.0 + norm(&self.at)) / length;
        let step: Vec<f64> = v.iter().map(|v| h * v).collect();
        let mut product = self.objective.gradient_difference(&self.at, &step)?;
        check_length("the difference of gradients", v.len(), product.len())?;
        scale(&mut product, 0.5 / h);
        Ok(product)
    }
}
