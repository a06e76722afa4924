//! How long a run will take, judged by those that are done.

use std::path::{Path, PathBuf};

use super::planned::Planned;
use crate::flatness::Flatness;
use crate::record::{Ended, RunJson};
use crate::run::RunInfo;

/// Multiply-adds of a run: those of a forward pass, three times for an image that is trained on.
pub(super) fn work(info: &RunInfo, epochs: f64) -> f64 {
    epochs * info.data.work_of_an_epoch() as f64 * info.model.multiply_adds as f64
}

/// What runs have taken.
#[derive(Debug, Default)]
pub(super) struct Times {
    trained: Vec<Trained>,
    /// Whether surfaces were among what was measured, and the seconds.
    measured: Vec<(bool, f64)>,
}

/// A run that was trained.
#[derive(Debug)]
struct Trained {
    /// The folder of all seeds of its cell, or of all trials of its arm.
    cell: PathBuf,
    arm: usize,
    work: f64,
    seconds: f64,
}

impl Times {
    /// A run was trained, to its end or until it was interrupted.
    pub(super) fn trained(&mut self, planned: &Planned, json: &RunJson) {
        let Some(seconds) = json.seconds else { return };
        let work = work(&json.run, epochs_of(json));
        if work > 0.0 {
            self.took(planned, work, seconds);
        }
    }

    /// So much work of a run took so long.
    pub(super) fn took(&mut self, planned: &Planned, work: f64, seconds: f64) {
        let cell = cell(planned).to_path_buf();
        self.trained.push(Trained { cell, arm: planned.arm, work, seconds });
    }

    /// The flatness of a run was measured, if it was.
    pub(super) fn measured(&mut self, flatness: Option<&Flatness>) {
        self.measured.extend(flatness.map(|found| (found.plane.is_some(), found.seconds)));
    }

    /// Seconds that a run of so much work will take, with what is measured after it: by the runs of its
    /// cell, else of its arm, else by all. None where nothing is known. What is measured counts for nothing
    /// as long as none of it has been.
    pub(super) fn expected(&self, planned: &Planned, work: f64, trained: bool) -> Option<f64> {
        let training = if trained { 0.0 } else { self.rate(planned)? * work };
        let measuring = match &planned.flatness {
            Some((_, with_landscape)) => self.measuring(*with_landscape).unwrap_or(0.0),
            None => 0.0,
        };
        Some(training + measuring)
    }

    /// Seconds for a multiply-add.
    fn rate(&self, planned: &Planned) -> Option<f64> {
        let rate = |like: &dyn Fn(&&Trained) -> bool| {
            let (seconds, work) = self
                .trained
                .iter()
                .filter(like)
                .fold((0.0, 0.0), |sum, run| (sum.0 + run.seconds, sum.1 + run.work));
            (work > 0.0).then(|| seconds / work)
        };
        rate(&|run| run.cell == cell(planned))
            .or_else(|| rate(&|run| run.arm == planned.arm))
            .or_else(|| rate(&|_| true))
    }

    fn measuring(&self, with_landscape: bool) -> Option<f64> {
        let mean = |alike: &[f64]| {
            (!alike.is_empty()).then(|| alike.iter().sum::<f64>() / alike.len() as f64)
        };
        let seconds = |of: bool| {
            let alike = self.measured.iter().filter(|(with, _)| *with == of);
            alike.map(|(_, seconds)| *seconds).collect::<Vec<f64>>()
        };
        mean(&seconds(with_landscape)).or_else(|| mean(&seconds(!with_landscape)))
    }
}

/// The epochs of a run, the part of one that was under way when it was interrupted included.
fn epochs_of(json: &RunJson) -> f64 {
    match json.ended {
        Ended::Interrupted { epoch, batches_done, batches } => {
            epoch.saturating_sub(1) as f64 + batches_done as f64 / batches.max(1) as f64
        }
        _ => json.epochs_done as f64,
    }
}

/// The folder that the runs of one cell, or the trials of one arm, have in common.
pub(super) fn cell(planned: &Planned) -> &Path {
    planned.folder.parent().unwrap_or(&planned.folder)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::{ExperimentFile, Settings, planned};

    const TEXT: &str = r#"
        name = "e"
        question = "?"
        seeds = [1, 2]
        [base]
        data.dataset = "digits"
        model.name = "resnet-tiny"
        optimizer = { learning_rate = 0.05, sgd = {} }
        [[arm]]
        name = "a"
        [[arm]]
        name = "b"
        [[factor]]
        name = "noise"
        key = "data.label_noise"
        levels = [0, 1]
        [flatness]
    "#;

    #[test]
    fn a_run_takes_what_its_cell_took_or_its_arm_or_all() {
        let file = ExperimentFile::parse("e.toml", TEXT).unwrap();
        let grid = planned::grid(&file, &Settings::default(), &[]).unwrap();
        let [a0, a1, b0] = [0, 2, 4].map(|i| &grid[i].1);
        let mut times = Times::default();
        times.took(a0, 10.0, 20.0);
        times.took(a1, 10.0, 60.0);
        assert_eq!(times.expected(a0, 5.0, false), Some(10.0), "nothing has been measured yet");
        times.measured.push((false, 3.0));
        let expected = |planned: &Planned, trained| times.expected(planned, 5.0, trained);
        assert_eq!(expected(a0, false), Some(10.0 + 3.0));
        assert_eq!(expected(a1, false), Some(30.0 + 3.0));
        assert_eq!(expected(b0, false), Some(20.0 + 3.0));
        assert_eq!(expected(b0, true), Some(3.0));
        let elsewhere = Planned { folder: "runs/other/seed-1".into(), ..a0.clone() };
        assert_eq!(expected(&elsewhere, false), Some(20.0 + 3.0));
        assert_eq!(Times::default().expected(a0, 5.0, false), None);
    }
}
