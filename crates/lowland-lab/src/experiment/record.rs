//! What is known of an experiment: the content of `experiment.json`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::machine::Machine;
use crate::record::Program;

/// An experiment as far as it is done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExperimentRecord {
    /// What it is called: letters, digits, `-`, `_` and `.`.
    pub name: String,
    /// Its name for people.
    pub title: String,
    /// What it is to find out, as a question.
    pub question: String,
    /// The key of the measure that the question is about, such as `final_test_acc`.
    pub measure: String,
    /// The name of the arm that the others are compared with.
    pub baseline: String,
    /// What is compared, in the order of the file.
    pub arms: Vec<ArmInfo>,
    /// What is varied for every arm, in the order of the file; often none.
    pub factors: Vec<FactorInfo>,
    /// The seeds, each of which gives one run a cell.
    pub seeds: Vec<u64>,
    /// The runs of the grid: arms, then levels, then seeds.
    pub cells: Vec<Cell>,
    /// What the search chose for each arm; empty without one.
    pub tuned: Vec<Tuned>,
    /// What differs from the file, such as fewer images by `--subset`; one sentence each.
    pub changes: Vec<String>,
    /// The command that repeats it.
    pub command: String,
    /// What ran it.
    pub program: Program,
    /// Where it ran.
    pub machine: Machine,
    /// When it was started first, as RFC 3339.
    pub started: String,
    /// When this was written, as RFC 3339.
    pub updated: String,
}

/// One of the things that are compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArmInfo {
    /// Its name in directories and on the command line: letters, digits, `-`, `_` and `.`.
    pub name: String,
    /// Its name for people.
    pub label: String,
}

/// Something that is varied for every arm.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FactorInfo {
    /// Its name for people, such as `label noise`.
    pub name: String,
    /// The field of a run's config that it sets.
    pub key: String,
    /// The values of that field, as they are written for people.
    pub levels: Vec<String>,
}

/// One run of the grid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cell {
    /// The name of its arm.
    pub arm: String,
    /// The level of each factor, in their order.
    pub levels: Vec<String>,
    /// Its seed.
    pub seed: u64,
    /// Its run directory, relative to that of the experiment.
    pub folder: String,
    /// How far it is.
    pub state: State,
}

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It has not begun, or was interrupted and will be run again.
    Waiting,
    /// Trained to the end, and measured.
    Finished,
    /// Stopped by an error, such as a loss that was not finite; its `run.json` has the reason.
    Failed,
}

/// What the search on the validation images chose for an arm.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tuned {
    /// The name of the arm.
    pub arm: String,
    /// How many trials were made.
    pub trials: usize,
    /// The chosen value of each field that was searched.
    pub values: BTreeMap<String, serde_json::Value>,
    /// The best validation accuracy of the trial that was chosen, after its last epoch.
    pub val_acc: f64,
    /// Each trial: its values, and its validation accuracy after the last epoch, none where it failed.
    pub tried: Vec<Trial>,
}

/// One trial of a search.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trial {
    /// The value of each field that is searched.
    pub values: BTreeMap<String, serde_json::Value>,
    /// The validation accuracy after the last epoch; none where the trial failed.
    pub val_acc: Option<f64>,
}
