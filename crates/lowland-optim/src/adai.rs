//! Adai, as a config.

use serde::{Deserialize, Serialize};

use crate::docs::{Entry, Hyper, Kind};
use crate::error::{Result, require};
use crate::parts::{Parts, require_decay};
use crate::stages;
use crate::update::Update;

/// Adai; the defaults are those of its authors' code: betas (0.1, 0.99), eps 1e-3. A learning rate is
/// one for SGD, not one for Adam.
///
/// The update: coupled decay, [`stages::Adai`], or that and then decoupled decay. The equations and the
/// sources are told there.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Adai {
    /// The share of a new gradient in the momentum of an average element, above 0; and the decay rate of
    /// the mean of the gradient's square, in [0, 1).
    pub betas: [f64; 2],
    /// The least share of a new gradient, in (0, 1].
    pub eps: f64,
    /// The factor of weight decay, 0 or more.
    pub weight_decay: f64,
    /// Whether decay is kept out of the means.
    pub decoupled_weight_decay: bool,
}

impl Default for Adai {
    fn default() -> Self {
        let stages::Adai { betas, eps } = stages::Adai::default();
        Adai { betas, eps, weight_decay: 0.0, decoupled_weight_decay: false }
    }
}

impl Adai {
    /// Checks the ranges.
    ///
    /// # Errors
    /// [`Error::Hyper`](crate::Error::Hyper) with the field.
    pub fn validate(&self) -> Result<()> {
        let ([beta0, beta2], eps) = (self.betas, self.eps);
        let positive = beta0 > 0.0 && beta0.is_finite();
        require(positive, || "adai.betas[0]".into(), "above 0 and finite", beta0)?;
        require((0.0..1.0).contains(&beta2), || "adai.betas[1]".into(), "in [0, 1)", beta2)?;
        require(eps > 0.0 && eps <= 1.0, || "adai.eps".into(), "in (0, 1]", eps)?;
        require_decay("adai", self.weight_decay)
    }

    /// The links.
    ///
    /// # Errors
    /// As [`Adai::validate`].
    pub fn update(&self) -> Result<Update> {
        Ok(self.parts()?.update())
    }

    pub(crate) fn parts(&self) -> Result<Parts<Update>> {
        self.validate()?;
        let adai = stages::Adai { betas: self.betas, eps: self.eps };
        let decay = (self.weight_decay, self.decoupled_weight_decay);
        Ok(Parts::new(decay.0, decay.1, |chain| Update::from(chain).measured(adai)))
    }
}

/// What a list of methods tells of it.
pub(crate) const DOC: Entry = Entry {
    kind: Kind::Method,
    name: "adai",
    title: "Adaptive Inertia: a momentum of its own for each element",
    definition: "g <- g + weight_decay p\n\
                 v <- beta2 v + (1 - beta2) g^2;  u = v / (1 - beta2^t)\n\
                 r  = min(max(beta0 u / mean(u), eps), 1), the mean over all parameters\n\
                 m <- (1 - r) m + r g;  w <- (1 - r) w + r\n\
                 p <- p - lr m / w",
    hyper: &[
        Hyper::new("betas", "beta0, beta2", "[0.1, 0.99]", "mean share, decay rate of the square"),
        Hyper::new("eps", "epsilon", "1e-3", "least share of a new gradient"),
        Hyper::new("weight_decay", "lambda", "0.0", "factor of weight decay"),
        Hyper::new(
            "decoupled_weight_decay",
            "AdaiW",
            "false",
            "whether decay is kept out of the means",
        ),
    ],
    state: &["adai.exp_avg_sq", "adai.exp_avg", "adai.exp_avg_weight"],
    bytes: "44: 8 to measure, 36 to step",
    source: "Xie et al., ICML 2022, algorithm 2, and its authors' code",
};
