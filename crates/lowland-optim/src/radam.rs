//! RAdam, as a config.

use lowland_core::Chain;
use serde::{Deserialize, Serialize};

use crate::docs::{Entry, Hyper, Kind};
use crate::error::{Result, require};
use crate::parts::{Parts, require_decay, require_moments};
use crate::stages;

/// RAdam; the defaults are PyTorch's: betas (0.9, 0.999), eps 1e-8, no decay.
///
/// The chain: coupled decay, [`stages::RAdam`], or that and then decoupled decay. The equations and the sources
/// are told there.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RAdam {
    /// The decay rates of the means of the gradient and of its square, each in [0, 1).
    pub betas: [f64; 2],
    /// What is added to the root of the second mean, above 0.
    pub eps: f64,
    /// The factor of weight decay, 0 or more.
    pub weight_decay: f64,
    /// Whether decay is kept out of the means.
    pub decoupled_weight_decay: bool,
}

impl Default for RAdam {
    fn default() -> Self {
        RAdam { betas: [0.9, 0.999], eps: 1e-8, weight_decay: 0.0, decoupled_weight_decay: false }
    }
}

impl RAdam {
    /// Checks the ranges.
    ///
    /// # Errors
    /// [`Error::Hyper`](crate::Error::Hyper) with the field.
    pub fn validate(&self) -> Result<()> {
        require_moments("radam", self.betas, self.eps)?;
        let rates =
            "such that 2 / (1 - betas[1]) - 1 is above 5, as the rectification needs: above 2/3";
        let ok = self.betas[1] > 2.0 / 3.0;
        require(ok, || "radam.betas[1]".into(), rates, self.betas[1])?;
        require_decay("radam", self.weight_decay)
    }

    /// The chain of stages.
    ///
    /// # Errors
    /// As [`RAdam::validate`].
    pub fn chain(&self) -> Result<Chain> {
        Ok(self.parts()?.chain())
    }

    pub(crate) fn parts(&self) -> Result<Parts> {
        self.validate()?;
        let RAdam { betas, eps, .. } = *self;
        let radam = stages::RAdam { betas, eps };
        Ok(Parts::new(self.weight_decay, self.decoupled_weight_decay, |chain| chain.then(radam)))
    }
}

/// What a list of methods tells of it.
pub(crate) const DOC: Entry = Entry {
    kind: Kind::Method,
    name: "radam",
    title: "rectified Adam",
    definition: "g <- g + weight_decay p\n\
                 r_max = 2 / (1 - beta2) - 1;  r = r_max - 2 t beta2^t / (1 - beta2^t);  m and v as in adam\n\
                 r > 5: d = m / (1 - beta1^t) sqrt((r - 4)(r - 2) r_max / ((r_max - 4)(r_max - 2) r))\n\
                 times sqrt(1 - beta2^t) / (sqrt(v) + eps)\n\
                 else:  d = m / (1 - beta1^t)\n\
                 p <- p - lr d",
    hyper: &[
        Hyper::new("betas", "beta1, beta2", "[0.9, 0.999]", "decay rates of the two means"),
        Hyper::new("eps", "epsilon", "1e-8", "what is added to the root"),
        Hyper::new("weight_decay", "lambda, wd", "0.0", "factor of weight decay"),
        Hyper::new("decoupled_weight_decay", "", "false", "whether decay is kept out of the state"),
    ],
    state: &["radam.exp_avg", "radam.exp_avg_sq"],
    bytes: "28",
    source: "Liu et al., ICLR 2020, arXiv 1908.03265; torch.optim.RAdam",
};
