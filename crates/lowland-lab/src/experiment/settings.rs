//! How an experiment is run, and how far it is.

use std::path::PathBuf;

use serde::Serialize;

use super::batch::Width;
use crate::machine::logical_cores;
use crate::run::Options;

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
    /// Runs that still go on after so many hours are stopped.
    pub max_hours: Option<f64>,
    /// Over the file: how many training images each run uses.
    pub subset: Option<usize>,
    /// The command that repeats it.
    pub command: String,
}

impl Default for Settings {
    /// On the CPU, in `runs/experiment`.
    fn default() -> Self {
        Settings {
            folder: "runs/experiment".into(),
            data_folder: "data".into(),
            device: "cpu".into(),
            jobs: None,
            threads: None,
            max_hours: None,
            subset: None,
            command: String::new(),
        }
    }
}

impl Settings {
    /// How many of `runs` runs are made at once, and on what. A run on one thread prepares its batches
    /// on it too.
    pub(super) fn width(&self, runs: usize) -> Width {
        let cores = logical_cores();
        let by_default = match (self.device.as_str(), self.threads) {
            ("cpu", None) => cores,
            ("cpu", Some(threads)) => cores / threads.max(1),
            _ => 1,
        };
        let jobs = self.jobs.unwrap_or(by_default).clamp(1, runs.max(1));
        let threads = self.threads.unwrap_or((cores / jobs).max(1));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cores_are_shared_out_and_never_less_than_one() {
        let settings = |device: &str, jobs, threads| Settings {
            device: device.into(),
            jobs,
            threads,
            ..Settings::default()
        };
        let cores = logical_cores();
        let width = |settings: Settings, runs| {
            let width = settings.width(runs);
            (width.jobs, width.options.threads)
        };
        assert_eq!(width(settings("cpu", None, None), 1000), (cores, 1));
        assert_eq!(width(settings("cpu", None, None), 1), (1, cores));
        assert_eq!(width(settings("cpu", Some(1000), None), 2000), (1000, 1));
        assert_eq!(width(settings("cpu", Some(3), Some(5)), 2), (2, 5));
        assert_eq!(width(settings("cuda:0", None, None), 9), (1, cores));
        assert_eq!(settings("cpu", Some(1), Some(1)).width(1).options.workers, 0);
    }
}
