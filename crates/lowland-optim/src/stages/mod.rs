//! The element-wise stages that the methods are chained of, one file a stage.
//!
//! A stage has no range checks of its own: the configs ([`crate::Sgd`], [`crate::Adam`],
//! [`crate::MiAdam`]) make them. Whoever chains stages by hand can start from any of these.
//!
//! `clock.step` is the number of steps that the state has taken, this one included: that is what
//! [`crate::Optimizer`] and [`crate::ArenaOptimizer`] hand over, whatever the step of the run.
//!
//! [`Adai`] and [`Swats`] are [measured](crate::Measured): they go into an
//! [`Update`](crate::Update::measured), not into a chain, as they need sums over all parameters.

pub(crate) mod activation;
mod adabelief;
mod adabound;
mod adai;
mod adam;
mod clip_value;
mod decoupled_weight_decay;
mod examples;
mod miadam;
mod moments;
mod momentum;
mod nadam;
mod radam;
mod rmsprop;
mod swats;
mod weight_decay;

pub use activation::{Activate, Activation, Atan, Log, Tanh};
pub use adabelief::AdaBelief;
pub use adabound::AdaBound;
pub use adai::Adai;
pub use adam::Adam;
pub use clip_value::ClipValue;
pub use decoupled_weight_decay::DecoupledWeightDecay;
pub use examples::{examples, measures};
pub use miadam::{MiAdam, StepScale, Switch};
pub use momentum::Momentum;
pub use nadam::NAdam;
pub use radam::RAdam;
pub use rmsprop::RmsProp;
pub use swats::Swats;
pub use weight_decay::WeightDecay;
