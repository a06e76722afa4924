//! What an experiment would do: its runs, their sizes, and how long they would take.

use serde::Serialize;

use super::planned::{self, Planned};
use super::{ExperimentFile, Settings};
use crate::Result;
use crate::run::{Options, Run};

/// What an experiment would do.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Overview {
    /// The trials of each arm, then the cells of the grid.
    pub parts: Vec<Part>,
    /// Runs at once in the grid.
    pub jobs: usize,
    /// Threads of each.
    pub threads: usize,
    /// How long training takes altogether, with so many runs at once, if each step takes as long as
    /// those that were timed.
    pub seconds: f64,
}

/// The trials of an arm, or the runs of a cell.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Part {
    /// The folder that they have in common.
    pub folder: String,
    /// How many they are.
    pub runs: usize,
    /// Epochs of each.
    pub epochs: usize,
    /// Training images of an epoch.
    pub train_images: usize,
    /// Multiply-adds of one image's forward pass.
    pub multiply_adds: u64,
    /// How long one takes to train, its steps being as those that were timed.
    pub seconds: f64,
}

/// What an experiment would do, without a search's choice. The first few steps of a run of each part are
/// timed; nothing is written.
///
/// # Errors
/// As [`run`](super::run()).
pub fn overview(file: &ExperimentFile, settings: &Settings) -> Result<Overview> {
    let trials = planned::trials(file, settings)?;
    let grid = planned::grid(file, settings, &[])?;
    let width = settings.width(grid.len());
    let all = trials.iter().flatten().map(|(_, planned)| planned);
    let mut parts: Vec<Part> = Vec::new();
    for planned in all.chain(grid.iter().map(|(_, planned)| planned)) {
        let folder = planned.cell().display().to_string();
        match parts.iter_mut().find(|part| part.folder == folder) {
            Some(part) => part.runs += 1,
            None => parts.push(part(folder, planned, &width.options)?),
        }
    }
    let seconds = parts.iter().map(|part| part.runs as f64 * part.seconds).sum::<f64>();
    let (jobs, threads) = (width.jobs, width.options.threads);
    Ok(Overview { parts, jobs, threads, seconds: seconds / jobs as f64 })
}

fn part(folder: String, planned: &Planned, options: &Options) -> Result<Part> {
    let run = Run::new(planned.plan.clone(), options)?;
    let info = run.info().clone();
    Ok(Part {
        folder,
        runs: 1,
        epochs: info.epochs,
        train_images: info.data.train_images,
        multiply_adds: info.model.multiply_adds,
        seconds: info.epochs as f64 * run.time_an_epoch()?,
    })
}
