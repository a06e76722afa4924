//! The measure that an experiment's question is about must be one that its runs will have a number of.

use super::planned::Planned;
use super::{Cell, ExperimentFile};
use crate::config::{Config, ConfigError};
use crate::flatness::FlatnessConfig;
use crate::statistics::noise_key;

impl ExperimentFile {
    /// Refuses a measure that no run will have a number of.
    pub(super) fn check_measure(&self, grid: &[(Cell, Planned)]) -> Result<(), ConfigError> {
        let runs = |has: &dyn Fn(&Config) -> bool| {
            grid.iter().any(|(_, planned)| has(planned.plan.config()))
        };
        let flatness = |has: fn(&FlatnessConfig) -> bool| self.flatness().is_some_and(has);
        let measure = self.measure();
        let (met, lacking) = match measure {
            "validation_selected_test_acc" => (
                runs(&|config| config.data.validation_fraction > 0.0),
                "it needs data.validation_fraction above 0",
            ),
            "hessian_top_eigenvalue" => {
                (flatness(|f| f.eigenvalues > 0), "it needs [flatness] with eigenvalues above 0")
            }
            "hessian_trace" => {
                (flatness(|f| f.trace_probes > 0), "it needs [flatness] with trace_probes above 0")
            }
            "sharpness" => (
                flatness(|f| f.sharpness_radius > 0.0),
                "it needs [flatness] with a sharpness_radius above 0",
            ),
            noise if noise.starts_with("noise_") => {
                let is = |config: &Config| {
                    config.evaluate.input_noise.iter().any(|other| noise_key(other) == noise)
                };
                (runs(&is), "it needs that noise in evaluate.input_noise")
            }
            _ => (true, ""),
        };
        if met {
            return Ok(());
        }
        let problem = format!("no run will have a number of `{measure}`");
        Err(self.source.mistake("measure", problem, lacking))
    }
}
