//! SWATS, as a config.

use serde::{Deserialize, Serialize};

use crate::docs::{Entry, Hyper, Kind};
use crate::error::{Result, require};
use crate::parts::{Parts, require_decay, require_moments};
use crate::stages;
use crate::update::Update;

/// SWATS; the defaults are the paper's: betas (0.9, 0.999), eps and tolerance 1e-9. A learning rate is
/// one for Adam: that of SGD is found.
///
/// The update: coupled decay, [`stages::Swats`], or that and then decoupled decay. The equations and the
/// sources are told there.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Swats {
    /// The decay rates of the means of the gradient and of its square, each in [0, 1). The first is the
    /// momentum of SGD, the second also the decay rate of its learning rate's mean.
    pub betas: [f64; 2],
    /// What is added to the root of the second mean, above 0.
    pub eps: f64,
    /// How near the learning rate that SGD would need must be to its mean for the switch, 0 or more; 0
    /// is never.
    pub tolerance: f64,
    /// The factor of weight decay, 0 or more.
    pub weight_decay: f64,
    /// Whether decay is kept out of the means.
    pub decoupled_weight_decay: bool,
}

impl Default for Swats {
    fn default() -> Self {
        let stages::Swats { betas, eps, tolerance } = stages::Swats::default();
        Swats { betas, eps, tolerance, weight_decay: 0.0, decoupled_weight_decay: false }
    }
}

impl Swats {
    /// Checks the ranges.
    ///
    /// # Errors
    /// [`Error::Hyper`](crate::Error::Hyper) with the field.
    pub fn validate(&self) -> Result<()> {
        require_moments("swats", self.betas, self.eps)?;
        let tolerance = self.tolerance;
        let ok = tolerance >= 0.0 && tolerance.is_finite();
        require(ok, || "swats.tolerance".into(), "0 or more, and finite", tolerance)?;
        require_decay("swats", self.weight_decay)
    }

    /// The links.
    ///
    /// # Errors
    /// As [`Swats::validate`].
    pub fn update(&self) -> Result<Update> {
        Ok(self.parts()?.update())
    }

    pub(crate) fn parts(&self) -> Result<Parts<Update>> {
        self.validate()?;
        let swats = stages::Swats { betas: self.betas, eps: self.eps, tolerance: self.tolerance };
        let decay = (self.weight_decay, self.decoupled_weight_decay);
        Ok(Parts::new(decay.0, decay.1, |chain| Update::from(chain).measured(swats)))
    }
}

/// What a list of methods tells of it.
pub(crate) const DOC: Entry = Entry {
    kind: Kind::Method,
    name: "swats",
    title: "switching from Adam to SGD",
    definition: "g <- g + weight_decay p\n\
                 m <- beta1 m + (1 - beta1) g;  v <- beta2 v + (1 - beta2) g^2\n\
                 a  = m sqrt(1 - beta2^k) / (1 - beta1^k) / (sqrt(v) + eps)\n\
                 q  = sum(a a) / sum(a g) over all parameters;  lambda <- beta2 lambda + (1 - beta2) q\n\
                 Lambda = lambda / (1 - beta2^k)\n\
                 p <- p - lr a, until k > 1 and lr |Lambda - q| < tolerance; from then on\n\
                 b <- beta1 b + g;  p <- p - lr (1 - beta1) Lambda b",
    hyper: &[
        Hyper::new("betas", "beta1, beta2", "[0.9, 0.999]", "decay rates of the two means"),
        Hyper::new("eps", "epsilon", "1e-9", "what is added to the root"),
        Hyper::new("tolerance", "epsilon", "1e-9", "how near Lambda must be for the switch"),
        Hyper::new("weight_decay", "", "0.0", "factor of weight decay"),
        Hyper::new("decoupled_weight_decay", "", "false", "whether decay is kept out of the means"),
    ],
    state: &["swats.exp_avg", "swats.exp_avg_sq", "swats.momentum_buffer"],
    bytes: "48: 12 to measure until the switch, 36 to step",
    source: "Keskar and Socher, arXiv 1712.07628, algorithm 1",
};
