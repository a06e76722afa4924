//! The arctan-power deformation.

use serde::{Deserialize, Serialize};

use super::config::{Kind, Range};
use super::{Deformation, DeformedLoss};
use crate::docs::{self, Entry, Hyper};

/// `f(L) = a atan(b L)^g + z L`: steep where the loss is small, so that the walls of sharp minima get
/// steeper than the step size allows.
///
/// Settings seen: (10, 1, 1, 1), and (a, b, 2, 1) with a and b tuned in 0..10 and 0..8.
///
/// ```
/// use lowland_optim::deformation::{AtanPower, Deformation};
/// let f = AtanPower { a: 2.0, b: 1.0, g: 2.0, z: 1.0 };
/// let quarter = std::f64::consts::FRAC_PI_4;
/// assert!((f.value(1.0) - (2.0 * quarter * quarter + 1.0)).abs() < 1e-15);
/// assert!((f.slope(1.0) - (2.0 * 2.0 * quarter * 0.5 + 1.0)).abs() < 1e-15);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AtanPower {
    /// The height of the arctangent, 0 or more.
    pub a: f64,
    /// How early it bends, above 0.
    pub b: f64,
    /// The power, 1 or more: below it the slope at a loss of 0 would be infinite.
    pub g: f64,
    /// The part of the plain loss, 0 or more.
    pub z: f64,
}

impl Deformation for AtanPower {
    fn value(&self, loss: f64) -> f64 {
        self.a * (self.b * loss).atan().powf(self.g) + self.z * loss
    }

    fn slope(&self, loss: f64) -> f64 {
        let x = self.b * loss;
        let power = self.g * x.atan().powf(self.g - 1.0);
        self.a * power * self.b / (1.0 + x * x) + self.z
    }
}

impl Kind for AtanPower {
    fn fields(&self) -> Vec<(&'static str, f64, Range)> {
        vec![
            ("a", self.a, Range::AtLeast(0.0)),
            ("b", self.b, Range::Positive),
            ("g", self.g, Range::AtLeast(1.0)),
            ("z", self.z, Range::AtLeast(0.0)),
        ]
    }

    fn deformed(&self) -> DeformedLoss {
        DeformedLoss::new(*self)
    }
}

/// What a list of methods tells of it.
pub(crate) const DOC: Entry = Entry {
    kind: docs::Kind::Deformation,
    name: "atan_power",
    title: "arctan-power",
    definition: "f(L)  = a atan(b L)^g + z L\n\
                 f'(L) = a g atan(b L)^(g - 1) b / (1 + (b L)^2) + z",
    hyper: &[
        Hyper::new("a", "alpha", "", "height of the arctangent"),
        Hyper::new("b", "beta", "", "how early it bends"),
        Hyper::new("g", "gamma", "", "power"),
        Hyper::new("z", "zeta", "", "part of the plain loss"),
    ],
    state: &[],
    bytes: "nothing: f'(L) multiplies the start of the backward pass",
    source: "arXiv 2007.12515 and arXiv 2009.08274 (Deforming the Loss Surface)",
};
