//! The directory of a run: everything that is needed to believe it, and to do it again.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use lowland_models::ParamStore;
use serde::{Deserialize, Serialize};

use crate::calibration::Calibration;
use crate::checkpoint::{Damage, Found, Keeper, Progress};
use crate::checksums;
use crate::config::{Config, ConfigFile, in_words};
use crate::lock::Lock;
use crate::machine::{Commit, Machine, Utc, commit_of};
use crate::metrics::{EpochMetrics, Results};
use crate::output::{
    GrowingFile, holds_at_most, json_text, remove, remove_half_written, write_json, write_whole,
};
use crate::picture::{self, draw_curves};
use crate::run::{Memory, NoiseScore, Outcome, Run, RunInfo, SchemeInfo, SkippedStep};
use crate::tensorboard::{EventFile, FILE as EVENTS};
use crate::{Error, Result};

/// The picture of a run that goes on is drawn again no more often than this.
const PICTURE_INTERVAL: Duration = Duration::from_secs(20);

const WEIGHTS: &str = "weights.safetensors";
const METRICS: &str = "metrics.jsonl";
const CONFIG: &str = "config.toml";
const RUN_JSON: &str = "run.json";

/// What the process that fills a run directory holds.
pub(crate) const LOCK: &str = "run.lock";

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
/// | `checkpoints` | what the run can be gone on with from; see [`checkpoint`](crate::checkpoint) |
/// | `run.lock` | held by the process that fills the directory |
/// | `B3SUMS` | checksums of config, `run.json`, metrics and weights of a finished run, which are compared when these are read |
///
/// At every moment each of them is complete as of some moment before.
#[derive(Debug)]
pub struct Record {
    _lock: Lock,
    folder: PathBuf,
    config: String,
    keeper: Keeper,
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
}

impl Record {
    /// A run directory at `folder`, which must not exist or be empty.
    ///
    /// # Errors
    /// [`Error::OutputExists`]; [`Error::Busy`]; [`Error::File`] where it cannot be written.
    pub fn create(folder: &Path, run: &Run) -> Result<Record> {
        let lock = Lock::take(folder, LOCK)?;
        if !holds_at_most(folder, &[LOCK])? {
            return Err(Error::OutputExists { path: folder.to_path_buf() });
        }
        Record::fresh(folder, lock, run)
    }

    /// The run directory at `folder`, of a run that was interrupted, failed or killed: `run` goes on from
    /// its newest checkpoint that is whole. Where it has none yet the run begins anew, also where there is
    /// no such folder.
    ///
    /// # Errors
    /// [`Error::Busy`]; [`Error::OutputExists`] where the folder holds something, but no run;
    /// [`Error::OtherConfig`] and [`Error::OtherRun`] where it is of another run, with what differs;
    /// [`Error::NoCheckpoint`] where all of its checkpoints are damaged; [`Error::File`]. Then nothing has
    /// changed.
    pub fn resume(folder: &Path, run: &mut Run) -> Result<(Record, Resumed)> {
        let lock = Lock::take(folder, LOCK)?;
        check_config(folder, run.plan().config())?;
        let mut found = Found::in_run(folder)?;
        let Some((path, checkpoint)) = found.checkpoint.take() else {
            clear(folder)?;
            return Ok((Record::fresh(folder, lock, run)?, Resumed::default()));
        };
        let differing = run.restore(&path, &checkpoint)?;
        found.set_aside()?;
        let resumed = Resumed { from: Some(path.clone()), damaged: found.damaged, differing };
        let mut json = checkpoint.manifest.run;
        json.ended = Ended::Running;
        (json.ended_at, json.seconds) = (None, None);
        json.resumed.push(Resumption {
            at: Utc::now().rfc3339(),
            checkpoint: checkpoint.manifest.progress.place().folder(),
            program: Program::this(),
            command: command(),
            machine: Machine::this(),
            device: run.info().device.clone(),
        });
        let mut record = Record::open(folder, lock, run, json, Some(path))?;
        record.write_json()?;
        // Those that are there are of a later moment, or may be damaged.
        record.write_weights(WEIGHTS, &run.trainer().model().store)?;
        Ok((record, resumed))
    }

    /// A run directory without a run in it.
    fn fresh(folder: &Path, lock: Lock, run: &Run) -> Result<Record> {
        let json = RunJson {
            ended: Ended::Running,
            program: Program::this(),
            command: command(),
            machine: Machine::this(),
            run: run.info().clone(),
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
        };
        let record = Record::open(folder, lock, run, json, None)?;
        record.write_json()?;
        Ok(record)
    }

    /// A run directory as of the moment that the run is at.
    fn open(
        folder: &Path,
        lock: Lock,
        run: &Run,
        json: RunJson,
        checkpoint: Option<PathBuf>,
    ) -> Result<Record> {
        remove_half_written(folder)?;
        // What is written from here on is not what they are of.
        remove(&folder.join(checksums::FILE))?;
        let (config, Progress { epochs, recorded_at, .. }) = (run.plan().config(), run.progress());
        let text = config_toml(config)?;
        write_whole(&folder.join(CONFIG), text.as_bytes())?;
        let lines = metrics_lines(epochs)?;
        let lines = GrowingFile::replace(&folder.join(METRICS), lines.as_bytes())?;
        let events = EventFile::write(folder, &text, epochs, recorded_at, now())?;
        let keep = Keep::of(config);
        if keep.every > 0 {
            let weights = folder.join("weights");
            std::fs::create_dir_all(&weights)
                .map_err(Error::file("create the folder", &weights))?;
        }
        let keeper = Keeper::new(folder, &config.record, checkpoint)?;
        let folder = folder.to_path_buf();
        let drawn = None;
        Ok(Record { _lock: lock, folder, config: text, keeper, keep, lines, events, json, drawn })
    }

