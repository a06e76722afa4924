//! The methods by name, as a config file has them.

use lowland_core::Chain;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::{Adam, AdamW, MiAdam, Sgd};

/// An optimization method with its hyper-parameters: in a config file, one table whose key names the
/// method. Fields that are left out have their defaults; unknown ones are errors.
///
/// ```
/// use lowland_optim::{Method, MiAdam, StepScale, Switch};
///
/// #[derive(serde::Deserialize)]
/// struct Config {
///     optimizer: Method,
/// }
///
/// let text = r#"
///     [optimizer.miadam]
///     order = 3
///     step_scale = "unit-gain"
///     switch = { fraction = 0.5 }
///     weight_decay = 5e-5
/// "#;
/// let config: Config = toml::from_str(text)?;
/// assert_eq!(config.optimizer, Method::Miadam(MiAdam {
///     order: 3,
///     step_scale: StepScale::UnitGain,
///     switch: Switch::Fraction(0.5),
///     weight_decay: 5e-5,
///     ..MiAdam::default()
/// }));
/// assert!(toml::from_str::<Config>("[optimizer.sgd]\nmomentun = 0.9").is_err());
/// # Ok::<(), toml::de::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Method {
    /// Stochastic gradient descent.
    Sgd(Sgd),
    /// Adam and AMSGrad.
    Adam(Adam),
    /// Adam with decoupled weight decay.
    Adamw(AdamW),
    /// Adam with multiple integrations.
    Miadam(MiAdam),
}

impl Method {
    /// Its name, as in a config file.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Method::Sgd(_) => "sgd",
            Method::Adam(_) => "adam",
            Method::Adamw(_) => "adamw",
            Method::Miadam(_) => "miadam",
        }
    }

    /// Checks the ranges.
    ///
    /// # Errors
    /// [`Error::Hyper`](crate::Error::Hyper) with the field.
    pub fn validate(&self) -> Result<()> {
        match self {
            Method::Sgd(sgd) => sgd.validate(),
            Method::Adam(adam) => adam.validate(),
            Method::Adamw(adamw) => adamw.validate(),
            Method::Miadam(miadam) => miadam.validate(),
        }
    }

    /// The chain of stages.
    ///
    /// # Errors
    /// As [`Method::validate`].
    pub fn chain(&self) -> Result<Chain> {
        match self {
            Method::Sgd(sgd) => sgd.chain(),
            Method::Adam(adam) => adam.chain(),
            Method::Adamw(adamw) => adamw.chain(),
            Method::Miadam(miadam) => miadam.chain(),
        }
    }
}
