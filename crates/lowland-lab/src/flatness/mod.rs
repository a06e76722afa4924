//! How flat the minimum is that a run has ended in: what is measured of its network, and what comes of it.

mod config;
mod record;

pub use config::{FlatnessConfig, LandscapeConfig, StatisticsOf};
pub use record::{Along, Estimate, Flatness, Interpolation, Line, Plane, Spectrum};
