//! An experiment from its file to its last run.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::json;

use super::batch::{Job, Limits, Ran, Width, make};
use super::directory::{Directory, Past, read_flatness};
use super::estimate::{Times, cell, work};
use super::planned::{self, Planned};
use super::progress::Progress;
use super::search::{Values, best};
use super::{Cell, ExperimentFile, ExperimentRecord, State, Trial, Tuned};
use crate::console::{Console, counted, duration, percent};
use crate::machine::{Machine, Utc, logical_cores};
use crate::past::PastRun;
use crate::record::{Ended, Program};
use crate::run::{Options, Run, Stop};
use crate::{Error, Result};

/// How an experiment is run. Nothing in it but `subset` changes a bit of the results.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The directory of the experiment.
    pub folder: PathBuf,
    /// Where datasets are looked for by name.
    pub data_folder: PathBuf,
    /// The device, by name.
    pub device: String,
    /// Runs at once; by default one a core of the CPU, and one on any other device.
    pub jobs: Option<usize>,
    /// Threads of each run; by default the cores are shared out.
    pub threads: Option<usize>,
    /// No run is started that is not expected to end within so many hours.
    pub max_hours: Option<f64>,
    /// Over the file: how many training images each run uses.
    pub subset: Option<usize>,
    /// The command that repeats it.
    pub command: String,
}

impl Settings {
    /// How many of `runs` runs are made at once, and on what.
    fn width(&self, runs: usize) -> Width {
        let cores = logical_cores();
        let by_default = match (self.device.as_str(), self.threads) {
            ("cpu", None) => cores,
            ("cpu", Some(threads)) => cores / threads.max(1),
            _ => 1,
        };
        let jobs = self.jobs.unwrap_or(by_default).clamp(1, runs.max(1));
        let threads = self.threads.unwrap_or(cores / jobs).max(1);
        let workers = usize::from(threads > 1);
        Width { jobs, options: Options { device: self.device.clone(), threads, workers } }
    }
}

/// How far an experiment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Runs of the grid that are finished.
    pub finished: usize,
    /// Runs of the grid that failed.
    pub failed: usize,
    /// Runs that are left, those of the search among them.
    pub left: usize,
    /// Whether somebody wished to stop.
    pub interrupted: bool,
}

/// Runs an experiment, or goes on with one, until all is done, the time is up, or a stop is wished.
///
/// # Errors
/// [`Error::Config`] for a mistake in the file, before anything runs; [`Error::OtherConfig`] where the
/// directory holds a run of another config; [`Error::Busy`]; [`Error::NoTrial`]; and whatever stops a
/// run but a loss that is not finite, which is recorded.
pub fn run(
    file: &ExperimentFile,
    settings: &Settings,
    console: Console,
    stop: &Stop,
) -> Result<Summary> {
    let hours = settings.max_hours.map(|hours| Duration::try_from_secs_f64(3600.0 * hours));
    let limit = hours.transpose().map_err(|_| {
        Error::Usage("--max-hours must be a number of hours, 0 or more".to_string())
    })?;
    let deadline = limit.and_then(|limit| Instant::now().checked_add(limit));
    let trials = planned::trials(file, settings)?;
    let grid = planned::grid(file, settings, &[])?;
    let directory = Directory::open(&settings.folder, file)?;
    let record = new_record(file, settings, &grid, &directory)?;
    let mut conductor = Conductor {
        file,
        settings,
        console,
        directory,
        record,
        times: Times::default(),
        limits: Limits::new(stop.clone(), deadline),
    };
    conductor.write()?;
    let left = conductor.tune(&trials, &grid)?;
    if left > 0 {
        return Ok(conductor.summary(left));
    }
    let grid = planned::grid(file, settings, &conductor.record.tuned)?;
    conductor.run_grid(&grid)?;
    Ok(conductor.summary(0))
}

/// The record before anything is done.
fn new_record(
    file: &ExperimentFile,
    settings: &Settings,
    grid: &[(Cell, Planned)],
    directory: &Directory,
) -> Result<ExperimentRecord> {
    let now = Utc::now().rfc3339();
    let subset = settings.subset.map(|images| {
        format!(
            "Every run draws its training and validation images from {images} (--subset {images})."
        )
    });
    Ok(ExperimentRecord {
        name: file.name().into(),
        title: file.title().into(),
        question: file.question().into(),
        measure: file.measure().into(),
        baseline: file.baseline().into(),
        arms: file.arms().to_vec(),
        factors: file.factors().to_vec(),
        seeds: file.seeds().to_vec(),
        cells: grid.iter().map(|(cell, _)| cell.clone()).collect(),
        tuned: Vec::new(),
        changes: subset.into_iter().collect(),
        command: settings.command.clone(),
        program: Program::this(),
        machine: Machine::this(),
        started: directory.record()?.map_or_else(|| now.clone(), |earlier| earlier.started),
        updated: now,
    })
}

/// An experiment that is being run.
struct Conductor<'a> {
    file: &'a ExperimentFile,
    settings: &'a Settings,
    console: Console,
    directory: Directory,
    record: ExperimentRecord,
    times: Times,
    limits: Limits,
}

