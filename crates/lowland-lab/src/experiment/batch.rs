//! Runs that are to be made, within a limit of time.

use std::path::Path;
use std::time::Instant;

use super::directory::Directory;
use super::estimate::Times;
use super::planned::Planned;
use super::pool::{self, Host};
use super::progress::{HowFar, Progress, Watch};
use crate::console::duration;
use crate::flatness::{self, Flatness, Unmeasured};
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
    times: &mut Times,
    progress: &Progress,
    taken: &mut dyn FnMut(usize, &Ran) -> Result<()>,
) -> Result<()> {
    let parts: Vec<HowFar> = jobs.iter().map(|_| HowFar::default()).collect();
    let work = |job: usize| {
        let planned = jobs[job].planned;
        let folder = place.directory.join(&planned.folder);
        let watch = &mut Watch(&parts[job]);
        if !jobs[job].trained {
            place.directory.clear(planned)?;
        }
        execute(&jobs[job], &folder, place.data_folder, &width.options, watch, &limits.runs)
    };
    let mut batch = Batch {
        jobs,
        waiting: (0..jobs.len()).collect(),
        running: Vec::new(),
        parts: &parts,
        limits,
        times,
        progress,
        taken,
        error: None,
    };
    pool::run(width.jobs, &mut batch, &work);
    batch.tell_if_none_fits();
    batch.error.map_or(Ok(()), Err)
}

fn execute(
    job: &Job<'_>,
    folder: &Path,
    data_folder: &Path,
    options: &Options,
    watch: &mut Watch<'_>,
    stop: &Stop,
) -> Result<Ran> {
    if !job.trained {
        let mut run = Run::new(job.planned.plan.clone(), options)?;
        let mut record = Record::create(folder, &run)?;
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
    waiting: Vec<usize>,
    running: Vec<usize>,
    parts: &'a [HowFar],
    limits: &'a Limits,
    times: &'a mut Times,
    progress: &'a Progress,
    taken: &'a mut dyn FnMut(usize, &Ran) -> Result<()>,
    error: Option<Error>,
}

impl Batch<'_> {
    /// Seconds that a run will take, as far as is known.
    fn expected(&self, job: usize) -> Option<f64> {
        let Job { planned, work, trained } = self.jobs[job];
        self.times.expected(planned, work, trained)
    }

    /// Whether a run that begins now will end in time, as far as is known.
    fn fits(&self, job: usize) -> bool {
        let Some(deadline) = self.limits.deadline else { return true };
        let left = deadline.saturating_duration_since(Instant::now());
        self.expected(job).is_none_or(|seconds| seconds <= left.as_secs_f64())
    }

    /// Says so where no run has begun because each is expected to take too long.
    fn tell_if_none_fits(&self) {
        if self.waiting.len() < self.jobs.len() || self.limits.stop.wished() {
            return;
        }
        let expected = self.waiting.iter().filter_map(|job| self.expected(*job));
        if let Some(seconds) = expected.min_by(f64::total_cmp) {
            let seconds = duration(seconds);
            self.progress.say(&format!(
                "No run fits into the time that is left: the shortest is expected to take {seconds}."
            ));
        }
    }

    fn take(&mut self, job: usize, ran: &Ran) -> Result<()> {
        let planned = self.jobs[job].planned;
        if let Ran::Finished(run, _) | Ran::Unmeasured(run, _) = ran
            && !self.jobs[job].trained
        {
            self.times.trained(planned, &run.json);
        }
        if let Ran::Finished(_, flatness) = ran {
            self.times.measured(flatness.as_deref());
        }
        (self.taken)(job, ran)
    }
}

impl Host for Batch<'_> {
    type Done = Result<Ran>;

    fn next(&mut self) -> Option<usize> {
        if self.limits.are_reached() {
            return None;
        }
        let at = self.waiting.iter().position(|job| self.fits(*job))?;
        let job = self.waiting.remove(at);
        self.running.push(job);
        Some(job)
    }

    fn done(&mut self, job: usize, done: Result<Ran>) {
        self.running.retain(|other| *other != job);
        if let Err(error) = done.and_then(|ran| self.take(job, &ran)) {
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::console::Console;
    use crate::experiment::{ExperimentFile, Settings, planned};

    #[test]
    fn a_run_that_would_not_end_in_time_does_not_begin() {
        let text = "name = \"e\"\nquestion = \"?\"\nseeds = [1]\nflatness = {}\n[base]\n\
                    data.dataset = \"digits\"\nmodel.name = \"resnet-tiny\"\n\
                    optimizer = { learning_rate = 0.05, sgd = {} }\n[[arm]]\nname = \"a\"\n";
        let file = ExperimentFile::parse("e.toml", text).unwrap();
        let grid = planned::grid(&file, &Settings::default(), &[]).unwrap();
        let job = |work| Job { planned: &grid[0].1, work, trained: false };
        let jobs = [job(1000.0), job(10.0)];
        let mut times = Times::default();
        times.took(&grid[0].1, 1.0, 60.0);
        let next = |minutes: u64, times: &mut Times| {
            let deadline = Instant::now() + Duration::from_secs(60 * minutes);
            let mut batch = Batch {
                jobs: &jobs,
                waiting: vec![0, 1],
                running: Vec::new(),
                parts: &[HowFar::default(), HowFar::default()],
                limits: &Limits::new(Stop::default(), Some(deadline)),
                times,
                progress: &Progress::new(Console::default()),
                taken: &mut |_, _| Ok(()),
                error: None,
            };
            batch.next()
        };
        // A minute a unit of work, and nothing known of measuring: 1,000 minutes and 10.
        assert_eq!(next(2000, &mut times), Some(0));
        assert_eq!(next(100, &mut times), Some(1), "the first that fits");
        assert_eq!(next(9, &mut times), None);
        assert_eq!(next(9, &mut Times::default()), Some(0), "nothing is known");
    }
}
