//! How much the loss grows within a radius, along the gradient.

use crate::error::{check_length, check_positive};
use crate::objective::{gradient_at, loss_at};
use crate::random::{Purpose, normal};
use crate::vector::{add_scaled, moved, norm, scale};
use crate::{Objective, Result};

/// How the largest loss in a ball is looked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ascent {
    /// The radius ρ of the ball.
    pub radius: f64,
    /// Steps of projected ascent after the first step. 0 is the perturbation of SAM.
    pub steps: usize,
    /// The length of such a step, in radii. 1 is a common choice.
    pub rate: f64,
    /// The seed of the first direction where the gradient is zero, as in an exact minimum.
    pub seed: u64,
}

/// The largest loss that was found in a ball.
#[derive(Clone, Debug, PartialEq)]
pub struct Sharpness {
    /// The loss in the centre.
    pub loss: f64,
    /// `L(w + e) - L(w)` after the first step alone.
    pub first_step: f64,
    /// The largest `L(w + e) - L(w)` over all points that were visited, the centre included, so that it
    /// is never negative. A lower bound of the maximum over the ball.
    pub sharpness: f64,
    /// Where that was: e.
    pub offset: Vec<f64>,
}

/// `max L(w + e) - L(w)` over `|e| ≤ ρ`, found by ascent: the first step is `e = ρ g / |g|` with the
/// gradient g at w (Foret et al. 2021, "Sharpness-Aware Minimization for Efficiently Improving
/// Generalization", equation 2 with p = 2), and each further one `e <- P(e + rate ρ g / |g|)` with the
/// gradient at w + e, where P projects onto the ball (Madry et al. 2018, section 2.1, on the weights in
/// place of the image). One loss and one gradient a step.
///
/// # Errors
/// [`Error::Length`](crate::Error::Length), [`Error::NotPositive`](crate::Error::NotPositive) for the
/// radius or the rate, [`Error::NonFinite`](crate::Error::NonFinite); else as [`Objective::gradient`].
///
/// ```
/// use lowland_landscape::{Ascent, Function, sharpness};
///
/// // x² + y² / 2 at its minimum: a ball of radius 0.1 reaches x = 0.1.
/// let mut f = Function::new(2, |w: &[f64]| {
///     (w[0] * w[0] + w[1] * w[1] / 2.0, vec![2.0 * w[0], w[1]])
/// });
/// let ball = Ascent { radius: 0.1, steps: 50, rate: 1.0, seed: 0 };
/// let found = sharpness(&mut f, &[0.0, 0.0], &ball)?;
/// assert!((found.sharpness - 0.01).abs() < 1e-12);
/// # Ok::<(), lowland_landscape::Error>(())
/// ```
pub fn sharpness(
    objective: &mut (impl Objective + ?Sized),
    at: &[f64],
    ascent: &Ascent,
) -> Result<Sharpness> {
    let Ascent { radius, steps, rate, seed } = *ascent;
    check_length("the point", objective.dimension(), at.len())?;
    check_positive("the radius", radius)?;
    check_positive("the rate of ascent", rate)?;
    let (loss, gradient) = gradient_at(objective, at, || "in the centre".into())?;
    let mut offset = match norm(&gradient) {
        0.0 => normal(seed, Purpose::Ascent, 0, at.len()),
        _ => gradient,
    };
    let length = norm(&offset);
    scale(&mut offset, radius / length);
    let first_step = loss_at(objective, &moved(at, 1.0, &offset), || after(0))? - loss;
    let mut best = Sharpness { loss, first_step, sharpness: 0.0, offset: vec![0.0; at.len()] };
    best.see(first_step, &offset);
    for step in 1..=steps {
        let (_, gradient) = gradient_at(objective, &moved(at, 1.0, &offset), || after(step - 1))?;
        let slope = norm(&gradient);
        if slope == 0.0 {
            break;
        }
        add_scaled(&mut offset, rate * radius / slope, &gradient);
        let length = norm(&offset);
        if length > radius {
            scale(&mut offset, radius / length);
        }
        let grown = loss_at(objective, &moved(at, 1.0, &offset), || after(step))? - loss;
        best.see(grown, &offset);
    }
    Ok(best)
}

impl Sharpness {
    fn see(&mut self, grown: f64, offset: &[f64]) {
        if grown > self.sharpness {
            self.sharpness = grown;
            self.offset = offset.to_vec();
        }
    }
}

fn after(steps: usize) -> String {
    format!("after {steps} steps of ascent beyond the first")
}
