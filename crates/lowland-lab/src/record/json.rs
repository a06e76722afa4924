//! The content of `run.json`.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

use crate::calibration::Calibration;
use crate::machine::{Commit, Machine, Utc, commit_of};
use crate::metrics::Results;
use crate::run::{Memory, NoiseScore, RunInfo, SchemeInfo, SkippedStep};

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum Ended {
    /// It has not: it goes on, or was killed.
    Running,
    /// All epochs are done.
    Finished,
    /// Somebody stopped it.
    Interrupted {
        /// The epoch it was at.
        epoch: usize,
        /// Batches of that epoch that were trained on.
        batches_done: usize,
        /// Batches of an epoch.
        batches: usize,
    },
    /// An error stopped it.
    Failed {
        /// The error.
        reason: String,
        /// Whether its loss was infinite or not a number: the same run would fail again.
        #[serde(default)]
        diverged: bool,
    },
}

/// The content of `run.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunJson {
    /// How the run ended.
    #[serde(flatten)]
    pub ended: Ended,
    /// What ran it.
    pub program: Program,
    /// The command, a word each.
    pub command: Vec<String>,
    /// Where it ran.
    pub machine: Machine,
    /// What it was made of.
    pub run: RunInfo,
    /// When it began, as RFC 3339.
    pub started: String,
    /// When processes went on with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resumed: Vec<Resumption>,
    /// When it ended, as RFC 3339.
    pub ended_at: Option<String>,
    /// How long it took.
    pub seconds: Option<f64>,
    /// Complete epochs.
    pub epochs_done: usize,
    /// The epoch whose end `weights.safetensors` is of; where the run was interrupted inside an epoch,
    /// that epoch, which is not complete.
    pub weights_epoch: Option<usize>,
    /// The BLAKE3 checksums of all files of weights, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub weights: BTreeMap<String, String>,
    /// Every number of `results` is of one run.
    pub seeds: usize,
    /// The accuracies.
    pub results: Option<Results>,
    /// As in [`Outcome`](crate::Outcome).
    pub initial_loss: Option<f64>,
    /// As in [`Outcome`](crate::Outcome); absent where no step was skipped.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skipped_steps: Vec<SkippedStep>,
    /// As in [`Outcome`](crate::Outcome).
    pub input_noise: Vec<NoiseScore>,
    /// As in [`Outcome`](crate::Outcome).
    #[serde(default)]
    pub calibration: Option<Calibration>,
    /// As in [`Outcome`](crate::Outcome).
    pub schemes: Option<Vec<SchemeInfo>>,
    /// As in [`Outcome`](crate::Outcome).
    pub memory: Option<Memory>,
}

/// A process that went on with a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Resumption {
    /// When, as RFC 3339.
    pub at: String,
    /// The name of the checkpoint that it went on from.
    pub checkpoint: String,
    /// What went on.
    pub program: Program,
    /// The command, a word each.
    pub command: Vec<String>,
    /// Where.
    pub machine: Machine,
    /// The device.
    pub device: String,
}

/// The program that ran something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The state of the repository around the working directory; none outside of one.
    pub git: Option<Commit>,
}

impl Program {
    /// This program, here, as it was when this was first asked.
    #[must_use]
    pub fn this() -> Program {
        static THIS: OnceLock<Program> = OnceLock::new();
        let look = || {
            let git = std::env::current_dir().ok().and_then(|folder| commit_of(&folder));
            Program { name: "lowland".into(), version: env!("CARGO_PKG_VERSION").into(), git }
        };
        THIS.get_or_init(look).clone()
    }

    /// Its version and commit, for people.
    pub(crate) fn in_words(&self) -> String {
        let commit = self.git.as_ref().map_or(String::new(), |git| {
            let modified = if git.modified { ", modified" } else { "" };
            format!(" of commit {}{modified}", git.commit.get(..10).unwrap_or(&git.commit))
        });
        format!("{} {}{commit}", self.name, self.version)
    }
}

impl RunJson {
    /// That of a run that begins.
    pub(super) fn of(run: &RunInfo) -> RunJson {
        RunJson {
            ended: Ended::Running,
            program: Program::this(),
            command: command(),
            machine: Machine::this(),
            run: run.clone(),
            started: Utc::now().rfc3339(),
            resumed: Vec::new(),
            ended_at: None,
            seconds: None,
            epochs_done: 0,
            weights_epoch: None,
            weights: BTreeMap::new(),
            seeds: 1,
            results: None,
            initial_loss: None,
            skipped_steps: Vec::new(),
            input_noise: Vec::new(),
            calibration: None,
            schemes: None,
            memory: None,
        }
    }
}

impl Resumption {
    /// This process, on a device, from a checkpoint.
    pub(super) fn of(checkpoint: String, device: &str) -> Resumption {
        Resumption {
            at: Utc::now().rfc3339(),
            checkpoint,
            program: Program::this(),
            command: command(),
            machine: Machine::this(),
            device: device.to_string(),
        }
    }
}

/// The command that was typed, a word each, without the folder of the program.
fn command() -> Vec<String> {
    let mut words: Vec<String> =
        std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect();
    if let Some(program) = words.first_mut()
        && let Some(name) = Path::new(program.as_str()).file_name()
    {
        *program = name.to_string_lossy().into_owned();
    }
    words
}