    /// Where it is.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The content of `run.json`.
    pub(crate) fn json(&self) -> &RunJson {
        &self.json
    }

    /// The checkpoints.
    pub(crate) fn keeper(&mut self) -> &mut Keeper {
        &mut self.keeper
    }

    /// Records the last of the epochs that are done, and the network after it.
    ///
    /// # Errors
    /// [`Error::File`], or a [`Error::Model`] that says the same of the weights.
    pub(crate) fn epoch(&mut self, progress: &Progress, store: &ParamStore) -> Result<()> {
        let (Some(last), Some(time)) = (progress.epochs.last(), progress.recorded_at.last()) else {
            return Ok(());
        };
        self.lines.push(metrics_line(last)?.as_bytes())?;
        self.events.epoch(last, *time)?;
        self.write_weights(WEIGHTS, store)?;
        if self.keep.wants(last.epoch) {
            self.write_weights(&weights_of(last.epoch).to_string_lossy(), store)?;
        }
        self.json.weights_epoch = Some(last.epoch);
        self.json.epochs_done = progress.epochs.len();
        if self.drawn.is_none_or(|drawn| drawn.elapsed() >= PICTURE_INTERVAL) {
            self.draw(&progress.epochs)?;
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
            self.write_weights(WEIGHTS, store)?;
            self.json.weights_epoch = Some(epoch);
        }
        // A run that is said to be finished has its epochs even if the power fails now.
        self.lines.sync()?;
        // First what cannot be made again.
        self.write_json()?;
        self.draw(&outcome.epochs)?;
        match outcome.ended {
            Ended::Finished => self.write_checksums(&outcome.epochs),
            _ => Ok(()),
        }
    }

    /// Writes the checksums of what a finished run can be judged by; pictures and events can be made again.
    ///
    /// They are of what was written: what is on the disk may be damaged by now.
    fn write_checksums(&self, epochs: &[EpochMetrics]) -> Result<()> {
        let json = json_text(&self.folder.join(RUN_JSON), &self.json)?;
        let metrics = metrics_lines(epochs)?;
        let mut lines = String::new();
        for (name, text) in [(CONFIG, &self.config), (RUN_JSON, &json), (METRICS, &metrics)] {
            lines.push_str(&checksums::line(&checksums::of(text.as_bytes()), name));
        }
        for (name, sum) in &self.json.weights {
            lines.push_str(&checksums::line(sum, name));
        }
        write_whole(&self.folder.join(checksums::FILE), lines.as_bytes())
    }

    fn draw(&self, epochs: &[EpochMetrics]) -> Result<()> {
        let RunInfo { name, seed, .. } = &self.json.run;
        let run = picture::Run { name: name.clone(), epochs };
        draw_curves(&picture::title_of(name, *seed, epochs), &[run], &self.folder)
    }

    /// Writes weights, and notes their checksum: what is on the disk may be damaged until the run ends.
    fn write_weights(&mut self, name: &str, store: &ParamStore) -> Result<()> {
        let bytes = store.state_dict()?.to_bytes()?;
        write_whole(&self.folder.join(name), &bytes)?;
        self.json.weights.insert(name.to_string(), checksums::of(&bytes));
        Ok(())
    }

    fn write_json(&self) -> Result<()> {
        write_json(&self.folder.join(RUN_JSON), &self.json)
    }
}

/// What was gone on from, where a run was resumed.
#[derive(Clone, Debug, Default)]
pub struct Resumed {
    /// The checkpoint; none where there was none, and the run begins anew.
    pub from: Option<PathBuf>,
    /// Newer checkpoints that are damaged.
    pub damaged: Vec<Damage>,
    /// What is otherwise than when the run began, and may change its bits, in words.
    pub differing: Vec<String>,
}

/// The files that a run writes, but for its config.
const WRITTEN: [&str; 8] = [
    RUN_JSON,
    METRICS,
    EVENTS,
    "weights.safetensors",
    "curves.png",
    "curves.svg",
    checksums::FILE,
    "weights",
];

/// Refuses a folder that holds something else than this run, or nothing.
fn check_config(folder: &Path, config: &Config) -> Result<()> {
    let path = folder.join(CONFIG);
    if !path.exists() {
        if holds_at_most(folder, &[LOCK])? {
            return Ok(());
        }
        return Err(Error::OutputExists { path: folder.to_path_buf() });
    }
    let differing = ConfigFile::read(&path, &[])?.config().differing(config);
    if differing.is_empty() {
        return Ok(());
    }
    let (path, differing) = (folder.to_path_buf(), in_words(&differing));
    Err(Error::OtherConfig { path, differing })
}

/// Removes what a run has written that is to begin anew. The config, which says what the folder is, stays.
fn clear(folder: &Path) -> Result<()> {
    WRITTEN.iter().try_for_each(|name| remove(&folder.join(name)))
}

/// The time of the wall clock, in seconds since 1970: to be written down, never to be reckoned with.
pub(crate) fn now() -> f64 {
    Utc::now().seconds() as f64
}

fn metrics_lines(epochs: &[EpochMetrics]) -> Result<String> {
    epochs.iter().map(metrics_line).collect()
}

fn metrics_line(epoch: &EpochMetrics) -> Result<String> {
    serde_json::to_string(epoch).map(|line| line + "\n").map_err(json_error)
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