impl Conductor<'_> {
    fn write(&mut self) -> Result<()> {
        self.record.updated = Utc::now().rfc3339();
        self.directory.write(&self.record)
    }

    fn summary(&self, trials_left: usize) -> Summary {
        let count = |state| self.record.cells.iter().filter(|cell| cell.state == state).count();
        Summary {
            finished: count(State::Finished),
            failed: count(State::Failed),
            left: trials_left + count(State::Waiting),
            interrupted: self.limits.stop.wished(),
        }
    }

    /// Makes the trials that have not been made, and records what they choose. Returns how many are
    /// left.
    fn tune(
        &mut self,
        trials: &[Vec<(Values, Planned)>],
        grid: &[(Cell, Planned)],
    ) -> Result<usize> {
        let all: Vec<&Planned> = trials.iter().flatten().map(|(_, planned)| planned).collect();
        let mut scores: Vec<Option<Option<f64>>> = Vec::new();
        for planned in &all {
            scores.push(match self.directory.past(planned)? {
                Past::Nothing => None,
                Past::Trained(run) | Past::Finished(run) => {
                    self.times.trained(planned, &run);
                    Some(score(&run))
                }
                Past::Failed => Some(None),
            });
        }
        let waiting: Vec<usize> = (0..all.len()).filter(|i| scores[*i].is_none()).collect();
        if !waiting.is_empty() {
            let width = self.settings.width(waiting.len());
            // What is wrong with a run of the grid shows before the search begins.
            sizes(grid.iter().map(|(_, planned)| planned), &width.options)?;
            let sizes = sizes(waiting.iter().map(|i| all[*i]), &width.options)?;
            let jobs: Vec<Job<'_>> =
                waiting.iter().map(|i| Job::of(all[*i], &sizes, false)).collect();
            self.console.say(&format!(
                "{} of a search, {} at once; then {}",
                counted(jobs.len(), "trial", "trials"),
                width.jobs,
                counted(grid.len(), "run", "runs")
            ));
            let progress = Progress::new(self.console);
            let console = self.console;
            let mut done = all.len() - jobs.len();
            let mut taken = |job: usize, ran: &Ran| {
                let (run, val_acc) = match ran {
                    Ran::Finished(run) => (run, score(run)),
                    Ran::Failed(run) => (run, None),
                    Ran::Stopped => return Ok(()),
                };
                done += 1;
                scores[waiting[job]] = Some(val_acc);
                let planned = jobs[job].planned;
                let outcome = match val_acc {
                    Some(accuracy) => format!("validation accuracy {}", percent(accuracy)),
                    None => "failed".into(),
                };
                let seconds = run.json.seconds.unwrap_or_default();
                let (title, took) = (&planned.title, duration(seconds));
                progress.say(&format!("{done}/{}  {title}: {outcome}, {took}", all.len()));
                console.emit(&json!({
                    "event": "trial",
                    "arm": self.file.arms()[planned.arm].name,
                    "folder": planned.folder,
                    "val_acc": val_acc,
                    "seconds": seconds,
                }));
                Ok(())
            };
            let (times, limits) = (&mut self.times, &self.limits);
            make(&jobs, &self.directory, &width, limits, times, &progress, &mut taken)?;
        }
        let left = scores.iter().filter(|score| score.is_none()).count();
        if left == 0 {
            self.choose(trials, &scores)?;
        }
        Ok(left)
    }

    /// Records the best trial of each arm.
    fn choose(
        &mut self,
        trials: &[Vec<(Values, Planned)>],
        scores: &[Option<Option<f64>>],
    ) -> Result<()> {
        let mut scores = scores.iter().map(|score| score.flatten());
        for (arm, trials) in self.file.arms().iter().zip(trials) {
            let scored = trials.iter().zip(scores.by_ref());
            let trial = |((values, _), val_acc): (&(Values, Planned), Option<f64>)| Trial {
                values: values.clone(),
                val_acc,
            };
            let tried: Vec<Trial> = scored.map(trial).collect();
            let Some((chosen, val_acc)) = best(&tried) else {
                let folder =
                    trials.first().map(|(_, planned)| self.directory.join(&planned.folder));
                let reason = folder.map(|folder| PastRun::read(&folder)).transpose()?;
                let reason = match reason.map(|run| run.json.ended) {
                    Some(Ended::Failed { reason, .. }) => reason,
                    _ => String::new(),
                };
                return Err(Error::NoTrial { arm: arm.name.clone(), reason });
            };
            let tuned = Tuned {
                arm: arm.name.clone(),
                trials: tried.len(),
                values: tried[chosen].values.clone(),
                val_acc,
                tried,
            };
            self.console.say(&format!(
                "{}: trial {} of {} is chosen, with {}: validation accuracy {}",
                tuned.arm,
                chosen + 1,
                tuned.trials,
                in_words(&tuned.values),
                percent(val_acc)
            ));
            self.record.tuned.push(tuned);
        }
        self.write()
    }

    /// Makes the runs of the grid that have not been made: all arms and levels with the first seed, then
    /// with the next, so that what is there when the time is up can be compared.
    fn run_grid(&mut self, grid: &[(Cell, Planned)]) -> Result<()> {
        self.record.cells = grid.iter().map(|(cell, _)| cell.clone()).collect();
        let mut waiting: Vec<(usize, bool)> = Vec::new();
        for (i, (_, planned)) in grid.iter().enumerate() {
            let folder = self.directory.join(&planned.folder);
            let (state, run) = match self.directory.past(planned)? {
                Past::Nothing => (State::Waiting, None),
                Past::Trained(run) => (State::Waiting, Some(run)),
                Past::Finished(run) => (State::Finished, Some(run)),
                Past::Failed => (State::Failed, None),
            };
            self.record.cells[i].state = state;
            if let Some(run) = &run {
                self.times.trained(planned, run);
                if let Some(flatness) = read_flatness(&folder)?.filter(|_| state == State::Finished)
                {
                    self.times.measured(flatness.plane.is_some(), flatness.seconds);
                }
            }
            if state == State::Waiting {
                waiting.push((i, run.is_some()));
            }
        }
        waiting.sort_by_key(|(i, _)| self.file.seeds().iter().position(|s| *s == grid[*i].0.seed));
        self.write()?;
        if waiting.is_empty() {
            return Ok(());
        }
        let width = self.settings.width(waiting.len());
        let sizes = sizes(waiting.iter().map(|(i, _)| &grid[*i].1), &width.options)?;
        let job = |(i, trained): &(usize, bool)| Job::of(&grid[*i].1, &sizes, *trained);
        let jobs: Vec<Job<'_>> = waiting.iter().map(job).collect();
        self.console.say(&format!(
            "{} of {}, {} at once with {} each",
            jobs.len(),
            counted(grid.len(), "run", "runs"),
            width.jobs,
            counted(width.options.threads, "thread", "threads")
        ));
        let progress = Progress::new(self.console);
        let (directory, record, console) = (&self.directory, &mut self.record, self.console);
        let mut taken = |job: usize, ran: &Ran| {
            let (run, state) = match ran {
                Ran::Finished(run) => (run, State::Finished),
                Ran::Failed(run) => (run, State::Failed),
                Ran::Stopped => return Ok(()),
            };
            let cell = &mut record.cells[waiting[job].0];
            cell.state = state;
            let event = event(cell, run);
            record.updated = Utc::now().rfc3339();
            directory.write(record)?;
            let done = record.cells.iter().filter(|cell| cell.state != State::Waiting).count();
            let title = &jobs[job].planned.title;
            progress.say(&format!("{done}/{}  {title}: {}", grid.len(), outcome(run)));
            console.emit(&event);
            Ok(())
        };
        make(&jobs, directory, &width, &self.limits, &mut self.times, &progress, &mut taken)
    }
}

