//! What a `[flatness]` table cannot ask for.

use std::fmt;

use super::{FlatnessConfig, LandscapeConfig, StatisticsOf};
use crate::Error;
use crate::config::Config;

/// A field of a `[flatness]` table with a value that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("field `flatness.{field}`: {value} is not possible; {allowed}")]
pub struct Impossible {
    /// The field, relative to the table.
    pub field: &'static str,
    /// Its value, as it is written.
    pub value: String,
    /// What is allowed.
    pub allowed: &'static str,
}

impl From<Impossible> for Error {
    fn from(impossible: Impossible) -> Self {
        Error::Usage(impossible.to_string())
    }
}

/// Refuses a value of a field unless it is `allowed`.
fn require(
    is: bool,
    field: &'static str,
    value: impl fmt::Display,
    allowed: &'static str,
) -> Result<(), Impossible> {
    if is { Ok(()) } else { Err(Impossible { field, value: value.to_string(), allowed }) }
}

impl FlatnessConfig {
    /// Checks what does not depend on what is measured, and whether a run with this config keeps what is
    /// needed.
    ///
    /// # Errors
    /// [`Impossible`] with the first field that cannot be.
    pub fn check(&self, run: &Config) -> Result<(), Impossible> {
        require(self.images > 0, "images", self.images, "it must be at least 1")?;
        let statistics = self.statistics != StatisticsOf::ReEstimated;
        let allowed = "only surfaces can be measured by statistics that follow the weights, as there is \
                       no gradient through them; use batch or running";
        require(statistics, "statistics", "re-estimated", allowed)?;
        self.check_counts()?;
        let radius = self.sharpness_radius;
        let allowed = "it must be 0 or more, and finite";
        require(radius >= 0.0 && radius.is_finite(), "sharpness_radius", radius, allowed)?;
        let kept = !self.along_the_run || run.record.weights_every_epochs > 0;
        let allowed =
            "the run keeps the weights of no epoch; set record.weights_every_epochs before it";
        require(kept, "along_the_run", true, allowed)?;
        self.landscape.as_ref().map_or(Ok(()), LandscapeConfig::check)
    }

    fn check_counts(&self) -> Result<(), Impossible> {
        let steps = self.lanczos_steps;
        let least = self.eigenvalues.max(usize::from(self.along_the_run));
        let allowed = "it must be at least 1, and at least the number of eigenvalues";
        require(steps >= least, "lanczos_steps", steps, allowed)?;
        let allowed = "a density needs at least 2";
        require(self.density_probes == 0 || steps >= 2, "lanczos_steps", steps, allowed)?;
        let allowed = "it must be 0, or at least 2, as one probe has no standard error";
        require(self.trace_probes != 1, "trace_probes", 1, allowed)
    }
}

impl LandscapeConfig {
    /// Checks what does not depend on what is measured.
    ///
    /// # Errors
    /// [`Impossible`] with the first field that cannot be.
    pub fn check(&self) -> Result<(), Impossible> {
        let odd = self.points >= 3 && self.points % 2 == 1;
        let allowed = "it must be odd, so that the solution is a point, and at least 3";
        require(odd, "landscape.points", self.points, allowed)?;
        let reach = self.reach;
        let allowed = "it must be above 0, and finite";
        require(reach > 0.0 && reach.is_finite(), "landscape.reach", reach, allowed)?;
        require(self.images > 0, "landscape.images", self.images, "it must be at least 1")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_is_named_with_what_can() {
        let text = "data.dataset = \"digits\"\nmodel.name = \"resnet-tiny\"\n\
                    optimizer = { learning_rate = 0.1, sgd = {} }";
        let run = crate::ConfigFile::parse("a.toml", text, &[]).unwrap().config().clone();
        let base =
            FlatnessConfig { landscape: Some(LandscapeConfig::default()), ..Default::default() };
        assert_eq!(base.check(&run), Ok(()));
        let landscape = |change: fn(&mut LandscapeConfig)| {
            let mut landscape = LandscapeConfig::default();
            change(&mut landscape);
            FlatnessConfig { landscape: Some(landscape), ..Default::default() }
        };
        let cases = [
            (FlatnessConfig { images: 0, ..base.clone() }, "images"),
            (
                FlatnessConfig { statistics: StatisticsOf::ReEstimated, ..base.clone() },
                "statistics",
            ),
            (FlatnessConfig { eigenvalues: 21, ..base.clone() }, "lanczos_steps"),
            (FlatnessConfig { trace_probes: 1, ..base.clone() }, "trace_probes"),
            (FlatnessConfig { sharpness_radius: f64::NAN, ..base.clone() }, "sharpness_radius"),
            (FlatnessConfig { sharpness_radius: -0.1, ..base.clone() }, "sharpness_radius"),
            (FlatnessConfig { along_the_run: true, ..base.clone() }, "along_the_run"),
            (landscape(|l| l.points = 20), "landscape.points"),
            (landscape(|l| l.points = 1), "landscape.points"),
            (landscape(|l| l.reach = 0.0), "landscape.reach"),
            (landscape(|l| l.images = 0), "landscape.images"),
        ];
        for (config, field) in cases {
            assert_eq!(config.check(&run).unwrap_err().field, field);
        }
        let text = landscape(|l| l.points = 20).check(&run).unwrap_err().to_string();
        assert_eq!(
            text,
            "field `flatness.landscape.points`: 20 is not possible; it must be odd, so that the solution is \
             a point, and at least 3"
        );
    }
}
