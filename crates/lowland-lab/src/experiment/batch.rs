//! Runs that are to be made, until the time is up.

use std::collections::VecDeque;
use std::path::Path;
use std::time::Instant;

use super::directory::Directory;
use super::planned::Planned;
use super::pool::{self, Host};
use super::progress::{HowFar, Progress, Watch};
use crate::flatness::{self, Flatness, Unmeasured};
use crate::panics::caught;
use crate::past::PastRun;
use crate::record::{Ended, Record};
use crate::run::{Options, Run, Stop};
use crate::{Error, Result};

/// A run that is to be made, or whose network is to be measured.
#[derive(Debug)]
pub(super) struct Job<'a> {
    pub(super) planned: &'a Planned,
    /// Its multiply-adds.
    pub(super) work: f64,
    /// Whether it was trained before, and is only to be measured.
    pub(super) trained: bool,
}

/// What became of a run.
#[derive(Debug)]
pub(super) enum Ran {
    /// Trained to the end, and measured, if that was asked for.
    Finished(Box<PastRun>, Option<Box<Flatness>>),
    /// Trained to the end, but its network cannot be measured, for this reason.
    Unmeasured(Box<PastRun>, String),
    /// Its loss was not finite.
    Failed(Box<PastRun>),
    /// Somebody wished to stop, or the time was up.
    Stopped,
}

/// Until when there may be runs.
#[derive(Debug)]
pub(super) struct Limits {
    /// The wish of whoever started the experiment.
    pub(super) stop: Stop,
    /// The moment after which no run goes on.
    pub(super) deadline: Option<Instant>,
    /// What the runs listen to.
    runs: Stop,
}

impl Limits {
    pub(super) fn new(stop: Stop, deadline: Option<Instant>) -> Limits {
        Limits { stop, deadline, runs: Stop::default() }
    }

    /// Whether runs under way must end; tells them where they must.
    fn are_reached(&self) -> bool {
        if self.stop.wished() || self.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            self.runs.wish();
        }
        self.runs.wished()
    }
}

/// How many runs are made at once, and on what.
#[derive(Clone, Debug)]
pub(super) struct Width {
    pub(super) jobs: usize,
    pub(super) options: Options,
}

/// Where runs are made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    pub(super) directory: &'a Directory,
    pub(super) data_folder: &'a Path,
}

/// Makes runs, in their order as far as the time allows, and hands each to `taken`.
///
/// # Errors
/// The first that was not of a loss; then all runs are stopped.
pub(super) fn make(
    jobs: &[Job<'_>],
    place: Place<'_>,
    width: &Width,
    limits: &Limits,
    progress: &Progress,
    taken: &mut dyn FnMut(usize, &Ran) -> Result<()>,
) -> Result<()> {
    let parts: Vec<HowFar> = jobs.iter().map(|_| HowFar::default()).collect();
    let work = |job: usize| {
        let planned = jobs[job].planned;
        let folder = place.directory.join(&planned.folder);
        let watch = &mut Watch(&parts[job]);
        let say = |sentence: &str| progress.say(&format!("{}: {sentence}", planned.title));
        let at = At { folder: &folder, data_folder: place.data_folder, options: &width.options };
        // The others are to end well, and what they have done to be recorded.
        caught(|| execute(&jobs[job], &at, watch, &say, &limits.runs))
    };
    let mut batch = Batch {
        jobs,
        waiting: (0..jobs.len()).collect(),
        running: Vec::new(),
        parts: &parts,
        limits,
        progress,
        taken,
        error: None,
    };
    pool::run(width.jobs, &mut batch, &work);
    batch.error.map_or(Ok(()), Err)
}

/// Where one run is made, and on what.
struct At<'a> {
    folder: &'a Path,
    data_folder: &'a Path,
    options: &'a Options,
}

fn execute(
    job: &Job<'_>,
    at: &At<'_>,
    watch: &mut Watch<'_>,
    say: &dyn Fn(&str),
    stop: &Stop,
) -> Result<Ran> {
    let At { folder, data_folder, options } = *at;
    if !job.trained {
        let mut run = Run::new(job.planned.plan.clone(), options)?;
        let (mut record, resumed) = Record::resume(folder, &mut run)?;
        resumed.sentences().iter().for_each(|sentence| say(sentence));
        match run.execute(&mut record, watch, stop) {
            Ok(outcome) if outcome.ended == Ended::Finished => {}
            Ok(_) => return Ok(Ran::Stopped),
            Err(Error::NotFinite { .. }) => {
                return PastRun::read(folder).map(|run| Ran::Failed(Box::new(run)));
            }
            Err(error) => return Err(error),
        }
    }
    let run = PastRun::read(folder)?;
    let Some((config, with_landscape)) = &job.planned.flatness else {
        return Ok(Ran::Finished(Box::new(run), None));
    };
    flatness::forget(folder)?;
    match flatness::measure(&run, config, *with_landscape, data_folder, options, stop) {
        Ok(Some(found)) => {
            flatness::write(folder, &found)?;
            Ok(Ran::Finished(Box::new(run), Some(Box::new(found))))
        }
        Ok(None) => Ok(Ran::Stopped),
        // The network is too near to one whose loss is not finite.
        Err(Error::Landscape(error)) => {
            let (config, with_landscape) = (config.clone(), *with_landscape);
            let unmeasured = Unmeasured { config, with_landscape, reason: error.to_string() };
            flatness::write_unmeasured(folder, &unmeasured)?;
            Ok(Ran::Unmeasured(Box::new(run), unmeasured.reason))
        }
        Err(error) => Err(error),
    }
}

/// Runs while they are made.
struct Batch<'a> {
    jobs: &'a [Job<'a>],
    waiting: VecDeque<usize>,
    running: Vec<usize>,
    parts: &'a [HowFar],
    limits: &'a Limits,
    progress: &'a Progress,
    taken: &'a mut dyn FnMut(usize, &Ran) -> Result<()>,
    error: Option<Error>,
}

impl Host for Batch<'_> {
    type Done = Result<Ran>;

    fn next(&mut self) -> Option<usize> {
        if self.limits.are_reached() {
            return None;
        }
        let job = self.waiting.pop_front()?;
        self.running.push(job);
        Some(job)
    }

    fn done(&mut self, job: usize, done: Result<Ran>) {
        self.running.retain(|other| *other != job);
        if let Err(error) = done.and_then(|ran| (self.taken)(job, &ran)) {
            self.error.get_or_insert(error);
            self.limits.runs.wish();
        }
    }

    fn panicked(&mut self) {
        self.limits.runs.wish();
    }

    fn look(&mut self) {
        self.limits.are_reached();
        let all: f64 = self.jobs.iter().map(|job| job.work).sum();
        let waiting: f64 = self.waiting.iter().map(|job| self.jobs[*job].work).sum();
        let rest = |job: &usize| self.jobs[*job].work * (1.0 - self.parts[*job].done());
        let running: f64 = self.running.iter().map(rest).sum();
        self.progress.show(1.0 - (waiting + running) / all.max(1.0), self.running.len());
    }
}
