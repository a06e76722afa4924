//! The runs of the grid, each trained and measured once.

use serde_json::json;

use super::batch::{Job, Place, Ran, make};
use super::conduct::{Conductor, sizes};
use super::directory::Past;
use super::planned::Planned;
use super::progress::Progress;
use super::{Cell, State};
use crate::Result;
use crate::console::{counted, duration, percent};
use crate::flatness::Flatness;
use crate::machine::Utc;
use crate::past::PastRun;
use crate::record::Ended;

impl Conductor<'_> {
    /// Makes the runs that have not been made: all arms and levels with the first seed, then with the
    /// next, so that what is there when the time is up can be compared.
    pub(super) fn run_grid(&mut self, grid: &[(Cell, Planned)]) -> Result<()> {
        let mut waiting = self.look(grid)?;
        let position = |seed| self.file.seeds().iter().position(|other| *other == seed);
        waiting.sort_by_key(|(i, _)| position(grid[*i].0.seed));
        self.write()?;
        if waiting.is_empty() {
            return Ok(());
        }
        if waiting.iter().any(|(i, _)| grid[*i].1.with_landscape()) {
            self.directory.forget_interpolation()?;
        }
        let width = self.settings.width(waiting.len());
        let left = waiting.iter().map(|(i, _)| &grid[*i].1);
        let sizes = sizes(left, &width.options, &mut self.datasets)?;
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
            let Some((run, flatness, state)) = known(ran) else { return Ok(()) };
            let at = waiting[job].0;
            record.cells[at].state = state;
            record.updated = Utc::now().rfc3339();
            directory.write(record)?;
            let done = record.cells.iter().filter(|cell| cell.state != State::Waiting).count();
            let (title, outcome) = (&jobs[job].planned.title, outcome(run, flatness));
            progress.say(&format!("{done}/{}  {title}: {outcome}", grid.len()));
            if let Ran::Unmeasured(_, reason) = ran {
                progress.say(&format!("the flatness of that network cannot be measured: {reason}"));
            }
            console.emit(&event(&record.cells[at], run, flatness));
            Ok(())
        };
        let place = Place { directory, data_folder: &self.settings.data_folder };
        make(&jobs, place, &width, &self.limits, &progress, &mut taken)
    }

    /// Records what has been done before. Returns the runs that are left, each with whether it was
    /// trained and is only to be measured.
    fn look(&mut self, grid: &[(Cell, Planned)]) -> Result<Vec<(usize, bool)>> {
        self.record.cells = grid.iter().map(|(cell, _)| cell.clone()).collect();
        let mut waiting = Vec::new();
        for (i, (_, planned)) in grid.iter().enumerate() {
            let past = self.directory.past(planned)?;
            self.record.cells[i].state = past.state();
            self.learn(planned, &past)?;
            match past {
                Past::Nothing | Past::Interrupted => waiting.push((i, false)),
                Past::Trained(_) => waiting.push((i, true)),
                Past::Finished(_) | Past::Failed => {}
            }
        }
        Ok(waiting)
    }
}

/// What is known of a run that is done; none of one that was stopped.
fn known(ran: &Ran) -> Option<(&PastRun, Option<&Flatness>, State)> {
    match ran {
        Ran::Finished(run, flatness) => Some((run, flatness.as_deref(), State::Finished)),
        Ran::Unmeasured(run, _) => Some((run, None, State::Finished)),
        Ran::Failed(run) => Some((run, None, State::Failed)),
        Ran::Stopped => None,
    }
}

/// A finished or failed run in a line for people.
fn outcome(run: &PastRun, flatness: Option<&Flatness>) -> String {
    if let Ended::Failed { reason, .. } = &run.json.ended {
        return format!("failed: {reason}");
    }
    let accuracy = run.json.results.map_or(String::new(), |results| {
        format!("test accuracy {} after the last epoch, ", percent(results.final_epoch.test_acc))
    });
    let eigenvalue = flatness.and_then(|flatness| flatness.eigenvalues.first());
    let eigenvalue = eigenvalue
        .map_or(String::new(), |found| format!("largest eigenvalue {:.4}, ", found.value));
    let seconds = run.json.seconds.unwrap_or_default() + flatness.map_or(0.0, |f| f.seconds);
    format!("{accuracy}{eigenvalue}{}", duration(seconds))
}

/// The same for programs.
fn event(cell: &Cell, run: &PastRun, flatness: Option<&Flatness>) -> serde_json::Value {
    let mut event = json!(cell);
    event["event"] = json!("run");
    event["results"] = json!(run.json.results);
    event["seconds"] = json!(run.json.seconds);
    event["flatness_seconds"] = json!(flatness.map(|flatness| flatness.seconds));
    event
}
