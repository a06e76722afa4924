//! The directory of a run: everything that is needed to believe it, and to do it again.

mod begin;
mod json;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use lowland_models::ParamStore;

pub use begin::Resumed;
pub use begin::refuse_differing;
pub use json::{Ended, Program, Resumption, RunJson};

use crate::checkpoint::{Keeper, Progress};
use crate::checksums;
use crate::config::Config;
use crate::lock::Lock;
use crate::machine::Utc;
use crate::metrics::EpochMetrics;
use crate::output::{GrowingFile, json_text, write_json, write_whole};
use crate::picture::{self, draw_curves};
use crate::run::{Outcome, RunInfo};
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

impl Record {
    /// Where it is.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The content of `run.json`.
    pub(crate) fn json(&self) -> &RunJson {
        &self.json
    }

    /// Whether anything of the run is saved: an epoch, or a checkpoint.
    #[must_use]
    pub fn holds_work(&self) -> bool {
        self.json.epochs_done > 0 || self.keeper.newest().is_some()
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

/// The time of the wall clock, in seconds since 1970: to be written down, never to be reckoned with.
pub(crate) fn now() -> f64 {
    Utc::now().seconds()
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

fn config_toml(config: &Config) -> Result<String> {
    let head = "# The whole config of this run, defaults included: `train` runs it again.\n\n";
    Ok(format!("{head}{}", config.to_toml()?))
}

fn json_error(error: serde_json::Error) -> Error {
    Error::Usage(format!("the record cannot be written as JSON: {error}"))
}
