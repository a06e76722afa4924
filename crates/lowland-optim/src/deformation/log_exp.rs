//! The log-exp deformation.

use serde::{Deserialize, Serialize};

use super::config::{Kind, Range};
use super::{Deformation, DeformedLoss};
use crate::docs::{self, Entry, Hyper};

/// `f(L) = (a / c) ln(exp(c L) - b)`: the loss far from 0, and ever steeper towards it, up to
/// `a / (1 - b)`.
///
/// Settings seen: b = 0.1 to 0.99. It is computed without loss of digits for losses near 0, for b near
/// 1, and where exp(c L) overflows.
///
/// ```
/// use lowland_optim::deformation::{Deformation, LogExp};
/// let f = LogExp { a: 3.0, b: 0.75, c: 2.0 };
/// assert!((f.value(0.0) - 1.5 * 0.25f64.ln()).abs() < 1e-15);
/// assert_eq!(f.slope(0.0), 12.0);
/// assert_eq!((f.value(1000.0), f.slope(1000.0)), (3000.0, 3.0));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogExp {
    /// The slope far from 0, above 0.
    pub a: f64,
    /// How steep it is at 0, in [0, 1).
    pub b: f64,
    /// How fast the slope falls, above 0.
    pub c: f64,
}

impl Deformation for LogExp {
    fn value(&self, loss: f64) -> f64 {
        let LogExp { a, b, c } = *self;
        let x = c * loss;
        // The argument of the logarithm, less 1.
        let rest = x.exp_m1() - b;
        if x > 1.0 {
            a * loss + a / c * (-b * (-x).exp()).ln_1p()
        } else if rest > -0.5 {
            a / c * rest.ln_1p()
        } else {
            a / c * (x.exp_m1() + (1.0 - b)).ln()
        }
    }

    fn slope(&self, loss: f64) -> f64 {
        let LogExp { a, b, c } = *self;
        // 1 - b exp(-c L)
        a / ((1.0 - b) - b * (-c * loss).exp_m1())
    }
}

impl Kind for LogExp {
    fn fields(&self) -> Vec<(&'static str, f64, Range)> {
        vec![
            ("a", self.a, Range::Positive),
            ("b", self.b, Range::BelowOne),
            ("c", self.c, Range::Positive),
        ]
    }

    fn deformed(&self) -> DeformedLoss {
        DeformedLoss::new(*self)
    }
}

/// What a list of methods tells of it.
pub(crate) const DOC: Entry = Entry {
    kind: docs::Kind::Deformation,
    name: "log_exp",
    title: "log-exp",
    definition: "f(L)  = (a / c) ln(exp(c L) - b)\n\
                 f'(L) = a / (1 - b exp(-c L))",
    hyper: &[
        Hyper::new("a", "a", "", "slope far from 0"),
        Hyper::new("b", "b", "", "how steep it is at 0"),
        Hyper::new("c", "c", "", "how fast the slope falls"),
    ],
    state: &[],
    bytes: "nothing: f'(L) multiplies the start of the backward pass",
    source: "arXiv 2007.12515 and arXiv 2009.08274 (Deforming the Loss Surface)",
};
