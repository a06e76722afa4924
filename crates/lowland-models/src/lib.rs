#![doc = include_str!("../README.md")]

mod atomic;
mod error;
mod fans;
mod fusion;
mod gates;
mod init;
mod loss;
mod model;
mod module;
mod pass;
mod values;

pub mod layers;
pub mod state_dict;
pub mod store;
pub mod zero_stability;
pub mod zoo;

pub use atomic::write_atomically;
pub use error::{Error, Mismatch, Result, WrongShape};
pub use fans::Fan;
pub use fusion::Fusion;
pub use gates::Gates;
pub use init::Init;
pub use loss::CrossEntropy;
pub use model::Model;
pub use module::Module;
pub use pass::{Pass, Statistics};
pub use state_dict::{LoadReport, StateDict, StateTensor};
pub use store::{
    Arena, NonFinite, Param, ParamEntry, ParamStore, Role, Scope, Snapshot, Stat, StatEntry,
    StoreBuilder,
};
pub use values::Values;
pub use zoo::ModelConfig;
