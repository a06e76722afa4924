//! An experiment from its file to its last run.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::batch::{Job, Limits};
use super::datasets::Datasets;
use super::directory::{Directory, Past};
use super::planned::{self, Planned};
use super::search::Values;
use super::{Cell, ExperimentFile, ExperimentRecord, Settings, State, Summary, Tuned};
use crate::console::Console;
use crate::machine::{Machine, Utc};
use crate::record::Program;
use crate::run::{Options, Run, Stop};
use crate::{Error, Result};

/// Runs an experiment, or goes on with one, until all is done, the time is up, or a stop is wished.
///
/// # Errors
/// [`Error::Config`] for a mistake in the file, before anything runs; [`Error::OtherConfig`] where the
/// directory holds a run of another config, and [`Error::OtherData`] where one of other data;
/// [`Error::Busy`]; [`Error::NoTrial`]; and whatever stops a run but a loss that is not finite, which is
/// recorded.
pub fn run(
    file: &ExperimentFile,
    settings: &Settings,
    console: Console,
    stop: &Stop,
) -> Result<Summary> {
    let deadline = settings.max_hours.map(deadline).transpose()?.flatten();
    let trials = planned::trials(file, settings)?;
    // What is wrong with the file is told before there is a directory.
    planned::grid(file, settings, &[])?;
    let directory = Directory::open(&settings.folder)?;
    let earlier = directory.record()?;
    let tuned = match &earlier {
        Some(earlier) if file.tune().is_some() => earlier.tuned.clone(),
        _ => Vec::new(),
    };
    let mut grid = planned::grid(file, settings, &tuned)?;
    // Where something there is refused, the directory stays as it is.
    look(&directory, file, &trials, &tuned, &mut grid)?;
    let started = earlier.map(|earlier| earlier.started);
    let record = new_record(file, settings, &grid, tuned, started);
    directory.write_file(file)?;
    let mut conductor = Conductor {
        file,
        settings,
        console,
        directory,
        record,
        datasets: Datasets::default(),
        limits: Limits::new(stop.clone(), deadline),
    };
    conductor.write()?;
    let left = conductor.tune(&trials, &grid)?;
    if left == 0 {
        let grid = planned::grid(file, settings, &conductor.record.tuned)?;
        conductor.run_grid(&grid)?;
        conductor.conclude()?;
    }
    Ok(conductor.summary(left))
}

/// The moment that is so many hours from now; none where it is beyond what clocks can tell.
fn deadline(hours: f64) -> Result<Option<Instant>> {
    let limit = Duration::try_from_secs_f64(3600.0 * hours).map_err(|_| {
        Error::Usage(format!("--max-hours {hours} is not possible; it must be 0 or more"))
    })?;
    Ok(Instant::now().checked_add(limit))
}

/// Looks at all trials and runs, and notes how far the runs are. A run whose search has not chosen yet has
/// no config to be compared with.
fn look(
    directory: &Directory,
    file: &ExperimentFile,
    trials: &[Vec<(Values, Planned)>],
    tuned: &[Tuned],
    grid: &mut [(Cell, Planned)],
) -> Result<()> {
    for (_, planned) in trials.iter().flatten() {
        directory.past(planned)?;
    }
    for (cell, planned) in grid {
        if file.tune().is_none() || tuned.iter().any(|tuned| tuned.arm == cell.arm) {
            cell.state = directory.past(planned)?.state();
        }
    }
    Ok(())
}

/// The record before anything more is done.
fn new_record(
    file: &ExperimentFile,
    settings: &Settings,
    grid: &[(Cell, Planned)],
    tuned: Vec<Tuned>,
    started: Option<String>,
) -> ExperimentRecord {
    let now = Utc::now().rfc3339();
    let subset = settings.subset.map(|images| {
        format!(
            "Every run draws its training and validation images from {images} (--subset {images})."
        )
    });
    ExperimentRecord {
        name: file.name().into(),
        title: file.title().into(),
        question: file.question().into(),
        measure: file.measure().into(),
        baseline: file.baseline().into(),
        arms: file.arms().to_vec(),
        factors: file.factors().to_vec(),
        seeds: file.seeds().to_vec(),
        cells: grid.iter().map(|(cell, _)| cell.clone()).collect(),
        tuned,
        changes: subset.into_iter().collect(),
        command: settings.command.clone(),
        program: Program::this(),
        machine: Machine::this(),
        started: started.unwrap_or_else(|| now.clone()),
        updated: now,
    }
}

/// An experiment that is being run.
pub(super) struct Conductor<'a> {
    pub(super) file: &'a ExperimentFile,
    pub(super) settings: &'a Settings,
    pub(super) console: Console,
    pub(super) directory: Directory,
    pub(super) record: ExperimentRecord,
    pub(super) datasets: Datasets,
    pub(super) limits: Limits,
}

impl Conductor<'_> {
    /// Writes the record as it is now.
    pub(super) fn write(&mut self) -> Result<()> {
        self.record.updated = Utc::now().rfc3339();
        self.directory.write(&self.record)
    }

    /// Takes from an earlier run what it learnt from.
    pub(super) fn learn(&mut self, planned: &Planned, past: &Past) -> Result<()> {
        match past {
            // One that was interrupted looks at its data itself when it goes on.
            Past::Nothing | Past::Failed | Past::Interrupted => Ok(()),
            Past::Trained(run) | Past::Finished(run) => {
                self.datasets.check(planned, &run.json.run.data)
            }
        }
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
}

impl<'a> Job<'a> {
    /// A run whose cell has a size.
    pub(super) fn of(
        planned: &'a Planned,
        sizes: &HashMap<PathBuf, f64>,
        trained: bool,
    ) -> Job<'a> {
        let an_epoch = sizes.get(planned.cell()).copied().unwrap_or_default();
        let epochs = planned.plan.config().train.epochs;
        Job { planned, work: an_epoch * epochs as f64, trained }
    }
}

/// The multiply-adds of an epoch of each cell; what shows only with the dataset and the device is
/// checked on the way.
pub(super) fn sizes<'a>(
    planned: impl Iterator<Item = &'a Planned>,
    options: &Options,
    datasets: &mut Datasets,
) -> Result<HashMap<PathBuf, f64>> {
    let mut sizes = HashMap::new();
    for planned in planned {
        if let Entry::Vacant(entry) = sizes.entry(planned.cell().to_path_buf()) {
            let run = Run::new(planned.plan.clone(), &Options { workers: 0, ..options.clone() })?;
            datasets.check(planned, &run.info().data)?;
            let info = run.info();
            entry.insert(info.data.work_of_an_epoch() as f64 * info.model.multiply_adds as f64);
        }
    }
    Ok(sizes)
}
