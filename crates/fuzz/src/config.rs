//! What people write: the config of a run, and the file of an experiment.

use std::path::Path;

use lowland_lab::experiment::{self, ExperimentFile};
use lowland_lab::{Change, ConfigFile, Plan};

use crate::Verdict;

/// Experiments up to this many runs are planned; it would only take longer.
const PLANNED: usize = 100;

/// Where no dataset is.
fn nowhere() -> &'static Path {
    Path::new("/nowhere")
}

/// Reads a text as a config, and else as an experiment, and plans its runs.
pub fn config(data: &[u8]) -> Verdict {
    let Ok(text) = std::str::from_utf8(data) else { return Verdict::Refused };
    match run(text) {
        Verdict::Accepted => Verdict::Accepted,
        Verdict::Refused => experiment(text),
    }
}

/// The config of a run. Its first lines may be changes of it, such as `#set train.epochs=3` and
/// `#unset schedule`.
fn run(text: &str) -> Verdict {
    let change = |line: (&str, &str)| match line {
        ("#set", argument) => Some(Change::Set(argument.to_string())),
        ("#unset", key) => Some(Change::Unset(key.to_string())),
        _ => None,
    };
    let changes: Vec<Change> =
        text.lines().map_while(|line| change(line.split_once(' ')?)).collect();
    let file = match ConfigFile::parse("given.toml", text, &changes) {
        Ok(file) => file,
        Err(error) => {
            assert!(error.to_string().contains("given.toml"), "an error names the file");
            return Verdict::Refused;
        }
    };
    let written = file.config().to_toml().expect("a config can be written");
    let again = ConfigFile::parse("written.toml", &written, &[]).expect("and be read again");
    // Texts, as a NaN differs from itself.
    assert_eq!(again.config().to_toml().as_ref().ok(), Some(&written), "and is the same");
    let Ok(plan) = Plan::new(file, nowhere()) else { return Verdict::Refused };
    plan.groups().expect("a plan has its optimizer");
    plan.model().spec().expect("a plan has its network");
    let resolved = plan.config().to_toml().expect("a plan can be written");
    let file = ConfigFile::parse("resolved.toml", &resolved, &[]).expect("and be read again");
    let again = Plan::new(file, nowhere()).expect("and be planned again");
    assert_eq!(again.config().to_toml().ok(), Some(resolved), "and is the same");
    Verdict::Accepted
}

/// The file of an experiment, whose runs are planned where they are few.
fn experiment(text: &str) -> Verdict {
    let file = match ExperimentFile::parse("given.toml", text) {
        Ok(file) => file,
        Err(error) => {
            assert!(error.to_string().contains("given.toml"), "an error names the file");
            return Verdict::Refused;
        }
    };
    assert!(file.arms().iter().any(|arm| arm.name == file.baseline()), "the baseline is an arm");
    let cells = file.factors().iter().fold(file.arms().len(), |n, f| n * f.levels.len());
    let runs = cells * file.seeds().len();
    if runs > PLANNED {
        return Verdict::Accepted;
    }
    match experiment::check(&file, nowhere()) {
        Ok((_, planned)) => {
            assert_eq!(planned, runs, "every arm, level and seed has its run");
            Verdict::Accepted
        }
        Err(_) => Verdict::Refused,
    }
}
