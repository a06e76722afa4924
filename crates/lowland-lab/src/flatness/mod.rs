//! How flat the minimum is that a run has ended in: what is measured of its network, and what comes of it.

mod check;
mod config;
mod files;
mod measure;
mod network;
mod record;
mod stoppable;
mod surfaces;

pub use check::Impossible;
pub use config::{FlatnessConfig, LandscapeConfig, StatisticsOf};
pub(crate) use files::forget;
pub use files::{
    read, read_interpolation, read_unmeasured, write, write_interpolation, write_unmeasured,
};
pub use measure::measure;
pub use record::{Along, Estimate, Flatness, Interpolation, Line, Plane, Spectrum, Unmeasured};
pub use surfaces::interpolation;
