//! The whole optimizer of an experiment, as a config file has it.

pub(crate) mod activation;
pub(crate) mod channel_directed;
mod clip;
pub(crate) mod clip_docs;

use lowland_core::DType;
use serde::{Deserialize, Serialize};

pub use activation::{ActivationConfig, Placement};
pub use channel_directed::{ChannelDirectedConfig, MetricKind};
pub use clip::Clip;

use crate::error::{Error, Result};
use crate::method::Method;
use crate::registry::methods;
use crate::update::Update;

/// The struct, with a field for each method.
macro_rules! recipe {
    ($($(#[$doc:meta])* $name:ident: $variant:ident($config:ty), $text:expr $(, $eps:ident)?;)*) => {
        /// The table `[optimizer]`: a learning rate, exactly one method as a table named after it, and what
        /// is done to gradients and directions around the method.
        ///
        /// The order: the gradients of all parameters are clipped, by their norm or by value; those of the
        /// chosen weights are smoothed along an axis; then the raw gradient is activated, if that is where
        /// the activation is placed; then comes the method, whose final direction is activated otherwise;
        /// decoupled weight decay comes last.
        ///
        /// ```
        /// use lowland_optim::Recipe;
        ///
        /// #[derive(serde::Deserialize)]
        /// struct Config {
        ///     optimizer: Recipe,
        /// }
        ///
        /// let text = r#"
        ///     [optimizer]
        ///     learning_rate = 0.1
        ///     clip = { norm = 5.0 }
        ///
        ///     [optimizer.sgd]
        ///     momentum = 0.9
        ///
        ///     [optimizer.channel_directed]
        ///     metric = "h1"
        ///     lambda = 0.1
        ///
        ///     [optimizer.activation]
        ///     placement = "direction"
        ///     atan = { alpha = 0.1, beta = 20.0 }
        /// "#;
        /// let Config { optimizer } = toml::from_str(text)?;
        /// let update = optimizer.update()?;
        /// assert_eq!(
        ///     update.explain().to_string(),
        ///     "each tensor: channel_directed; then a pass, 20 bytes a parameter in f32: gradient -> momentum -> \
        ///      atan -> parameter -= lr * direction; state: momentum.momentum_buffer"
        /// );
        /// assert_eq!(optimizer.clip_norm(), Some(5.0));
        /// # Ok::<(), Box<dyn std::error::Error>>(())
        /// ```
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct Recipe {
            /// The learning rate that the schedule starts from.
            pub learning_rate: f64,
            /// Which parameters decay.
            #[serde(default)]
            pub weight_decay_on: WeightDecayOn,
            /// How gradients are clipped.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub clip: Option<Clip>,
            /// Along which axis, and by which metric, gradients are smoothed.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub channel_directed: Option<ChannelDirectedConfig>,
            /// What activates gradients or directions.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub activation: Option<ActivationConfig>,
            $(
                $(#[$doc])*
                #[serde(default, skip_serializing_if = "Option::is_none")]
                pub $name: Option<$config>,
            )*
        }

        impl Recipe {
            /// A method with nothing around it.
            #[must_use]
            pub fn new(learning_rate: f64, method: Method) -> Self {
                let mut recipe = Recipe {
                    learning_rate,
                    weight_decay_on: WeightDecayOn::All,
                    clip: None,
                    channel_directed: None,
                    activation: None,
                    $($name: None,)*
                };
                recipe.set_method(method);
                recipe
            }

            fn set_method(&mut self, method: Method) {
                match method {
                    $(Method::$variant(config) => self.$name = Some(config),)*
                }
            }

            /// The methods that were given, of which there should be one.
            #[must_use]
            pub fn methods(&self) -> Vec<Method> {
                let each = [$(self.$name.map(Method::$variant)),*];
                each.into_iter().flatten().collect()
            }
        }
    };
}
methods!(recipe);

/// Which parameters decay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WeightDecayOn {
    /// All of them, as in PyTorch where no groups are made.
    #[default]
    All,
    /// Weights of convolutions and linear layers; neither biases nor normalisations.
    Weights,
}

impl Recipe {
    /// The method.
    ///
    /// # Errors
    /// [`Error::Choice`] where there is none, or more than one.
    pub fn method(&self) -> Result<Method> {
        match self.methods()[..] {
            [method] => Ok(method),
            ref methods => Err(Error::choice("", "method", methods.iter().map(Method::name))),
        }
    }

    /// Checks the ranges.
    ///
    /// # Errors
    /// [`Error::Hyper`] with the field, and [`Error::Choice`].
    pub fn validate(&self) -> Result<()> {
        self.method()?.validate()?;
        self.clip.as_ref().map_or(Ok(()), Clip::validate)?;
        self.channel_directed.as_ref().map_or(Ok(()), ChannelDirectedConfig::validate)?;
        self.activation.as_ref().map_or(Ok(()), ActivationConfig::validate)
    }

    /// Checks the ranges, and that the numbers of a step are what they are meant to be in the type
    /// of the parameters; see [`Method::validate_at`].
    ///
    /// # Errors
    /// As [`Recipe::validate`].
    pub fn validate_at(&self, dtype: DType) -> Result<()> {
        self.validate()?;
        self.method()?.validate_at(self.learning_rate, dtype)?;
        self.clip.as_ref().map_or(Ok(()), |clip| clip.validate_at(dtype))?;
        self.activation.as_ref().map_or(Ok(()), |activation| activation.validate_at(dtype))
    }

    /// The same recipe for parameters that do not decay.
    #[must_use]
    pub fn without_weight_decay(mut self) -> Self {
        for method in self.methods() {
            self.set_method(method.without_weight_decay());
        }
        self
    }

    /// The bound of the norm of all gradients together, which is the optimizer's to keep, not a
    /// group's: see [`Optimizer::with_clip_norm`](crate::Optimizer::with_clip_norm) and
    /// [`ArenaOptimizer::with_clip_norm`](crate::ArenaOptimizer::with_clip_norm).
    #[must_use]
    pub fn clip_norm(&self) -> Option<f64> {
        match self.clip {
            Some(Clip::Norm(bound)) => Some(bound),
            _ => None,
        }
    }

    /// Everything else that is done to a group of parameters.
    ///
    /// # Errors
    /// As [`Recipe::validate`].
    pub fn update(&self) -> Result<Update> {
        self.validate()?;
        let parts = self.method()?.parts()?;
        let mut update = Update::new();
        if let Some(Clip::Value(limit)) = self.clip {
            update = update.then(crate::stages::ClipValue { limit });
        }
        if let Some(config) = &self.channel_directed {
            update = update.transform_by(config.transform());
        }
        let activate = |update: Update, place: Placement| match &self.activation {
            Some(activation) if activation.placement == place => activation.add_to(update),
            _ => Ok(update),
        };
        update = activate(update, Placement::Gradient)?.then_update(parts.direction);
        Ok(activate(update, Placement::Direction)?.then_all(&parts.decay))
    }
}
