//! NAdam, as a config.

use lowland_core::Chain;
use serde::{Deserialize, Serialize};

use crate::docs::{Entry, Hyper, Kind};
use crate::error::{Result, require};
use crate::parts::{Parts, require_decay, require_moments};
use crate::stages;

/// NAdam; the defaults are PyTorch's: betas (0.9, 0.999), eps 1e-8, momentum decay 0.004, no decay.
///
/// The chain: coupled decay, [`stages::NAdam`], or that and then decoupled decay. The equations and the sources
/// are told there.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NAdam {
    /// The decay rates of the means of the gradient and of its square, each in [0, 1).
    pub betas: [f64; 2],
    /// What is added to the root of the second mean, above 0.
    pub eps: f64,
    /// How fast the momentum warms up, 0 or more.
    pub momentum_decay: f64,
    /// The factor of weight decay, 0 or more.
    pub weight_decay: f64,
    /// Whether decay is kept out of the means.
    pub decoupled_weight_decay: bool,
}

impl Default for NAdam {
    fn default() -> Self {
        NAdam {
            betas: [0.9, 0.999],
            eps: 1e-8,
            momentum_decay: 4e-3,
            weight_decay: 0.0,
            decoupled_weight_decay: false,
        }
    }
}

impl NAdam {
    /// Checks the ranges.
    ///
    /// # Errors
    /// [`Error::Hyper`](crate::Error::Hyper) with the field.
    pub fn validate(&self) -> Result<()> {
        require_moments("nadam", self.betas, self.eps)?;
        let ok = self.momentum_decay >= 0.0 && self.momentum_decay.is_finite();
        let field = || "nadam.momentum_decay".into();
        require(ok, field, "0 or more, and finite", self.momentum_decay)?;
        require_decay("nadam", self.weight_decay)
    }

    /// The chain of stages.
    ///
    /// # Errors
    /// As [`NAdam::validate`].
    pub fn chain(&self) -> Result<Chain> {
        Ok(self.parts()?.chain())
    }

    pub(crate) fn parts(&self) -> Result<Parts> {
        self.validate()?;
        let NAdam { betas, eps, momentum_decay, .. } = *self;
        let nadam = stages::NAdam::new(betas, eps, momentum_decay);
        Ok(Parts::new(self.weight_decay, self.decoupled_weight_decay, |chain| chain.then(nadam)))
    }
}

/// What a list of methods tells of it.
pub(crate) const DOC: Entry = Entry {
    kind: Kind::Method,
    name: "nadam",
    title: "Adam with Nesterov momentum",
    definition: "g <- g + weight_decay p\n\
                 mu_t = beta1 (1 - 0.96^(t momentum_decay) / 2);  P_t = mu_1 .. mu_t;  m and v as in adam\n\
                 d  = ((1 - mu_t) / (1 - P_t) g + mu_(t+1) / (1 - P_(t+1)) m) / (sqrt(v) / sqrt(1 - beta2^t) + eps)\n\
                 p <- p - lr d",
    hyper: &[
        Hyper::new("betas", "beta1, beta2", "[0.9, 0.999]", "decay rates of the two means"),
        Hyper::new("eps", "epsilon", "1e-8", "what is added to the root"),
        Hyper::new("momentum_decay", "psi", "0.004", "how fast the momentum warms up"),
        Hyper::new("weight_decay", "lambda, wd", "0.0", "factor of weight decay"),
        Hyper::new("decoupled_weight_decay", "", "false", "whether decay is kept out of the state"),
    ],
    state: &["nadam.exp_avg", "nadam.exp_avg_sq"],
    bytes: "28",
    source: "Dozat, ICLR workshop 2016; torch.optim.NAdam",
};
