//! An experiment: arms that are compared, each run with every seed, and what is measured of the runs.
//!
//! A directory of an experiment holds
//!
//! | path | content |
//! |---|---|
//! | `experiment.toml` | the file that was run, as it was written |
//! | `experiment.json` | [`ExperimentRecord`]: what was asked, and how far each run is |
//! | `tune/ARM/trial-01` … | the run directories of the search for an arm's hyper-parameters |
//! | `runs/CELL/seed-1` … | the run directories of the grid; CELL is the arm, with the levels of the factors |
//! | `runs/CELL/seed-1/flatness.json` | [`Flatness`](crate::flatness::Flatness) of that run's network |
//! | `runs/CELL/seed-1/unmeasured.json` | [`Unmeasured`](crate::flatness::Unmeasured): why there is no `flatness.json` |
//! | `interpolation.json` | [`Interpolation`](crate::flatness::Interpolation) between two networks |
//! | `statistics.json` | [`Statistics`](crate::statistics::Statistics) of all finished runs |
//! | `tables/` | the same, the curves and the surfaces for other programs; see [`tables`](crate::tables) |
//! | `experiment.lock` | what keeps a second process out |

mod after;
mod batch;
mod check;
mod conduct;
mod datasets;
mod directory;
mod file;
mod grid;
mod keys;
mod measure;
mod overview;
mod planned;
mod pool;
mod progress;
mod record;
mod search;
mod settings;
mod tune;
mod written;

pub use conduct::run;
pub use file::ExperimentFile;
pub use overview::{Overview, Part, overview};
pub use planned::check;
pub use record::{ArmInfo, Cell, ExperimentRecord, FactorInfo, State, Trial, Tuned};
pub use settings::{Settings, Summary};
