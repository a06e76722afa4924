//! The directory of a run: everything that is needed to believe it, and to do it again.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use lowland_models::ParamStore;
use serde::{Deserialize, Serialize};

use crate::calibration::Calibration;
use crate::config::Config;
use crate::machine::{Commit, Machine, Utc, commit_of};
use crate::metrics::{EpochMetrics, Results};
use crate::output::{GrowingFile, create_empty_folder, write_json, write_whole};
use crate::picture::{self, draw_curves};
use crate::run::{Memory, NoiseScore, Outcome, Run, RunInfo, SchemeInfo, SkippedStep};
use crate::tensorboard::EventFile;
use crate::{Error, Result};

/// The picture of a run that goes on is drawn again no more often than this.
const PICTURE_INTERVAL: Duration = Duration::from_secs(20);

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

/// A run directory that is being filled.
///
/// | file | content |
/// |---|---|
/// | `config.toml` | the config with all defaults; `train` runs it again |
/// | `run.json` | program, commit, command, machine, seed, start and end, status, results |
/// | `metrics.jsonl` | an [`EpochMetrics`] a line |
/// | `events.out.tfevents.lowland` | the same for TensorBoard |
/// | `weights.safetensors` | the network after the last complete epoch, or where it was interrupted |
/// | `weights/epoch-0003.safetensors` … | the network after other epochs, where `record.weights_every_epochs` keeps them |
/// | `curves.png`, `curves.svg` | loss and accuracy over epochs |
///
/// At every moment each of them is complete as of some moment before.
#[derive(Debug)]
pub struct Record {
    folder: PathBuf,
    keep: Keep,
    lines: GrowingFile,
    events: EventFile,
    json: RunJson,
    drawn: Option<Instant>,
}

/// After which epochs the weights are kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Keep {
    every: usize,
    last: usize,
}

impl Keep {
    pub(crate) fn of(config: &Config) -> Keep {
        Keep { every: config.record.weights_every_epochs, last: config.train.epochs }
    }

    pub(crate) fn wants(self, epoch: usize) -> bool {
        self.every > 0 && (epoch.is_multiple_of(self.every) || epoch == self.last)
    }
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
    /// When it ended, as RFC 3339.
    pub ended_at: Option<String>,
    /// How long it took.
    pub seconds: Option<f64>,
    /// Complete epochs.
    pub epochs_done: usize,
    /// The epoch whose end `weights.safetensors` is of; where the run was interrupted inside an epoch,
    /// that epoch, which is not complete.
    pub weights_epoch: Option<usize>,
    /// Every number of `results` is of one run.
    pub seeds: usize,
    /// The accuracies.
    pub results: Option<Results>,
    /// As in [`Outcome`].
    pub initial_loss: Option<f64>,
    /// As in [`Outcome`]; absent where no step was skipped.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skipped_steps: Vec<SkippedStep>,
    /// As in [`Outcome`].
    pub input_noise: Vec<NoiseScore>,
    /// As in [`Outcome`].
    #[serde(default)]
    pub calibration: Option<Calibration>,
    /// As in [`Outcome`].
    pub schemes: Option<Vec<SchemeInfo>>,
    /// As in [`Outcome`].
    pub memory: Option<Memory>,
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
    /// This program, here.
    #[must_use]
    pub fn this() -> Program {
        let git = std::env::current_dir().ok().and_then(|folder| commit_of(&folder));
        Program { name: "lowland".into(), version: env!("CARGO_PKG_VERSION").into(), git }
    }
}

impl Record {
    /// A run directory at `folder`, which must not exist or be empty.
    ///
    /// # Errors
    /// [`Error::OutputExists`]; [`Error::File`] where it cannot be written.
    pub fn create(folder: &Path, run: &Run) -> Result<Record> {
        create_empty_folder(folder)?;
        let toml = config_toml(run.plan().config())?;
        write_whole(&folder.join("config.toml"), toml.as_bytes())?;
        let json = RunJson {
            ended: Ended::Running,
            program: Program::this(),
            command: command(),
            machine: Machine::this(),
            run: run.info().clone(),
            started: Utc::now().rfc3339(),
            ended_at: None,
            seconds: None,
            epochs_done: 0,
            weights_epoch: None,
            seeds: 1,
            results: None,
            initial_loss: None,
            skipped_steps: Vec::new(),
            input_noise: Vec::new(),
            calibration: None,
            schemes: None,
            memory: None,
        };
        let lines = GrowingFile::create(&folder.join("metrics.jsonl"))?;
        let events = EventFile::create(folder, &toml)?;
        let keep = Keep::of(run.plan().config());
        if keep.every > 0 {
            let weights = folder.join("weights");
            std::fs::create_dir(&weights).map_err(Error::file("create the folder", &weights))?;
        }
        let record =
            Record { folder: folder.to_path_buf(), keep, lines, events, json, drawn: None };
        record.write_json()?;
        Ok(record)
    }

