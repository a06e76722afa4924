//! The methods by name, as a config file has them.

use lowland_core::DType;
use serde::{Deserialize, Serialize};

use crate::docs::Entry;
use crate::error::Result;
use crate::parts::Parts;
use crate::precision::require_normal;
use crate::registry::methods;
use crate::update::Update;

/// The enum of methods, and what is the same expression for the config of each.
macro_rules! method {
    ($($(#[$doc:meta])* $name:ident: $variant:ident($config:ty), $text:expr $(, $eps:ident)?;)*) => {
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
            $($(#[$doc])* $variant($config),)*
        }

        /// The same expression for the config of each method.
        macro_rules! each {
            ($method:expr, $own:ident => $body:expr) => {
                match $method {
                    $(Method::$variant($own) => $body,)*
                }
            };
        }

        impl Method {
            /// Its name, as in a config file.
            #[must_use]
            pub fn name(&self) -> &'static str {
                match self {
                    $(Method::$variant(_) => stringify!($name),)*
                }
            }

            /// What it adds to a root, or keeps shares above.
            fn eps(&self) -> Option<f64> {
                match self {
                    $(Method::$variant(_config) => None$(.or(Some(_config.$eps)))?,)*
                }
            }
        }

        /// What a list of methods tells of each.
        pub(crate) const DOCS: &[&Entry] = &[$(&$text),*];
    };
}
methods!(method);

impl Method {
    /// Checks the ranges.
    ///
    /// # Errors
    /// [`Error::Hyper`](crate::Error::Hyper) with the field.
    pub fn validate(&self) -> Result<()> {
        each!(self, config => config.validate())
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
        let weight_decay = each!(self, config => config.weight_decay);
        if weight_decay != 0.0 {
            require_normal(&format!("{}.weight_decay", self.name()), weight_decay, dtype)?;
        }
        if let Some(eps) = self.eps() {
            require_normal(&format!("{}.eps", self.name()), eps, dtype)?;
        }
        match self {
            Method::Miadam(miadam) => miadam.validate_gain(base_lr, dtype),
            _ => Ok(()),
        }
    }

    /// The same method for parameters that do not decay.
    #[must_use]
    pub fn without_weight_decay(mut self) -> Self {
        each!(&mut self, config => config.weight_decay = 0.0);
        self
    }

    /// The links: a chain of stages, but for methods that measure.
    ///
    /// # Errors
    /// As [`Method::validate`].
    pub fn update(&self) -> Result<Update> {
        Ok(self.parts()?.update())
    }

    /// The links, cut where an activation of the final direction goes.
    pub(crate) fn parts(&self) -> Result<Parts<Update>> {
        each!(self, config => Ok(config.parts()?.general()))
    }
}
