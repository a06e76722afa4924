//! The methods by name, as a config file has them.

use lowland_core::{Chain, DType};
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::precision::require_normal;
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

    /// Checks the ranges, and that the numbers of a step with this learning rate are what they are
    /// meant to be in the type of the parameters: a weight decay of 1e-60 is 0 in `f32`, and so is
    /// `lr^order` of MIAdam for a large order.
    ///
    /// # Errors
    /// [`Error::Hyper`](crate::Error::Hyper) with the field; that of the learning rate is
    /// `learning_rate`.
    ///
    /// ```
    /// use lowland_core::DType;
    /// use lowland_optim::{Adam, Method};
    ///
    /// let method = Method::Adam(Adam { eps: 1e-60, ..Adam::default() });
    /// assert!(method.validate_at(1e-3, DType::F64).is_ok());
    /// assert_eq!(
    ///     method.validate_at(1e-3, DType::F32).unwrap_err().to_string(),
    ///     "adam.eps must be above 0 and finite in f32: 1.2e-38 to 3.4e38; got 1e-60"
    /// );
    /// ```
    pub fn validate_at(&self, base_lr: f64, dtype: DType) -> Result<()> {
        self.validate()?;
        require_normal("learning_rate", base_lr, dtype)?;
        let (weight_decay, eps) = match self {
            Method::Sgd(sgd) => (sgd.weight_decay, None),
            Method::Adam(adam) => (adam.weight_decay, Some(adam.eps)),
            Method::Adamw(adamw) => (adamw.weight_decay, Some(adamw.eps)),
            Method::Miadam(miadam) => (miadam.weight_decay, Some(miadam.eps)),
        };
        if weight_decay != 0.0 {
            require_normal(&format!("{}.weight_decay", self.name()), weight_decay, dtype)?;
        }
        if let Some(eps) = eps {
            require_normal(&format!("{}.eps", self.name()), eps, dtype)?;
        }
        match self {
            Method::Miadam(miadam) => miadam.validate_gain(base_lr, dtype),
            Method::Sgd(_) | Method::Adam(_) | Method::Adamw(_) => Ok(()),
        }
    }

    /// The same method for parameters that do not decay.
    #[must_use]
    pub fn without_weight_decay(self) -> Self {
        let weight_decay = 0.0;
        match self {
            Method::Sgd(sgd) => Method::Sgd(Sgd { weight_decay, ..sgd }),
            Method::Adam(adam) => Method::Adam(Adam { weight_decay, ..adam }),
            Method::Adamw(adamw) => Method::Adamw(AdamW { weight_decay, ..adamw }),
            Method::Miadam(miadam) => Method::Miadam(MiAdam { weight_decay, ..miadam }),
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
