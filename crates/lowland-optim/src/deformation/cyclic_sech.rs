//! The hyperbolic-secant deformation at a height that goes to and fro.

use std::f64::consts::TAU;

use serde::{Deserialize, Serialize};

use super::config::{Kind, Range};
use super::{Deformation, Deformed, DeformedLoss, Sech};
use crate::docs::{self, Entry, Hyper};

/// [`Sech`] whose b goes from the first value to the second and back, along a cosine, once a period.
///
/// The authors' code has a cyclic b; its wave and its period are not published, so both are ours.
///
/// ```
/// use lowland_optim::deformation::{CyclicSech, Deformation, Sech};
/// let cyclic = CyclicSech { a: 2.5, b: [0.4, 0.2], z: 1.0, period_epochs: 10.0 };
/// let at = |epochs: f64| cyclic.at(0.3, epochs);
/// let plain = |b: f64| Sech { a: 2.5, b, z: 1.0 }.at(0.3, 0.0);
/// assert_eq!([at(0.0), at(5.0), at(10.0)], [plain(0.4), plain(0.2), plain(0.4)]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CyclicSech {
    /// Twice the steepest slope that it adds, 0 or more.
    pub a: f64,
    /// The losses at which it is steepest: at the start, and after half a period. Above 0.
    pub b: [f64; 2],
    /// The part of the plain loss, 0 or more.
    pub z: f64,
    /// The epochs of a period, above 0.
    pub period_epochs: f64,
}

impl CyclicSech {
    /// The deformation after so many epochs.
    #[must_use]
    pub fn sech(&self, epoch_position: f64) -> Sech {
        let CyclicSech { a, b: [first, second], z, period_epochs } = *self;
        let there = (1.0 - (TAU * epoch_position / period_epochs).cos()) / 2.0;
        Sech { a, b: first + (second - first) * there, z }
    }
}

/// The value and the slope without a time are those of the start.
impl Deformation for CyclicSech {
    fn value(&self, loss: f64) -> f64 {
        self.sech(0.0).value(loss)
    }

    fn slope(&self, loss: f64) -> f64 {
        self.sech(0.0).slope(loss)
    }

    fn at(&self, loss: f64, epoch_position: f64) -> Deformed {
        self.sech(epoch_position).at(loss, epoch_position)
    }
}

impl Kind for CyclicSech {
    fn fields(&self) -> Vec<(&'static str, f64, Range)> {
        vec![
            ("a", self.a, Range::AtLeast(0.0)),
            ("b[0]", self.b[0], Range::Positive),
            ("b[1]", self.b[1], Range::Positive),
            ("z", self.z, Range::AtLeast(0.0)),
            ("period_epochs", self.period_epochs, Range::Positive),
        ]
    }

    fn deformed(&self) -> DeformedLoss {
        DeformedLoss::new(*self)
    }
}

/// What a list of methods tells of it.
pub(crate) const DOC: Entry = Entry {
    kind: docs::Kind::Deformation,
    name: "cyclic_sech",
    title: "hyperbolic secant at a height that goes to and fro",
    definition: "b(e) = b[0] + (b[1] - b[0]) (1 - cos(2 pi e / period_epochs)) / 2 after e epochs, as in sech",
    hyper: &[
        Hyper::new("a", "a", "", "twice the steepest slope that it adds"),
        Hyper::new(
            "b",
            "b",
            "",
            "losses at which it is steepest, at the start and after half a period",
        ),
        Hyper::new("z", "z", "", "part of the plain loss"),
        Hyper::new("period_epochs", "", "", "epochs of a period"),
    ],
    state: &[],
    bytes: "nothing: f'(L) multiplies the start of the backward pass",
    source: "arXiv 2007.12515 and arXiv 2009.08274 (Deforming the Loss Surface)",
};
