//! The arctangent as a gradient activation.

use lowland_core::Real;
use serde::{Deserialize, Serialize};

use super::{Activate, Activation};
use crate::docs::{self, Entry, Hyper};
use crate::elementary;
use crate::recipe::activation::Kind;
use crate::update::Update;

/// `G(x) = alpha atan(beta x)`, at most alpha pi / 2.
///
/// Source: "Activated Gradients for Deep Neural Networks" (TNNLS, arXiv 2107.04228); the default is
/// that of its authors' code, whose CIFAR and ImageNet runs have (0.1, 20) and (0.2, 10).
///
/// ```
/// use lowland_core::{Chain, Clock};
/// use lowland_optim::stages::{Activate, Atan};
///
/// let mut p = [1.0f64];
/// let chain = Chain::new().then(Activate(Atan { alpha: 0.5, beta: 2.0 }));
/// chain.step(&Clock::at_step(1, 0.1), &mut p, &[-3.0], &mut []);
/// assert_eq!(p, [1.0 + 0.1 * (0.5 * 6.0f64.atan())]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Atan {
    /// The factor of the value, above 0.
    pub alpha: f64,
    /// The factor of the argument, above 0; the slope at 0 is alpha * beta.
    pub beta: f64,
}

impl Default for Atan {
    fn default() -> Self {
        Atan { alpha: 0.3, beta: 4.5 }
    }
}

impl Activation for Atan {
    fn name(&self) -> &'static str {
        "atan"
    }

    fn scalars(&self) -> Vec<f64> {
        vec![self.alpha, self.beta]
    }

    #[inline(always)]
    fn apply<T: Real>(&self, x: T) -> T {
        T::of(self.alpha) * elementary::atan(T::of(self.beta) * x)
    }
}

impl Kind for Atan {
    fn fields(&self) -> Vec<(&'static str, f64)> {
        vec![("alpha", self.alpha), ("beta", self.beta)]
    }

    fn add_to(&self, update: Update) -> Update {
        update.then(Activate(*self))
    }
}

/// What a list of methods tells of it.
pub(crate) const DOC: Entry = Entry {
    kind: docs::Kind::Activation,
    name: "atan",
    title: "arctangent of gradients",
    definition: "G(x) = alpha atan(beta x)",
    hyper: &[
        Hyper::new("alpha", "alpha", "0.3", "factor of the value"),
        Hyper::new("beta", "beta", "4.5", "factor of the argument"),
    ],
    state: &[],
    bytes: "nothing: fused with its neighbours",
    source: "Activated Gradients for Deep Neural Networks, TNNLS, arXiv 2107.04228",
};
