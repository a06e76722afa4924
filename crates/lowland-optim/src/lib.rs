#![doc = include_str!("../README.md")]

mod adabelief;
mod adabound;
mod adai;
mod adam;
mod arena;
mod elementary;
mod error;
mod group;
mod loss_scale;
mod measured;
mod method;
mod miadam;
mod nadam;
mod optimizer;
mod parts;
mod precision;
mod radam;
mod recipe;
mod registry;
mod rmsprop;
mod schedule;
mod sgd;
mod state;
mod state_mismatch;
mod swats;
mod together;
mod update;

pub mod deformation;
pub mod docs;
pub mod stages;
pub mod transforms;

pub use adabelief::AdaBelief;
pub use adabound::AdaBound;
pub use adai::Adai;
pub use adam::{Adam, AdamW};
pub use arena::{ArenaOptimizer, ArenaParam};
pub use error::{Error, Result};
pub use group::GroupSpec;
pub use loss_scale::LossScale;
pub use measured::{Measured, Totals};
pub use method::Method;
pub use miadam::MiAdam;
pub use nadam::NAdam;
pub use optimizer::Optimizer;
pub use radam::RAdam;
pub use recipe::{
    ActivationConfig, ChannelDirectedConfig, Clip, MetricKind, Placement, Recipe, WeightDecayOn,
};
pub use rmsprop::RmsProp;
pub use schedule::{Anneal, Boundary, Constant, Cosine, MultiStep, OneCycle, Schedule};
pub use sgd::Sgd;
pub use stages::{StepScale, Switch};
pub use state::{OptimizerState, ParamState};
pub use state_mismatch::{StateMismatch, WrongState};
pub use swats::Swats;
pub use update::Update;
