//! The stages of a method, cut where an activation of the final direction goes.

use lowland_core::Chain;

use crate::error::{Result, require};
use crate::stages::{DecoupledWeightDecay, WeightDecay};
use crate::update::Update;

/// What makes up a method: the stages whose last direction the learning rate multiplies, and the
/// decoupled weight decay behind them, if any.
#[derive(Clone, Debug)]
pub(crate) struct Parts<L = Chain> {
    pub(crate) direction: L,
    pub(crate) decay: Chain,
}

impl<L> Parts<L> {
    /// The stages of a method with its decay before or after them, or none where it is 0.
    pub(crate) fn new(weight_decay: f64, decoupled: bool, stages: impl FnOnce(Chain) -> L) -> Self {
        let (mut before, mut decay) = (Chain::new(), Chain::new());
        match (weight_decay, decoupled) {
            (0.0, _) => {}
            (_, false) => before = before.then(WeightDecay { weight_decay }),
            (_, true) => decay = decay.then(DecoupledWeightDecay { weight_decay }),
        }
        Parts { direction: stages(before), decay }
    }
}

impl Parts {
    pub(crate) fn chain(self) -> Chain {
        self.direction.then_all(&self.decay)
    }
}

impl Parts<Update> {
    pub(crate) fn update(self) -> Update {
        self.direction.then_all(&self.decay)
    }
}

impl<L: Into<Update>> Parts<L> {
    /// The same, whatever links they are.
    pub(crate) fn general(self) -> Parts<Update> {
        Parts { direction: self.direction.into(), decay: self.decay }
    }
}

/// The range of every method's weight decay.
pub(crate) fn require_decay(method: &str, weight_decay: f64) -> Result<()> {
    let ok = weight_decay >= 0.0 && weight_decay.is_finite();
    require(ok, || format!("{method}.weight_decay"), "0 or more, and finite", weight_decay)
}

/// The range of what methods add to a root.
pub(crate) fn require_eps(method: &str, eps: f64) -> Result<()> {
    let allowed = "above 0 and finite, as a gradient that was always 0 would give 0/0";
    require(eps > 0.0 && eps.is_finite(), || format!("{method}.eps"), allowed, eps)
}

/// The ranges that Adam and its kin share.
pub(crate) fn require_moments(method: &str, betas: [f64; 2], eps: f64) -> Result<()> {
    for (i, beta) in betas.into_iter().enumerate() {
        let field = || format!("{method}.betas[{i}]");
        require((0.0..1.0).contains(&beta), field, "in [0, 1)", beta)?;
    }
    require_eps(method, eps)
}
