//! AdaBelief, as a config.

use lowland_core::Chain;
use serde::{Deserialize, Serialize};

use crate::docs::{Entry, Hyper, Kind};
use crate::error::Result;
use crate::parts::{Parts, require_decay, require_moments};
use crate::stages;

/// AdaBelief; the defaults are those of its authors' package: betas (0.9, 0.999), eps 1e-16, decay, if
/// any, decoupled.
///
/// The chain: coupled decay, [`stages::AdaBelief`], or that and then decoupled decay. The equations and the sources
/// are told there.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdaBelief {
    /// The decay rates of the means of the gradient and of its squared deviation, each in [0, 1).
    pub betas: [f64; 2],
    /// What is added to the variance and to its root, above 0.
    pub eps: f64,
    /// The factor of weight decay, 0 or more.
    pub weight_decay: f64,
    /// Whether decay is kept out of the means.
    pub decoupled_weight_decay: bool,
}

impl Default for AdaBelief {
    fn default() -> Self {
        AdaBelief {
            betas: [0.9, 0.999],
            eps: 1e-16,
            weight_decay: 0.0,
            decoupled_weight_decay: true,
        }
    }
}

impl AdaBelief {
    /// Checks the ranges.
    ///
    /// # Errors
    /// [`Error::Hyper`](crate::Error::Hyper) with the field.
    pub fn validate(&self) -> Result<()> {
        require_moments("adabelief", self.betas, self.eps)?;
        require_decay("adabelief", self.weight_decay)
    }

    /// The chain of stages.
    ///
    /// # Errors
    /// As [`AdaBelief::validate`].
    pub fn chain(&self) -> Result<Chain> {
        Ok(self.parts()?.chain())
    }

    pub(crate) fn parts(&self) -> Result<Parts> {
        self.validate()?;
        let AdaBelief { betas, eps, .. } = *self;
        let adabelief = stages::AdaBelief { betas, eps };
        Ok(Parts::new(self.weight_decay, self.decoupled_weight_decay, |chain| {
            chain.then(adabelief)
        }))
    }
}

/// What a list of methods tells of it.
pub(crate) const DOC: Entry = Entry {
    kind: Kind::Method,
    name: "adabelief",
    title: "Adam by the belief in observed gradients",
    definition: "m <- beta1 m + (1 - beta1) g;  s <- beta2 s + (1 - beta2) (g - m)^2 + eps\n\
                 d  = m / (1 - beta1^t) / (sqrt(s) / sqrt(1 - beta2^t) + eps)\n\
                 p <- p - lr (d + weight_decay p)",
    hyper: &[
        Hyper::new("betas", "beta1, beta2", "[0.9, 0.999]", "decay rates of the two means"),
        Hyper::new("eps", "epsilon", "1e-16", "what is added to the root"),
        Hyper::new("weight_decay", "lambda, wd", "0.0", "factor of weight decay"),
        Hyper::new("decoupled_weight_decay", "", "true", "whether decay is kept out of the state"),
    ],
    state: &["adabelief.exp_avg", "adabelief.exp_avg_var"],
    bytes: "28",
    source: "Zhuang et al., NeurIPS 2020, arXiv 2010.07468",
};
