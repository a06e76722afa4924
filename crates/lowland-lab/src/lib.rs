#![doc = include_str!("../README.md")]

pub mod against;
pub mod bench;
mod calibration;
pub mod checkpoint;
pub mod checksums;
pub mod config;
pub mod console;
pub mod dataset;
pub mod demo;
pub mod device;
pub mod endurance;
mod error;
mod evaluation;
pub mod experiment;
mod finite;
pub mod flatness;
mod initial;
mod lock;
pub mod machine;
mod memory;
mod metrics;
mod notes;
pub mod output;
mod panics;
mod past;
pub mod picture;
mod plan;
pub mod range_test;
mod record;
pub mod registry;
pub mod report;
mod run;
pub mod statistics;
pub mod tables;
pub mod tensorboard;
mod trainer;

pub use calibration::{Bin, Calibration, Confidences};
pub use config::{Change, Config, ConfigError, ConfigFile};
pub use error::{Error, Result};
pub use evaluation::{Evaluation, Logits};
pub use finite::{Fault, NotFinite};
pub use initial::InitialWeights;
pub use metrics::{EpochMetrics, Picked, Results, Running};
pub use panics::caught;
pub use past::PastRun;
pub use plan::{Groups, Plan};
pub use record::{
    Ended, Program, Record, Resumed, Resumption, RunJson, default_folder, refuse_differing,
    weights_of,
};
pub use run::{
    DataInfo, Memory, ModelInfo, NoiseScore, Observer, Options, Outcome, Position, Run, RunInfo,
    SchemeInfo, SkippedStep, Skips, Stop,
};
pub use trainer::{Images, Scored, Trainer};

/// The chapters of the book that hold code: it is compiled and run with the documentation's tests.
#[cfg(doctest)]
mod book {
    #[doc = include_str!("../../../docs/src/start.md")]
    mod start {}
    #[doc = include_str!("../../../docs/src/checkpoints.md")]
    mod checkpoints {}
    #[doc = include_str!("../../../docs/src/experiments.md")]
    mod experiments {}
    #[doc = include_str!("../../../docs/src/reports.md")]
    mod reports {}
    #[doc = include_str!("../../../docs/src/add-a-stage.md")]
    mod add_a_stage {}
    #[doc = include_str!("../../../docs/src/add-an-op.md")]
    mod add_an_op {}
    #[doc = include_str!("../../../docs/src/methods/miadam.md")]
    mod miadam {}
    #[doc = include_str!("../../../docs/src/methods/gaf.md")]
    mod gaf {}
    #[doc = include_str!("../../../docs/src/methods/vdm.md")]
    mod vdm {}
    #[doc = include_str!("../../../docs/src/methods/cdg.md")]
    mod cdg {}
    #[doc = include_str!("../../../docs/src/methods/zerosnet.md")]
    mod zerosnet {}
}
