//! AdaBound and AMSBound, as a config.

use lowland_core::Chain;
use serde::{Deserialize, Serialize};

use crate::docs::{Entry, Hyper, Kind};
use crate::error::{Result, require};
use crate::parts::{Parts, require_decay, require_moments};
use crate::stages;

/// AdaBound, with AMSBound as a flag; the defaults are those of its authors' code: betas (0.9, 0.999),
/// eps 1e-8, gamma 1e-3, and a final step size of 100 times the learning rate.
///
/// The chain: coupled decay, [`stages::AdaBound`], or that and then decoupled decay. The equations and the sources
/// are told there.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdaBound {
    /// The decay rates of the means of the gradient and of its square, each in [0, 1).
    pub betas: [f64; 2],
    /// What is added to the root of the second mean, above 0.
    pub eps: f64,
    /// The step size that the bounds close in on, as a part of the learning rate, above 0.
    pub final_lr_factor: f64,
    /// How fast they close in, in (0, 1).
    pub gamma: f64,
    /// Whether the second mean is replaced by its largest value so far.
    pub amsbound: bool,
    /// The factor of weight decay, 0 or more.
    pub weight_decay: f64,
    /// Whether decay is kept out of the means.
    pub decoupled_weight_decay: bool,
}

impl Default for AdaBound {
    fn default() -> Self {
        AdaBound {
            betas: [0.9, 0.999],
            eps: 1e-8,
            final_lr_factor: 100.0,
            gamma: 1e-3,
            amsbound: false,
            weight_decay: 0.0,
            decoupled_weight_decay: false,
        }
    }
}

impl AdaBound {
    /// Checks the ranges.
    ///
    /// # Errors
    /// [`Error::Hyper`](crate::Error::Hyper) with the field.
    pub fn validate(&self) -> Result<()> {
        require_moments("adabound", self.betas, self.eps)?;
        let field = |name: &'static str| move || format!("adabound.{name}");
        let (factor, gamma) = (self.final_lr_factor, self.gamma);
        let ok = factor > 0.0 && factor.is_finite();
        require(ok, field("final_lr_factor"), "above 0 and finite", factor)?;
        require(gamma > 0.0 && gamma < 1.0, field("gamma"), "in (0, 1)", gamma)?;
        require_decay("adabound", self.weight_decay)
    }

    /// The chain of stages.
    ///
    /// # Errors
    /// As [`AdaBound::validate`].
    pub fn chain(&self) -> Result<Chain> {
        Ok(self.parts()?.chain())
    }

    pub(crate) fn parts(&self) -> Result<Parts> {
        self.validate()?;
        let AdaBound { betas, eps, final_lr_factor, gamma, amsbound, .. } = *self;
        let adabound = stages::AdaBound { betas, eps, final_lr_factor, gamma, amsbound };
        Ok(Parts::new(self.weight_decay, self.decoupled_weight_decay, |chain| chain.then(adabound)))
    }
}

/// What a list of methods tells of it.
pub(crate) const DOC: Entry = Entry {
    kind: Kind::Method,
    name: "adabound",
    title: "Adam whose step sizes are kept between closing bounds",
    definition: "g <- g + weight_decay p\n\
                 m and v as in adam;  e = sqrt(1 - beta2^t) / (1 - beta1^t) / (sqrt(v) + eps);  f = final_lr_factor\n\
                 d  = min(max(e, f (1 - 1 / (gamma t + 1))), f (1 + 1 / (gamma t))) m\n\
                 p <- p - lr d\n\
                 AMSBound: the largest v so far in the place of v",
    hyper: &[
        Hyper::new("betas", "beta1, beta2", "[0.9, 0.999]", "decay rates of the two means"),
        Hyper::new("eps", "epsilon", "1e-8", "what is added to the root"),
        Hyper::new(
            "final_lr_factor",
            "final_lr / lr",
            "100.0",
            "where the bounds end, as a part of the learning rate",
        ),
        Hyper::new("gamma", "gamma", "0.001", "how fast they close in"),
        Hyper::new("amsbound", "AMSBound", "false", "whether the second mean never shrinks"),
        Hyper::new("weight_decay", "lambda, wd", "0.0", "factor of weight decay"),
        Hyper::new("decoupled_weight_decay", "", "false", "whether decay is kept out of the state"),
    ],
    state: &["adabound.exp_avg", "adabound.exp_avg_sq"],
    bytes: "28, with AMSBound 36",
    source: "Luo et al., ICLR 2019, arXiv 1902.09843",
};
