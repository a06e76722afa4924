//! RMSprop, as a config.

use lowland_core::Chain;
use serde::{Deserialize, Serialize};

use crate::docs::{Entry, Hyper, Kind};
use crate::error::{Result, require};
use crate::parts::{Parts, require_decay, require_eps};
use crate::stages;

/// RMSprop, with momentum; the defaults are PyTorch's: alpha 0.99, eps 1e-8, no momentum, no decay.
///
/// The chain: coupled decay, [`stages::RmsProp`], [`stages::Momentum`] where `momentum` is not 0, or that and then decoupled decay. The equations and the sources
/// are told there.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RmsProp {
    /// The decay rate of the mean of the gradient's square, in [0, 1).
    pub alpha: f64,
    /// What is added to the root, above 0.
    pub eps: f64,
    /// Whether the square of the gradient's mean is taken off the mean of its square.
    pub centered: bool,
    /// What is kept of the momentum buffer at a step, 0 to 1; 0 is none.
    pub momentum: f64,
    /// The factor of weight decay, 0 or more.
    pub weight_decay: f64,
    /// Whether decay is kept out of the means.
    pub decoupled_weight_decay: bool,
}

impl Default for RmsProp {
    fn default() -> Self {
        RmsProp {
            alpha: 0.99,
            eps: 1e-8,
            centered: false,
            momentum: 0.0,
            weight_decay: 0.0,
            decoupled_weight_decay: false,
        }
    }
}

impl RmsProp {
    /// Checks the ranges.
    ///
    /// # Errors
    /// [`Error::Hyper`](crate::Error::Hyper) with the field.
    pub fn validate(&self) -> Result<()> {
        let field = |name: &'static str| move || format!("rmsprop.{name}");
        require((0.0..1.0).contains(&self.alpha), field("alpha"), "in [0, 1)", self.alpha)?;
        let ok = (0.0..=1.0).contains(&self.momentum);
        require(ok, field("momentum"), "in [0, 1]", self.momentum)?;
        require_eps("rmsprop", self.eps)?;
        require_decay("rmsprop", self.weight_decay)
    }

    /// The chain of stages.
    ///
    /// # Errors
    /// As [`RmsProp::validate`].
    pub fn chain(&self) -> Result<Chain> {
        Ok(self.parts()?.chain())
    }

    pub(crate) fn parts(&self) -> Result<Parts> {
        self.validate()?;
        let RmsProp { alpha, eps, centered, momentum, .. } = *self;
        Ok(Parts::new(self.weight_decay, self.decoupled_weight_decay, |chain| {
            let chain = chain.then(stages::RmsProp { alpha, eps, centered });
            match momentum {
                0.0 => chain,
                _ => chain.then(stages::Momentum { momentum, dampening: 0.0, nesterov: false }),
            }
        }))
    }
}

/// What a list of methods tells of it.
pub(crate) const DOC: Entry = Entry {
    kind: Kind::Method,
    name: "rmsprop",
    title: "RMSprop",
    definition: "g <- g + weight_decay p\n\
                 v <- alpha v + (1 - alpha) g^2;  centered: u <- alpha u + (1 - alpha) g\n\
                 d  = g / (sqrt(v) + eps);  centered: g / (sqrt(v - u^2) + eps)\n\
                 with momentum: b <- momentum b + d, and b in the place of d\n\
                 p <- p - lr d",
    hyper: &[
        Hyper::new("alpha", "rho", "0.99", "decay rate of the mean square"),
        Hyper::new("eps", "epsilon", "1e-8", "what is added to the root"),
        Hyper::new("centered", "", "false", "whether the variance is taken"),
        Hyper::new("momentum", "mu", "0.0", "what is kept of the momentum buffer"),
        Hyper::new("weight_decay", "lambda, wd", "0.0", "factor of weight decay"),
        Hyper::new("decoupled_weight_decay", "", "false", "whether decay is kept out of the state"),
    ],
    state: &["rmsprop.square_avg"],
    bytes: "20, 8 more each for centered and momentum",
    source: "Tieleman and Hinton 2012; Graves 2013; torch.optim.RMSprop",
};
