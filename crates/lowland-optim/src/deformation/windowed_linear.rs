//! The windowed linear deformation.

use serde::{Deserialize, Serialize};

use super::config::{Kind, Range};
use super::{Deformation, DeformedLoss};
use crate::docs::{self, Entry, Hyper};

/// `f(L) = a L` for losses in [lo, hi], and L outside. It jumps at the ends, and the slope is a or 1.
///
/// Settings seen: a = 10, windows of width 0.1.
///
/// ```
/// use lowland_optim::deformation::{Deformation, WindowedLinear};
/// let f = WindowedLinear { a: 10.0, lo: 0.5, hi: 0.6 };
/// assert_eq!([0.4, 0.5, 0.6, 0.7].map(|loss| f.value(loss)), [0.4, 5.0, 6.0, 0.7]);
/// assert_eq!([0.4, 0.5, 0.6, 0.7].map(|loss| f.slope(loss)), [1.0, 10.0, 10.0, 1.0]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WindowedLinear {
    /// The slope in the window, above 0.
    pub a: f64,
    /// The smallest loss in the window, 0 or more.
    pub lo: f64,
    /// The largest loss in the window, not below the smallest.
    pub hi: f64,
}

impl Deformation for WindowedLinear {
    fn value(&self, loss: f64) -> f64 {
        self.slope(loss) * loss
    }

    fn slope(&self, loss: f64) -> f64 {
        if (self.lo..=self.hi).contains(&loss) { self.a } else { 1.0 }
    }
}

impl Kind for WindowedLinear {
    fn fields(&self) -> Vec<(&'static str, f64, Range)> {
        vec![
            ("a", self.a, Range::Positive),
            ("lo", self.lo, Range::AtLeast(0.0)),
            ("hi", self.hi, Range::AtLeast(self.lo)),
        ]
    }

    fn deformed(&self) -> DeformedLoss {
        DeformedLoss::new(*self)
    }
}

/// What a list of methods tells of it.
pub(crate) const DOC: Entry = Entry {
    kind: docs::Kind::Deformation,
    name: "windowed_linear",
    title: "linear in a window",
    definition: "f(L) = a L for lo <= L <= hi, L outside;  f'(L) = a or 1",
    hyper: &[
        Hyper::new("a", "a", "", "slope in the window"),
        Hyper::new("lo", "lo", "", "smallest loss in the window"),
        Hyper::new("hi", "hi", "", "largest loss in the window"),
    ],
    state: &[],
    bytes: "nothing: f'(L) multiplies the start of the backward pass",
    source: "arXiv 2007.12515 and arXiv 2009.08274 (Deforming the Loss Surface)",
};
