#![doc = include_str!("../README.md")]

mod adam;
mod arena;
mod error;
mod group;
mod method;
mod miadam;
mod optimizer;
mod precision;
mod schedule;
mod sgd;
mod state;
mod update;

pub mod stages;
pub mod transforms;

pub use adam::{Adam, AdamW};
pub use arena::{ArenaOptimizer, ArenaParam};
pub use error::{Error, Result};
pub use group::GroupSpec;
pub use method::Method;
pub use miadam::MiAdam;
pub use optimizer::Optimizer;
pub use schedule::{Boundary, Constant, Cosine, MultiStep, Schedule};
pub use sgd::Sgd;
pub use stages::{StepScale, Switch};
pub use state::{OptimizerState, ParamState};
pub use update::Update;