    /// Where it is.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Records the last of `epochs`, and the network after it.
    ///
    /// # Errors
    /// [`Error::File`], or a [`Error::Model`] that says the same of the weights.
    pub(crate) fn epoch(&mut self, epochs: &[EpochMetrics], store: &ParamStore) -> Result<()> {
        let Some(last) = epochs.last() else { return Ok(()) };
        let line = serde_json::to_string(last).map_err(json_error)?;
        self.lines.push_line(&line)?;
        self.events.epoch(last)?;
        self.write_weights("weights.safetensors".as_ref(), store)?;
        if self.keep.wants(last.epoch) {
            self.write_weights(&weights_of(last.epoch), store)?;
        }
        self.json.weights_epoch = Some(last.epoch);
        self.json.epochs_done = epochs.len();
        if self.drawn.is_none_or(|drawn| drawn.elapsed() >= PICTURE_INTERVAL) {
            self.draw(epochs)?;
            self.drawn = Some(Instant::now());
        }
        Ok(())
    }

    /// Records how the run ended.
    ///
    /// # Errors
    /// As [`Record::epoch`].
    pub(crate) fn finish(&mut self, outcome: &Outcome, store: &ParamStore) -> Result<()> {
        self.json.ended = outcome.ended.clone();
        self.json.ended_at = Some(Utc::now().rfc3339());
        self.json.seconds = Some(outcome.seconds);
        self.json.results = outcome.results;
        self.json.initial_loss = outcome.initial_loss;
        self.json.skipped_steps.clone_from(&outcome.skipped_steps);
        self.json.input_noise.clone_from(&outcome.input_noise);
        self.json.calibration.clone_from(&outcome.calibration);
        self.json.schemes.clone_from(&outcome.schemes);
        self.json.memory = Some(outcome.memory);
        // After a failure the last complete epoch's weights stay: those in memory may be what failed.
        if let Ended::Interrupted { epoch, .. } = outcome.ended {
            self.write_weights("weights.safetensors".as_ref(), store)?;
            self.json.weights_epoch = Some(epoch);
        }
        // A run that is said to be finished has its epochs even if the power fails now.
        self.lines.sync()?;
        // First what cannot be made again.
        self.write_json()?;
        self.draw(&outcome.epochs)
    }

    fn draw(&self, epochs: &[EpochMetrics]) -> Result<()> {
        let RunInfo { name, seed, .. } = &self.json.run;
        let run = picture::Run { name: name.clone(), epochs };
        draw_curves(&picture::title_of(name, *seed, epochs), &[run], &self.folder)
    }

    fn write_weights(&self, name: &Path, store: &ParamStore) -> Result<()> {
        let path = self.folder.join(name);
        store.state_dict()?.write(&path).map_err(|error| match error {
            lowland_models::Error::File { source, .. } => Error::file("write", &path)(source),
            error => error.into(),
        })
    }

    fn write_json(&self) -> Result<()> {
        write_json(&self.folder.join("run.json"), &self.json)
    }
}

/// The file of the weights after an epoch, relative to the run directory.
#[must_use]
pub fn weights_of(epoch: usize) -> PathBuf {
    format!("weights/epoch-{epoch:04}.safetensors").into()
}

/// The default place of a run directory: below `runs`, named after experiment, seed and moment.
#[must_use]
pub fn default_folder(name: &str) -> PathBuf {
    let moment = Utc::now().compact();
    let plain = Path::new("runs").join(format!("{name}-{moment}"));
    // Two runs may start within a second.
    let numbered = (2..).map(|n| Path::new("runs").join(format!("{name}-{moment}-{n}")));
    std::iter::once(plain.clone()).chain(numbered).find(|path| !path.exists()).unwrap_or(plain)
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

fn config_toml(config: &Config) -> Result<String> {
    let head = "# The whole config of this run, defaults included: `train` runs it again.\n\n";
    Ok(format!("{head}{}", config.to_toml()?))
}

fn json_error(error: serde_json::Error) -> Error {
    Error::Usage(format!("the record cannot be written as JSON: {error}"))
}
