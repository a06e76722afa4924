//! Adam, AMSGrad and AdamW, as configs.

use lowland_core::Chain;
use serde::{Deserialize, Serialize};

use crate::error::{Result, require};
use crate::sgd::{require_decay, with_decay};
use crate::stages;

/// Adam, with AMSGrad as a flag; the defaults are PyTorch's: betas (0.9, 0.999), eps 1e-8, no decay.
///
/// The chain: coupled decay, [`stages::Adam`], or that and then decoupled decay.
///
/// ```
/// use lowland_core::Clock;
/// use lowland_optim::Adam;
///
/// let (mut p, mut m, mut v) = ([1.0f64], [0.0f64], [0.0f64]);
/// let chain = Adam::default().chain()?;
/// chain.step(&Clock::at_step(1, 0.1), &mut p, &[-3.0], &mut [&mut m, &mut v]);
/// // After its first step, Adam has moved by lr, whatever the gradient.
/// assert!((p[0] - (1.0 + 0.1 * 3.0 / (3.0 + 1e-8))).abs() < 1e-15);
/// # Ok::<(), lowland_optim::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Adam {
    /// The decay rates of the means of the gradient and of its square, each in [0, 1).
    pub betas: [f64; 2],
    /// What is added to the root of the second mean, above 0.
    pub eps: f64,
    /// Whether the second mean is replaced by its largest value so far.
    pub amsgrad: bool,
    /// The factor of weight decay, 0 or more.
    pub weight_decay: f64,
    /// Whether decay is kept out of the means, as in AdamW.
    pub decoupled_weight_decay: bool,
}

impl Default for Adam {
    fn default() -> Self {
        Adam {
            betas: [0.9, 0.999],
            eps: 1e-8,
            amsgrad: false,
            weight_decay: 0.0,
            decoupled_weight_decay: false,
        }
    }
}

impl Adam {
    /// Checks the ranges.
    ///
    /// # Errors
    /// [`Error::Hyper`](crate::Error::Hyper) with the field.
    pub fn validate(&self) -> Result<()> {
        self.validate_as("adam")
    }

    fn validate_as(&self, method: &str) -> Result<()> {
        require_moments(method, self.betas, self.eps)?;
        require_decay(method, self.weight_decay)
    }

    /// The chain of stages.
    ///
    /// # Errors
    /// As [`Adam::validate`].
    pub fn chain(&self) -> Result<Chain> {
        self.validate()?;
        let Adam { betas, eps, amsgrad, weight_decay, decoupled_weight_decay } = *self;
        let adam = stages::Adam { betas, eps, amsgrad };
        Ok(with_decay(weight_decay, decoupled_weight_decay, |chain| chain.then(adam)))
    }
}

/// AdamW: Adam with decoupled weight decay, by default 0.01 as in PyTorch.
///
/// ```
/// use lowland_optim::{Adam, AdamW};
/// let same = Adam { weight_decay: 0.01, decoupled_weight_decay: true, ..Adam::default() };
/// assert_eq!(Adam::from(AdamW::default()), same);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdamW {
    /// The decay rates of the means of the gradient and of its square, each in [0, 1).
    pub betas: [f64; 2],
    /// What is added to the root of the second mean, above 0.
    pub eps: f64,
    /// Whether the second mean is replaced by its largest value so far.
    pub amsgrad: bool,
    /// The factor of weight decay, 0 or more.
    pub weight_decay: f64,
}

impl Default for AdamW {
    fn default() -> Self {
        let Adam { betas, eps, amsgrad, .. } = Adam::default();
        AdamW { betas, eps, amsgrad, weight_decay: 0.01 }
    }
}

impl From<AdamW> for Adam {
    fn from(AdamW { betas, eps, amsgrad, weight_decay }: AdamW) -> Self {
        Adam { betas, eps, amsgrad, weight_decay, decoupled_weight_decay: true }
    }
}

impl AdamW {
    /// Checks the ranges.
    ///
    /// # Errors
    /// [`Error::Hyper`](crate::Error::Hyper) with the field.
    pub fn validate(&self) -> Result<()> {
        Adam::from(*self).validate_as("adamw")
    }

    /// The chain of stages.
    ///
    /// # Errors
    /// As [`AdamW::validate`].
    pub fn chain(&self) -> Result<Chain> {
        self.validate()?;
        Adam::from(*self).chain()
    }
}

/// The ranges that Adam and MIAdam share.
pub(crate) fn require_moments(method: &str, betas: [f64; 2], eps: f64) -> Result<()> {
    for (i, beta) in betas.into_iter().enumerate() {
        let field = || format!("{method}.betas[{i}]");
        require((0.0..1.0).contains(&beta), field, "in [0, 1)", beta)?;
    }
    let allowed = "above 0 and finite, as a gradient that was always 0 would give 0/0";
    require(eps > 0.0 && eps.is_finite(), || format!("{method}.eps"), allowed, eps)
}
