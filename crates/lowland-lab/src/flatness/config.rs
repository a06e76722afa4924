//! What is to be measured: the `[flatness]` table of an experiment.

use lowland_landscape::Normalisation;
use serde::{Deserialize, Serialize};

/// What is measured of the network that a run has ended with. A count of 0 leaves a measurement out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FlatnessConfig {
    /// Over how many of the run's training images, drawn by class, without augmentation.
    pub images: usize,
    /// By which statistics batch normalisation normalises, for curvature and sharpness.
    pub statistics: StatisticsOf,
    /// Largest eigenvalues of the Hessian.
    pub eigenvalues: usize,
    /// Lanczos steps for these at most: fewer, where the residual of each is 1 % of it before.
    pub lanczos_steps: usize,
    /// Random vectors for Hutchinson's estimate of the trace.
    pub trace_probes: usize,
    /// Random vectors for the spectral density.
    pub density_probes: usize,
    /// The radius of the ball that sharpness is measured in: the largest growth of the loss within
    /// that distance of the weights (Foret et al. 2021, equation 1); 0 leaves it out.
    pub sharpness_radius: f64,
    /// Whether the largest eigenvalue is measured along the run, at every epoch whose weights were
    /// kept by `record.weights_every_epochs`.
    pub along_the_run: bool,
    /// The surfaces that are measured; none where it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub landscape: Option<LandscapeConfig>,
}

impl Default for FlatnessConfig {
    fn default() -> Self {
        FlatnessConfig {
            images: 1000,
            statistics: StatisticsOf::Batch,
            eigenvalues: 1,
            lanczos_steps: 20,
            trace_probes: 10,
            density_probes: 0,
            sharpness_radius: 0.05,
            along_the_run: false,
            landscape: None,
        }
    }
}

impl FlatnessConfig {
    /// Whether both measure the same of one run, surfaces being among it or not. Which arms have surfaces,
    /// and whether there is a way between two, is not of one run.
    pub(crate) fn is_same_for_a_run(&self, other: &FlatnessConfig, with_landscape: bool) -> bool {
        let of_a_run = |config: &FlatnessConfig| {
            let landscape = config.landscape.clone().filter(|_| with_landscape);
            let landscape = landscape.map(|landscape| LandscapeConfig {
                arms: Vec::new(),
                interpolate: false,
                ..landscape
            });
            FlatnessConfig { landscape, ..config.clone() }
        };
        of_a_run(self) == of_a_run(other)
    }
}

/// Which surfaces around a solution are measured, in directions that are scaled as the filters are
/// (Li et al. 2018, "Visualizing the Loss Landscape of Neural Nets", section 4).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LandscapeConfig {
    /// The arms whose surfaces are measured: one or two, of the first seed and the first levels; all
    /// arms where none is named.
    pub arms: Vec<String>,
    /// Points along each axis; an odd number, so that the solution is one of them.
    pub points: usize,
    /// How far the axes reach, in lengths of the filters.
    pub reach: f64,
    /// Over how many of the run's training images, drawn as those of [`FlatnessConfig::images`] are.
    pub images: usize,
    /// By which statistics batch normalisation normalises. Between two solutions `running` is taken as
    /// `re-estimated`: running statistics belong to one solution.
    pub statistics: StatisticsOf,
    /// Whether the way between the solutions of the two arms is measured too.
    pub interpolate: bool,
}

impl Default for LandscapeConfig {
    fn default() -> Self {
        LandscapeConfig {
            arms: Vec::new(),
            points: 21,
            reach: 1.0,
            images: 256,
            statistics: StatisticsOf::Running,
            interpolate: true,
        }
    }
}

/// [`Normalisation`] as it is written in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StatisticsOf {
    /// [`Normalisation::Batch`].
    Batch,
    /// [`Normalisation::Running`].
    Running,
    /// [`Normalisation::ReEstimated`]: for surfaces alone.
    ReEstimated,
}

impl From<StatisticsOf> for Normalisation {
    fn from(of: StatisticsOf) -> Self {
        match of {
            StatisticsOf::Batch => Normalisation::Batch,
            StatisticsOf::Running => Normalisation::Running,
            StatisticsOf::ReEstimated => Normalisation::ReEstimated,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_landscape_is_the_same_for_a_run_without_one() {
        let plain = FlatnessConfig::default();
        let landscape = |landscape| FlatnessConfig { landscape: Some(landscape), ..plain.clone() };
        let with = landscape(LandscapeConfig::default());
        let arms = vec!["a".into()];
        let named = landscape(LandscapeConfig { arms, interpolate: false, ..Default::default() });
        let fine = landscape(LandscapeConfig { points: 41, ..Default::default() });
        for other in [&with, &named, &fine] {
            assert!(plain.is_same_for_a_run(other, false));
            assert!(!plain.is_same_for_a_run(other, true));
        }
        assert!(with.is_same_for_a_run(&named, true) && !with.is_same_for_a_run(&fine, true));
        let images = FlatnessConfig { images: 10, ..with.clone() };
        assert!(!with.is_same_for_a_run(&images, false));
    }
}
