//! Gradient activation, as a config.

use lowland_core::DType;
use serde::{Deserialize, Serialize};

use crate::docs::Entry;
use crate::error::{Error, Result, require};
use crate::precision::require_normal;
use crate::registry::activations;
use crate::update::Update;

/// Where gradients are activated. These are different optimizers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Placement {
    /// On the raw gradient, before weight decay and momentum.
    #[default]
    Gradient,
    /// On everything that the learning rate multiplies; the buffers of momentum keep raw values, and
    /// decoupled weight decay stays outside.
    Direction,
}

/// A kind of activation that a config file can name.
pub(crate) trait Kind {
    /// Its hyper-parameters, all above 0.
    fn fields(&self) -> Vec<(&'static str, f64)>;

    /// The update with it at the end.
    fn add_to(&self, update: Update) -> Update;
}

/// The table, with a field for each activation.
macro_rules! activation {
    ($($(#[$doc:meta])* $name:ident: $type:ty, $text:expr;)*) => {
        /// Where to activate, and exactly one activation, as a table named after it.
        ///
        /// ```
        /// use lowland_optim::{ActivationConfig, Placement};
        ///
        /// let config: ActivationConfig = toml::from_str("placement = \"direction\"\n[tanh]\nalpha = 0.2")?;
        /// assert_eq!(config.placement, Placement::Direction);
        /// assert_eq!(config.tanh.map(|tanh| [tanh.alpha, tanh.beta]), Some([0.2, 4.5]));
        /// # Ok::<(), toml::de::Error>(())
        /// ```
        #[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct ActivationConfig {
            /// On the raw gradient or on the final direction.
            pub placement: Placement,
            $($(#[$doc])* #[serde(skip_serializing_if = "Option::is_none")] pub $name: Option<$type>,)*
        }

        impl ActivationConfig {
            /// The activations that were given, of which there should be one.
            fn given(&self) -> Vec<(&'static str, &dyn Kind)> {
                let each = [$((stringify!($name), self.$name.as_ref().map(|kind| kind as &dyn Kind))),*];
                each.into_iter().filter_map(|(name, kind)| Some((name, kind?))).collect()
            }
        }

        /// What a list of methods tells of each.
        pub(crate) const DOCS: &[&Entry] = &[$(&$text),*];
    };
}
activations!(activation);

impl ActivationConfig {
    fn one(&self) -> Result<(&'static str, &dyn Kind)> {
        match self.given()[..] {
            [one] => Ok(one),
            ref given => {
                let names = given.iter().map(|(name, _)| *name);
                Err(Error::choice("activation", "activation", names))
            }
        }
    }

    /// Checks the ranges.
    ///
    /// # Errors
    /// [`Error::Hyper`] with the field, and [`Error::Choice`].
    pub fn validate(&self) -> Result<()> {
        let (name, kind) = self.one()?;
        for (field, value) in kind.fields() {
            let field = || format!("activation.{name}.{field}");
            require(value > 0.0 && value.is_finite(), field, "above 0 and finite", value)?;
        }
        Ok(())
    }

    pub(crate) fn validate_at(&self, dtype: DType) -> Result<()> {
        let (name, kind) = self.one()?;
        let mut fields = kind.fields().into_iter();
        fields.try_for_each(|(field, value)| {
            require_normal(&format!("activation.{name}.{field}"), value, dtype)
        })
    }

    /// The update with this activation at its end.
    pub(super) fn add_to(&self, update: Update) -> Result<Update> {
        Ok(self.one()?.1.add_to(update))
    }
}
