//! The linear-quadratic deformation.

use serde::{Deserialize, Serialize};

use super::config::{Kind, Range};
use super::{Deformation, DeformedLoss};
use crate::docs::{self, Entry, Hyper};

/// `f(L) = L + a L^2`.
///
/// ```
/// use lowland_optim::deformation::{Deformation, LinearQuadratic};
/// let f = LinearQuadratic { a: 0.5 };
/// assert_eq!((f.value(2.0), f.slope(2.0)), (4.0, 3.0));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinearQuadratic {
    /// The factor of the square, 0 or more.
    pub a: f64,
}

impl Deformation for LinearQuadratic {
    fn value(&self, loss: f64) -> f64 {
        loss + self.a * loss * loss
    }

    fn slope(&self, loss: f64) -> f64 {
        1.0 + 2.0 * self.a * loss
    }
}

impl Kind for LinearQuadratic {
    fn fields(&self) -> Vec<(&'static str, f64, Range)> {
        vec![("a", self.a, Range::AtLeast(0.0))]
    }

    fn deformed(&self) -> DeformedLoss {
        DeformedLoss::new(*self)
    }
}

/// What a list of methods tells of it.
pub(crate) const DOC: Entry = Entry {
    kind: docs::Kind::Deformation,
    name: "linear_quadratic",
    title: "linear-quadratic",
    definition: "f(L) = L + a L^2;  f'(L) = 1 + 2 a L",
    hyper: &[Hyper::new("a", "a", "", "factor of the square")],
    state: &[],
    bytes: "nothing: f'(L) multiplies the start of the backward pass",
    source: "arXiv 2007.12515 and arXiv 2009.08274 (Deforming the Loss Surface)",
};
