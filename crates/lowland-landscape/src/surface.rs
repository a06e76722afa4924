//! Loss surfaces: losses along a line, over a plane, and between two solutions.

use crate::error::{check_finite, check_least, check_length};
use crate::objective::loss_at;
use crate::vector::add_scaled;
use crate::{Objective, Result};

/// Losses over a grid of a plane.
#[derive(Clone, Debug, PartialEq)]
pub struct Surface {
    /// Factors of the first direction.
    pub a: Vec<f64>,
    /// Factors of the second direction.
    pub b: Vec<f64>,
    /// `losses[i * b.len() + j]` is the loss at `w + a[i] x + b[j] y`.
    pub losses: Vec<f64>,
}

/// The losses `L(w + a x)` for each factor a: Li et al. 2018,
/// "Visualizing the Loss Landscape of Neural Nets", section 3, with directions of
/// [`filter_normalised`](crate::filter_normalised).
///
/// # Errors
/// [`Error::Length`](crate::Error::Length), [`Error::TooFew`](crate::Error::TooFew) without a factor,
/// [`Error::NonFinite`](crate::Error::NonFinite) for a factor or a loss; else as [`Objective::loss`].
pub fn line(
    objective: &mut (impl Objective + ?Sized),
    at: &[f64],
    direction: &[f64],
    factors: &[f64],
) -> Result<Vec<f64>> {
    let zero = vec![0.0; at.len()];
    Ok(plane(objective, at, [direction, &zero], [factors, &[0.0]])?.losses)
}

/// The losses `L(w + a x + b y)` for each pair of factors: Li et al. 2018, "Visualizing the Loss
/// Landscape of Neural Nets", equation 1.
///
/// # Errors
/// As [`line()`].
pub fn plane(
    objective: &mut (impl Objective + ?Sized),
    at: &[f64],
    directions: [&[f64]; 2],
    factors: [&[f64]; 2],
) -> Result<Surface> {
    check_length("the point", objective.dimension(), at.len())?;
    for (direction, factors) in directions.into_iter().zip(factors) {
        check_length("the direction", at.len(), direction.len())?;
        check_least("factors", 1, factors.len())?;
        check_finite("the factors", factors)?;
    }
    let [x, y] = directions;
    let mut losses = Vec::with_capacity(factors[0].len() * factors[1].len());
    for &a in factors[0] {
        for &b in factors[1] {
            let mut point = at.to_vec();
            add_scaled(&mut point, a, x);
            add_scaled(&mut point, b, y);
            losses.push(loss_at(objective, &point, || format!("at factors {a} and {b}"))?);
        }
    }
    Ok(Surface { a: factors[0].to_vec(), b: factors[1].to_vec(), losses })
}

/// The losses `L((1 - t) u + t v)` for each t, outside of 0..1 too: Goodfellow, Vinyals and Saxe 2015,
/// "Qualitatively Characterizing Neural Network Optimization Problems", section 2. At 0 and at 1 the
/// point is the solution to the bit.
///
/// # Errors
/// As [`line()`].
pub fn interpolate(
    objective: &mut (impl Objective + ?Sized),
    [u, v]: [&[f64]; 2],
    t: &[f64],
) -> Result<Vec<f64>> {
    check_length("the first solution", objective.dimension(), u.len())?;
    check_length("the second solution", objective.dimension(), v.len())?;
    check_least("factors", 1, t.len())?;
    check_finite("the factors", t)?;
    t.iter()
        .map(|&t| {
            let point: Vec<f64> = u.iter().zip(v).map(|(u, v)| (1.0 - t) * u + t * v).collect();
            loss_at(objective, &point, || format!("at t = {t}"))
        })
        .collect()
}
