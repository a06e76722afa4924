//! The text of an experiment's file, as serde reads it.

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::flatness::FlatnessConfig;

/// The whole file. Tables whose keys are fields of a run's config are checked with the runs they
/// make, and only their presence is noted here.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Written {
    pub(super) name: String,
    pub(super) title: Option<String>,
    pub(super) question: String,
    #[serde(default = "final_test_acc")]
    pub(super) measure: String,
    pub(super) baseline: Option<String>,
    pub(super) seeds: Vec<u64>,
    #[serde(rename = "base")]
    _base: IgnoredAny,
    #[serde(default, rename = "arm")]
    pub(super) arms: Vec<Arm>,
    #[serde(default, rename = "factor")]
    pub(super) factors: Vec<Factor>,
    pub(super) tune: Option<Tune>,
    pub(super) flatness: Option<FlatnessConfig>,
}

/// A table `[[arm]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Arm {
    pub(super) name: String,
    pub(super) label: Option<String>,
    #[serde(default)]
    pub(super) unset: Vec<String>,
    #[serde(rename = "set")]
    _set: Option<IgnoredAny>,
    #[serde(rename = "tune")]
    _tune: Option<IgnoredAny>,
}

/// A table `[[factor]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Factor {
    pub(super) name: String,
    pub(super) key: String,
    pub(super) levels: Vec<IgnoredAny>,
}

/// The table `[tune]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tune {
    pub(super) trials: usize,
    pub(super) epochs: usize,
    pub(super) seed: u64,
    #[serde(rename = "fields")]
    _fields: Option<IgnoredAny>,
}

fn final_test_acc() -> String {
    "final_test_acc".into()
}