impl<'a> Job<'a> {
    fn of(planned: &'a Planned, sizes: &HashMap<PathBuf, f64>, trained: bool) -> Job<'a> {
        let an_epoch = sizes.get(cell(planned)).copied().unwrap_or_default();
        let epochs = planned.plan.config().train.epochs;
        Job { planned, work: an_epoch * epochs as f64, trained }
    }
}

/// The multiply-adds of an epoch of each cell; what shows only with the dataset and the device is
/// checked on the way.
fn sizes<'a>(
    planned: impl Iterator<Item = &'a Planned>,
    options: &Options,
) -> Result<HashMap<PathBuf, f64>> {
    let mut sizes = HashMap::new();
    for planned in planned {
        let cell = cell(planned).to_path_buf();
        if let std::collections::hash_map::Entry::Vacant(entry) = sizes.entry(cell) {
            let run = Run::new(planned.plan.clone(), &Options { workers: 0, ..options.clone() })?;
            entry.insert(work(run.info(), 1));
        }
    }
    Ok(sizes)
}

/// What a trial is judged by: the validation accuracy after its last epoch.
fn score(run: &PastRun) -> Option<f64> {
    run.json.results.and_then(|results| results.final_epoch.val_acc)
}

fn in_words(values: &Values) -> String {
    let value = |(key, value): (&String, &serde_json::Value)| format!("{key} = {value}");
    values.iter().map(value).collect::<Vec<_>>().join(", ")
}

fn outcome(run: &PastRun) -> String {
    let took = duration(run.json.seconds.unwrap_or_default());
    match (&run.json.ended, run.json.results) {
        (Ended::Failed { reason, .. }, _) => format!("failed: {reason}"),
        (_, Some(results)) => {
            format!(
                "test accuracy {} after the last epoch, {took}",
                percent(results.final_epoch.test_acc)
            )
        }
        (_, None) => took,
    }
}

fn event(cell: &Cell, run: &PastRun) -> serde_json::Value {
    let mut event = json!(cell);
    event["event"] = json!("run");
    event["results"] = json!(run.json.results);
    event["seconds"] = json!(run.json.seconds);
    event
}
