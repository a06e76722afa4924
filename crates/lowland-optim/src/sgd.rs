//! Stochastic gradient descent, as a config.

use lowland_core::Chain;
use serde::{Deserialize, Serialize};

use crate::docs::{Entry, Hyper, Kind};
use crate::error::{Result, require};
use crate::parts::{Parts, require_decay};
use crate::stages::Momentum;

/// Stochastic gradient descent with momentum; the defaults are PyTorch's: no momentum, no decay.
///
/// The chain: [`WeightDecay`](crate::stages::WeightDecay) (coupled), [`Momentum`] where `momentum` is
/// not 0, [`DecoupledWeightDecay`](crate::stages::DecoupledWeightDecay) in place of the first where that is asked for.
///
/// ```
/// use lowland_core::Clock;
/// use lowland_optim::Sgd;
///
/// let sgd = Sgd { momentum: 0.5, weight_decay: 0.25, ..Sgd::default() };
/// let (mut p, mut buffer) = ([4.0f64], [0.0f64]);
/// sgd.chain()?.step(&Clock::at_step(1, 0.5), &mut p, &[1.0], &mut [&mut buffer]);
/// assert_eq!(p, [4.0 - 0.5 * (1.0 + 0.25 * 4.0)]);
/// # Ok::<(), lowland_optim::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sgd {
    /// What is kept of the momentum buffer at a step, 0 to 1; 0 is none.
    pub momentum: f64,
    /// What is held back of the new gradient, 0 to 1, except at the first step.
    pub dampening: f64,
    /// Whether to look ahead; needs momentum and no dampening.
    pub nesterov: bool,
    /// The factor of weight decay, 0 or more.
    pub weight_decay: f64,
    /// Whether decay is kept out of the momentum buffer.
    pub decoupled_weight_decay: bool,
}

impl Sgd {
    /// Checks the ranges.
    ///
    /// # Errors
    /// [`Error::Hyper`](crate::Error::Hyper) with the field.
    pub fn validate(&self) -> Result<()> {
        let unit = 0.0..=1.0;
        let Sgd { momentum, dampening, nesterov, weight_decay, .. } = *self;
        let field = |name: &'static str| move || format!("sgd.{name}");
        require(unit.contains(&momentum), field("momentum"), "in [0, 1]", momentum)?;
        require(unit.contains(&dampening), field("dampening"), "in [0, 1]", dampening)?;
        let allowed = "false where momentum is 0 or dampening is not";
        let possible = !nesterov || momentum > 0.0 && dampening == 0.0;
        require(possible, field("nesterov"), allowed, nesterov)?;
        require_decay("sgd", weight_decay)
    }

    /// The chain of stages.
    ///
    /// # Errors
    /// As [`Sgd::validate`].
    pub fn chain(&self) -> Result<Chain> {
        Ok(self.parts()?.chain())
    }

    pub(crate) fn parts(&self) -> Result<Parts> {
        self.validate()?;
        let Sgd { momentum, dampening, nesterov, weight_decay, decoupled_weight_decay } = *self;
        Ok(Parts::new(weight_decay, decoupled_weight_decay, |chain| match momentum {
            0.0 => chain,
            _ => chain.then(Momentum { momentum, dampening, nesterov }),
        }))
    }
}

/// What a list of methods tells of it.
pub(crate) const DOC: Entry = Entry {
    kind: Kind::Method,
    name: "sgd",
    title: "stochastic gradient descent, with momentum",
    definition: "g <- g + weight_decay p\n\
                 b <- momentum b + (1 - dampening) g, at the first step b <- g\n\
                 d  = b, or with Nesterov g + momentum b; without momentum g\n\
                 p <- p - lr d",
    hyper: &[
        Hyper::new("momentum", "mu", "0.0", "what is kept of the buffer"),
        Hyper::new("dampening", "tau", "0.0", "what is held back of the new gradient"),
        Hyper::new("nesterov", "", "false", "whether to look ahead"),
        Hyper::new("weight_decay", "lambda, wd", "0.0", "factor of weight decay"),
        Hyper::new("decoupled_weight_decay", "", "false", "whether decay is kept out of the state"),
    ],
    state: &[],
    bytes: "12, with momentum 20",
    source: "Sutskever et al., ICML 2013; torch.optim.SGD",
};
