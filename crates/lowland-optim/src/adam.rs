//! Adam, AMSGrad and AdamW, as configs.

use lowland_core::Chain;
use serde::{Deserialize, Serialize};

use crate::docs::{Entry, Hyper, Kind};
use crate::error::Result;
use crate::parts::{Parts, require_decay, require_moments};
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
    /// Whether eps is added to the root before its bias correction, and not after it.
    pub uncorrected_eps: bool,
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
            uncorrected_eps: false,
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
        Ok(self.parts()?.chain())
    }

    pub(crate) fn parts(&self) -> Result<Parts> {
        self.validate()?;
        let Adam { betas, eps, amsgrad, uncorrected_eps, .. } = *self;
        let adam = stages::Adam { betas, eps, amsgrad, uncorrected_eps };
        Ok(Parts::new(self.weight_decay, self.decoupled_weight_decay, |chain| chain.then(adam)))
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
        let decoupled_weight_decay = true;
        Adam { betas, eps, amsgrad, weight_decay, decoupled_weight_decay, ..Adam::default() }
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
        Ok(self.parts()?.chain())
    }

    pub(crate) fn parts(&self) -> Result<Parts> {
        self.validate()?;
        Adam::from(*self).parts()
    }
}

/// What a list of methods tells of it.
pub(crate) const DOC: Entry = Entry {
    kind: Kind::Method,
    name: "adam",
    title: "Adam, and AMSGrad",
    definition: "g <- g + weight_decay p\n\
                 m <- beta1 m + (1 - beta1) g;  v <- beta2 v + (1 - beta2) g^2\n\
                 d  = m / (1 - beta1^t) / (sqrt(v) / sqrt(1 - beta2^t) + eps)\n\
                 p <- p - lr d\n\
                 AMSGrad: the largest v so far in the place of v",
    hyper: &[
        Hyper::new("betas", "beta1, beta2", "[0.9, 0.999]", "decay rates of the two means"),
        Hyper::new("eps", "epsilon", "1e-8", "what is added to the root"),
        Hyper::new("amsgrad", "AMSGrad", "false", "whether the second mean never shrinks"),
        Hyper::new(
            "uncorrected_eps",
            "",
            "false",
            "whether eps is added before the bias correction",
        ),
        Hyper::new("weight_decay", "lambda, wd", "0.0", "factor of weight decay"),
        Hyper::new("decoupled_weight_decay", "", "false", "whether decay is kept out of the state"),
    ],
    state: &["adam.exp_avg", "adam.exp_avg_sq"],
    bytes: "28, with AMSGrad 36",
    source: "Kingma and Ba, ICLR 2015; Reddi et al., ICLR 2018; torch.optim.Adam",
};

/// What a list of methods tells of it.
pub(crate) const ADAMW_DOC: Entry = Entry {
    kind: Kind::Method,
    name: "adamw",
    title: "Adam with decoupled weight decay",
    definition: "d as in adam, without weight decay in g\n\
                 p <- p - lr (d + weight_decay p)",
    hyper: &[
        Hyper::new("betas", "beta1, beta2", "[0.9, 0.999]", "decay rates of the two means"),
        Hyper::new("eps", "epsilon", "1e-8", "what is added to the root"),
        Hyper::new("amsgrad", "AMSGrad", "false", "whether the second mean never shrinks"),
        Hyper::new("weight_decay", "lambda, wd", "0.01", "factor of weight decay"),
    ],
    state: &["adam.exp_avg", "adam.exp_avg_sq"],
    bytes: "28, with AMSGrad 36",
    source: "Loshchilov and Hutter, ICLR 2019; torch.optim.AdamW",
};
