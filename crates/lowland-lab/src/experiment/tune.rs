//! The search: trials for each arm, judged on the validation images.

use serde_json::{Value as Json, json};

use super::batch::{Job, Place, Ran, make};
use super::conduct::{Conductor, sizes};
use super::directory::Past;
use super::planned::Planned;
use super::progress::Progress;
use super::search::{Values, best};
use super::{Cell, Trial, Tuned};
use crate::console::{counted, duration, percent};
use crate::past::PastRun;
use crate::record::Ended;
use crate::{Error, Result};

/// What a trial that is done has scored; none inside where it failed.
type Score = Option<f64>;

impl Conductor<'_> {
    /// Makes the trials that have not been made, and records what they choose. Returns how many are
    /// left.
    pub(super) fn tune(
        &mut self,
        trials: &[Vec<(Values, Planned)>],
        grid: &[(Cell, Planned)],
    ) -> Result<usize> {
        let all: Vec<&Planned> = trials.iter().flatten().map(|(_, planned)| planned).collect();
        let mut scores = self.scores(&all)?;
        if scores.contains(&None) {
            self.make_trials(&all, grid, &mut scores)?;
        }
        let left = scores.iter().filter(|score| score.is_none()).count();
        if left == 0 && !all.is_empty() {
            self.choose(trials, &scores)?;
        }
        Ok(left)
    }

    /// The scores of the trials that have been made before.
    fn scores(&mut self, all: &[&Planned]) -> Result<Vec<Option<Score>>> {
        let mut scores = Vec::new();
        for planned in all {
            let past = self.directory.past(planned)?;
            self.learn(planned, &past)?;
            scores.push(match past {
                Past::Nothing | Past::Interrupted => None,
                Past::Trained(run) | Past::Finished(run) => Some(score(&run)),
                Past::Failed => Some(None),
            });
        }
        Ok(scores)
    }

    fn make_trials(
        &mut self,
        all: &[&Planned],
        grid: &[(Cell, Planned)],
        scores: &mut [Option<Score>],
    ) -> Result<()> {
        let waiting: Vec<usize> = (0..all.len()).filter(|i| scores[*i].is_none()).collect();
        let width = self.settings.width(waiting.len());
        // What is wrong with a run of the grid shows before the search begins.
        let runs = grid.iter().map(|(_, planned)| planned);
        sizes(runs, &width.options, &mut self.datasets)?;
        let left = waiting.iter().map(|i| all[*i]);
        let sizes = sizes(left, &width.options, &mut self.datasets)?;
        let jobs: Vec<Job<'_>> = waiting.iter().map(|i| Job::of(all[*i], &sizes, false)).collect();
        self.console.say(&format!(
            "{} of {} of the search, {} at once with {} each; then {}",
            jobs.len(),
            counted(all.len(), "trial", "trials"),
            width.jobs,
            counted(width.options.threads, "thread", "threads"),
            counted(grid.len(), "run", "runs")
        ));
        let (console, arms) = (self.console, self.file.arms());
        let progress = Progress::new(console);
        let mut done = all.len() - jobs.len();
        let mut taken = |job: usize, ran: &Ran| {
            let (run, val_acc) = match ran {
                Ran::Finished(run, _) | Ran::Unmeasured(run, _) => (run, score(run)),
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
                "arm": arms[planned.arm].name,
                "folder": planned.folder,
                "val_acc": val_acc,
                "seconds": seconds,
            }));
            Ok(())
        };
        let place = Place { directory: &self.directory, data_folder: &self.settings.data_folder };
        make(&jobs, place, &width, &self.limits, &progress, &mut taken)
    }

    /// Records the best trial of each arm.
    fn choose(
        &mut self,
        trials: &[Vec<(Values, Planned)>],
        scores: &[Option<Score>],
    ) -> Result<()> {
        let mut scores = scores.iter().map(|score| score.flatten());
        self.record.tuned.clear();
        for (arm, trials) in self.file.arms().iter().zip(trials) {
            let scored = trials.iter().zip(scores.by_ref());
            let trial = |((values, _), val_acc): (&(Values, Planned), Score)| Trial {
                values: values.clone(),
                val_acc,
            };
            let tried: Vec<Trial> = scored.map(trial).collect();
            let Some((chosen, val_acc)) = best(&tried) else {
                return Err(self.no_trial(&arm.name, trials));
            };
            let values = tried[chosen].values.clone();
            self.console.say(&format!(
                "{}: trial {} of {} is chosen, with {}: validation accuracy {}",
                arm.name,
                chosen + 1,
                tried.len(),
                in_words(&values),
                percent(val_acc)
            ));
            let (arm, trials) = (arm.name.clone(), tried.len());
            self.record.tuned.push(Tuned { arm, trials, values, val_acc, tried });
        }
        self.write()
    }

    /// The error of a search in which all trials failed, with the reason of the first.
    fn no_trial(&self, arm: &str, trials: &[(Values, Planned)]) -> Error {
        let first = trials.first().map(|(_, planned)| self.directory.join(&planned.folder));
        let ended = first.and_then(|folder| PastRun::read(&folder).ok()).map(|run| run.json.ended);
        let reason = match ended {
            Some(Ended::Failed { reason, .. }) => reason,
            _ => "it has no validation accuracy".into(),
        };
        Error::NoTrial { arm: arm.into(), reason }
    }
}

/// What a trial is judged by: the validation accuracy after its last epoch.
fn score(run: &PastRun) -> Score {
    run.json.results.and_then(|results| results.final_epoch.val_acc)
}

fn in_words(values: &Values) -> String {
    let value = |(key, value): (&String, &Json)| format!("{key} = {value}");
    values.iter().map(value).collect::<Vec<_>>().join(", ")
}
