//! The hyperbolic-secant deformation.

use serde::{Deserialize, Serialize};

use super::config::{Kind, Range};
use super::{Deformation, DeformedLoss};
use crate::docs::{self, Entry, Hyper};

/// `f(L) = -a b / (k cosh(k L / b)) + z L` with k = ln(1 + sqrt(2)): steep around one height of the loss,
/// with the slope `a / 2 + z` at L = b.
///
/// Settings seen: (a, b) = (2.5, 0.2), and a = 1.5 to 9.5 with b = 0.15.
///
/// ```
/// use lowland_optim::deformation::{Deformation, Sech};
/// let f = Sech { a: 2.5, b: 0.2, z: 1.0 };
/// assert!((f.slope(0.2) - 2.25).abs() < 1e-14);
/// assert!(f.slope(0.19) < 2.25 && f.slope(0.21) < 2.25);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sech {
    /// Twice the steepest slope that it adds, 0 or more.
    pub a: f64,
    /// The loss at which it is steepest, above 0.
    pub b: f64,
    /// The part of the plain loss, 0 or more.
    pub z: f64,
}

impl Deformation for Sech {
    fn value(&self, loss: f64) -> f64 {
        let k = scale();
        self.z * loss - self.a * self.b / (k * (k * loss / self.b).cosh())
    }

    fn slope(&self, loss: f64) -> f64 {
        let x = scale() * loss / self.b;
        self.a * x.tanh() / x.cosh() + self.z
    }
}

impl Kind for Sech {
    fn fields(&self) -> Vec<(&'static str, f64, Range)> {
        vec![
            ("a", self.a, Range::AtLeast(0.0)),
            ("b", self.b, Range::Positive),
            ("z", self.z, Range::AtLeast(0.0)),
        ]
    }

    fn deformed(&self) -> DeformedLoss {
        DeformedLoss::new(*self)
    }
}

/// Where sinh is 1, and so the slope of the secant is steepest.
fn scale() -> f64 {
    1.0f64.asinh()
}

/// What a list of methods tells of it.
pub(crate) const DOC: Entry = Entry {
    kind: docs::Kind::Deformation,
    name: "sech",
    title: "hyperbolic secant",
    definition: "f(L)  = -a b / (k cosh(k L / b)) + z L,  k = ln(1 + sqrt(2))\n\
                 f'(L) = a tanh(k L / b) / cosh(k L / b) + z",
    hyper: &[
        Hyper::new("a", "a", "", "twice the steepest slope that it adds"),
        Hyper::new("b", "b", "", "loss at which it is steepest"),
        Hyper::new("z", "z", "", "part of the plain loss"),
    ],
    state: &[],
    bytes: "nothing: f'(L) multiplies the start of the backward pass",
    source: "arXiv 2007.12515 and arXiv 2009.08274 (Deforming the Loss Surface)",
};
