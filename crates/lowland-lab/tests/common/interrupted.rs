//! Runs that are stopped after some steps and gone on with.

use std::fs;
use std::path::{Path, PathBuf};

use lowland_lab::checkpoint::{Checkpoint, Found, folder_of};
use lowland_lab::{
    Change, ConfigFile, Observer, Options, Outcome, Plan, Position, Record, Result, Resumed, Run,
    Stop,
};

use super::SMALL;

/// A run of 3 epochs of 8 steps.
pub const SHORT: [&str; 3] = ["data.subset=140", "train.epochs=3", "record.checkpoints_kept=2"];

pub fn new_run(sets: &[&str], options: &Options) -> Result<Run> {
    let sets: Vec<Change> = SHORT.iter().chain(sets).map(|set| Change::from(*set)).collect();
    let plan = Plan::new(ConfigFile::parse("small.toml", SMALL, &sets)?, Path::new("none"))?;
    Run::new(plan, options)
}

pub fn options(threads: usize, workers: usize) -> Options {
    Options { threads, workers, ..Options::default() }
}

/// Wishes to stop after so many steps.
pub struct StopAfter(usize, Stop);

impl Observer for StopAfter {
    fn stepped(&mut self, _: &Position) {
        self.0 -= 1;
        if self.0 == 0 {
            self.1.wish();
        }
    }
}

/// Goes on with a run, or begins it, for so many steps.
pub fn go_on(
    folder: &Path,
    sets: &[&str],
    options: &Options,
    steps: usize,
) -> Result<(Outcome, Resumed)> {
    let mut run = new_run(sets, options)?;
    let (mut record, resumed) = Record::resume(folder, &mut run)?;
    let stop = Stop::default();
    let outcome = run.execute(&mut record, &mut StopAfter(steps, stop.clone()), &stop)?;
    Ok((outcome, resumed))
}

pub fn newest(folder: &Path) -> (PathBuf, Checkpoint) {
    Found::in_run(folder).unwrap().checkpoint.unwrap()
}

pub fn fingerprint(folder: &Path) -> String {
    newest(folder).1.fingerprint().unwrap()
}

pub fn checkpoints(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder_of(folder)).unwrap();
    let mut names: Vec<String> =
        entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

pub const FOREVER: usize = 1_000_000;
