//! Deformations, as a config.

use serde::{Deserialize, Serialize};

use super::DeformedLoss;
use crate::docs::Entry;
use crate::error::{Error, Result, require};
use crate::registry::deformations;
use crate::schedule::Boundary;

/// What a hyper-parameter may be; finite in any case.
#[derive(Clone, Copy, Debug)]
pub(super) enum Range {
    /// Above 0.
    Positive,
    /// This or more.
    AtLeast(f64),
    /// In [0, 1).
    BelowOne,
}

impl Range {
    fn check(self, field: impl FnOnce() -> String, value: f64) -> Result<()> {
        let (ok, allowed) = match self {
            Range::Positive => (value > 0.0, "above 0 and finite".into()),
            Range::AtLeast(least) => (value >= least, format!("{least:?} or more, and finite")),
            Range::BelowOne => ((0.0..1.0).contains(&value), "in [0, 1)".into()),
        };
        require(ok && value.is_finite(), field, &allowed, value)
    }
}

/// A deformation that a config file can name.
pub(super) trait Kind {
    /// Its hyper-parameters with their ranges.
    fn fields(&self) -> Vec<(&'static str, f64, Range)>;

    /// The deformation, without options.
    fn deformed(&self) -> DeformedLoss;
}

/// The names of deformations, and the type of the table of each.
macro_rules! deformation {
    ($($(#[$doc:meta])* $name:ident: $type:ty, $text:expr;)*) => {
        /// When and relative to what to deform, and exactly one deformation, as a table named after it.
        ///
        /// ```
        /// use lowland_optim::deformation::DeformationConfig;
        ///
        /// let text = "
        ///     normalise = true
        ///     calm_down = { epochs = 50 }
        ///     [atan_power]
        ///     a = 10.0
        ///     b = 1.0
        ///     g = 1.0
        ///     z = 1.0
        /// ";
        /// let config: DeformationConfig = toml::from_str(text)?;
        /// config.validate(200.0)?;
        /// // The untrained network has a loss of 2.3.
        /// let deformed = config.build(200.0, Some(2.3))?;
        /// assert_eq!(deformed.at(2.3, 0.0).slope, 6.0);
        /// assert_eq!(deformed.at(2.3, 150.0).slope, 1.0);
        /// # Ok::<(), Box<dyn std::error::Error>>(())
        /// ```
        #[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct DeformationConfig {
            /// Whether L / L0 is deformed and multiplied back, L0 being the loss of the untrained
            /// network over the training set.
            pub normalise: bool,
            /// Whether f(0) is taken off.
            pub shift: bool,
            /// When to start; at once where it is left out.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub start: Option<Boundary>,
            /// How much of the end of the run is left without deformation.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub calm_down: Option<Boundary>,
            $($(#[$doc])* #[serde(skip_serializing_if = "Option::is_none")] pub $name: Option<$type>,)*
        }

        impl DeformationConfig {
            /// The deformations that were given, of which there should be one.
            fn given(&self) -> Vec<(&'static str, &dyn Kind)> {
                let each = [$((stringify!($name), self.$name.as_ref().map(|kind| kind as &dyn Kind))),*];
                each.into_iter().filter_map(|(name, kind)| Some((name, kind?))).collect()
            }
        }

        /// What a list of methods tells of each.
        pub(crate) const DOCS: &[&Entry] = &[$(&$text),*];
    };
}
deformations!(deformation);

/// Losses at which a slope must make sense: those of a network that is nearly perfect, and of one that
/// is worse than guessing.
const PROBES: [f64; 6] = [1e-3, 1e-2, 0.1, 1.0, 3.0, 10.0];

impl DeformationConfig {
    fn one(&self) -> Result<(&'static str, &dyn Kind)> {
        match self.given()[..] {
            [one] => Ok(one),
            ref given => {
                let names = given.iter().map(|(name, _)| *name);
                Err(Error::choice("deformation", "deformation", names))
            }
        }
    }

    /// The name of the deformation.
    ///
    /// # Errors
    /// [`Error::Choice`] where there is none, or more than one.
    pub fn name(&self) -> Result<&'static str> {
        Ok(self.one()?.0)
    }

    /// Checks the ranges, that f grows somewhere and nowhere faster than `f32` can hold, and that some
    /// of a run of so many epochs is deformed.
    ///
    /// # Errors
    /// [`Error::Hyper`] with the field, and [`Error::Choice`].
    pub fn validate(&self, total_epochs: f64) -> Result<()> {
        let (name, kind) = self.one()?;
        for (field, value, range) in kind.fields() {
            range.check(|| format!("deformation.{name}.{field}"), value)?;
        }
        let slope = |loss| kind.deformed().at(loss, 0.0).slope;
        let slopes = PROBES.map(slope);
        let field = || format!("deformation.{name}");
        let steepest = slopes.into_iter().fold(0.0, f64::max);
        let ok = steepest > 0.0 && slopes.iter().all(|&slope| slope <= f64::from(f32::MAX));
        let allowed = "a function whose slope is above 0 at some loss, and at none beyond 3.4e38";
        require(ok, field, allowed, format_args!("slopes up to {steepest:?}"))?;
        for (field, boundary) in [("start", self.start), ("calm_down", self.calm_down)] {
            let field = || format!("deformation.{field}");
            let Some(boundary) = boundary else { continue };
            boundary.validate(field)?;
            let ok = boundary.epochs(total_epochs) <= total_epochs;
            let allowed = format!("no more than the {total_epochs:?} epochs of the run");
            require(ok, field, &allowed, format_args!("{boundary}"))?;
        }
        let epochs = |boundary: Option<Boundary>| boundary.map_or(0.0, |b| b.epochs(total_epochs));
        let (start, calm) = (epochs(self.start), total_epochs - epochs(self.calm_down));
        let field = || "deformation.start".into();
        let allowed = format!("before calm_down begins, {calm:?} epochs into the run");
        require(start < calm, field, &allowed, format_args!("{start:?} epochs"))
    }

    /// The deformation for a run of so many epochs. `initial_loss` is the loss of the untrained network
    /// over the training set; only `normalise` asks for it.
    ///
    /// # Errors
    /// As [`DeformationConfig::validate`]; also where the initial loss is asked for, and is missing, or
    /// not above 0 and finite.
    pub fn build(&self, total_epochs: f64, initial_loss: Option<f64>) -> Result<DeformedLoss> {
        self.validate(total_epochs)?;
        let mut deformed = self.one()?.1.deformed();
        if self.normalise {
            deformed = deformed.normalised_by(initial_loss.unwrap_or(f64::NAN))?;
        }
        if self.shift {
            deformed = deformed.through_origin();
        }
        if let Some(start) = self.start {
            deformed = deformed.starting_at(start.epochs(total_epochs));
        }
        if let Some(calm_down) = self.calm_down {
            deformed = deformed.calming_down_at(total_epochs - calm_down.epochs(total_epochs));
        }
        Ok(deformed)
    }
}
