//! What a report is made of: the records of an experiment, or those of a single run taken for one.

use std::path::Path;

use crate::experiment::{ArmInfo, Cell, ExperimentRecord, State};
use crate::flatness::Interpolation;
use crate::past::read_json;
use crate::record::Ended;
use crate::statistics::{self, Measure, MeasuredRun, Statistics, Summary};
use crate::{Error, PastRun, Result};

/// Everything that is shown.
pub(super) struct Source {
    pub record: ExperimentRecord,
    /// The finished runs; a single run also where it is not finished.
    pub runs: Vec<MeasuredRun>,
    pub statistics: Statistics,
    pub interpolation: Option<Interpolation>,
    /// The experiment's file, as it was written; none for a single run.
    pub file: Option<String>,
    /// What cells that failed, or a single run that did not finish, say of it; a sentence each.
    pub troubles: Vec<String>,
    /// The combinations of levels.
    pub places: Vec<Place>,
}

/// A combination of levels.
pub(super) struct Place {
    pub levels: Vec<String>,
    /// In words; empty without factors.
    pub title: String,
    /// What the names of its figures end with; empty without factors.
    pub suffix: String,
}

impl Source {
    /// Reads the directory of an experiment or of a run.
    pub fn read(folder: &Path) -> Result<Source> {
        if folder.join("experiment.json").exists() {
            return Source::of_experiment(folder);
        }
        if folder.join("run.json").exists() {
            return Source::of_run(folder);
        }
        Err(Error::Usage(format!(
            "`{}` holds neither an experiment.json nor a run.json; name the directory of an experiment \
             or of a run",
            folder.display()
        )))
    }

    fn of_experiment(folder: &Path) -> Result<Source> {
        let record: ExperimentRecord = read_json(&folder.join("experiment.json"))?;
        let runs = MeasuredRun::all(&record, folder)?;
        let path = folder.join("interpolation.json");
        let interpolation = if path.exists() { Some(read_json(&path)?) } else { None };
        let failed = record.cells.iter().filter(|cell| cell.state == State::Failed);
        let troubles = failed.map(|cell| trouble(&record, cell, folder)).collect();
        let file = std::fs::read_to_string(folder.join("experiment.toml")).ok();
        Ok(Source::new(record, runs, interpolation, file, troubles))
    }

    fn of_run(folder: &Path) -> Result<Source> {
        let run = PastRun::read(folder)?;
        let record = record_of(&run);
        let done = run.epochs.len();
        let troubles = match &run.json.ended {
            Ended::Finished => Vec::new(),
            Ended::Running => {
                vec![format!("It has not ended, or was killed: {done} epochs are complete.")]
            }
            Ended::Interrupted { epoch, .. } => {
                vec![format!("It was stopped in epoch {epoch}: {done} epochs are complete.")]
            }
            Ended::Failed { reason, .. } => {
                vec![format!("It failed after {done} complete epochs: {reason}.")]
            }
        };
        let path = folder.join("flatness.json");
        let flatness = if path.exists() { Some(read_json(&path)?) } else { None };
        let path = folder.join("interpolation.json");
        let interpolation = if path.exists() { Some(read_json(&path)?) } else { None };
        let runs = vec![MeasuredRun { cell: record.cells[0].clone(), run, flatness }];
        Ok(Source::new(record, runs, interpolation, None, troubles))
    }

    fn new(
        record: ExperimentRecord,
        runs: Vec<MeasuredRun>,
        interpolation: Option<Interpolation>,
        file: Option<String>,
        troubles: Vec<String>,
    ) -> Source {
        let statistics = statistics::of_runs(&record, &runs);
        let places = places(&record);
        Source { record, runs, statistics, interpolation, file, troubles, places }
    }

    /// The arms, each with the index of its colour.
    pub fn arms(&self) -> impl Iterator<Item = (usize, &ArmInfo)> {
        self.record.arms.iter().enumerate()
    }

    /// The runs of an arm at some levels, by seed.
    pub fn runs_of<'a>(
        &'a self,
        arm: &'a str,
        place: &'a Place,
    ) -> impl Iterator<Item = &'a MeasuredRun> {
        let of = move |run: &&MeasuredRun| run.cell.arm == arm && run.cell.levels == place.levels;
        self.runs.iter().filter(of)
    }

    /// The measure that the question is about, where a run has a number of it.
    pub fn measure(&self) -> Option<&Measure> {
        self.statistics.measures.iter().find(|measure| measure.key == self.record.measure)
    }

    /// The name of an arm for people.
    pub fn label<'a>(&'a self, arm: &'a str) -> &'a str {
        let known = self.record.arms.iter().find(|known| known.name == arm);
        known.map_or(arm, |known| known.label.as_str())
    }

    /// What is said beside bands and numbers: over how many seeds they are.
    pub fn seeds_of(&self, runs: impl Iterator<Item = usize>) -> String {
        let counts: Vec<usize> = runs.filter(|count| *count > 0).collect();
        let (low, high) = (counts.iter().min().copied(), counts.iter().max().copied());
        match (low, high) {
            (Some(1), Some(1)) => "one seed".into(),
            (Some(low), Some(high)) if low == high => format!("{low} seeds"),
            (Some(low), Some(high)) => format!("{low} to {high} seeds"),
            _ => "no seed".into(),
        }
    }
}

/// Mean and, of several numbers, standard deviation, as a point with its spread.
pub(super) fn mean(values: &[f64]) -> Option<(f64, Option<(f64, f64)>)> {
    let Summary { mean, sd, .. } = statistics::summary(values)?;
    Some((mean, sd.map(|sd| (mean - sd, mean + sd))))
}

/// Why a run of the grid has failed, as far as its record says.
fn trouble(record: &ExperimentRecord, cell: &Cell, folder: &Path) -> String {
    let reason = match PastRun::read(&folder.join(&cell.folder)).map(|run| run.json.ended) {
        Ok(Ended::Failed { reason, .. }) => format!(": {reason}"),
        _ => String::new(),
    };
    let label = record.arms.iter().find(|arm| arm.name == cell.arm);
    let label = label.map_or(cell.arm.as_str(), |arm| arm.label.as_str());
    let at = match title_of(record, &cell.levels) {
        title if title.is_empty() => String::new(),
        title => format!(" at {title}"),
    };
    format!("{label}, seed {}{at}, failed{reason}.", cell.seed)
}

/// A run as an experiment of one arm and one seed, which asks nothing.
fn record_of(run: &PastRun) -> ExperimentRecord {
    let json = &run.json;
    let name = json.run.name.clone();
    let state = match json.ended {
        Ended::Finished => State::Finished,
        Ended::Failed { .. } => State::Failed,
        _ => State::Waiting,
    };
    let (arm, seed) = (name.clone(), json.run.seed);
    let words = json.command.iter().map(|word| quoted(word));
    ExperimentRecord {
        title: name.clone(),
        question: String::new(),
        measure: "final_test_acc".into(),
        baseline: name.clone(),
        arms: vec![ArmInfo { name: name.clone(), label: name.clone() }],
        factors: Vec::new(),
        seeds: vec![seed],
        cells: vec![Cell { arm, levels: Vec::new(), seed, folder: ".".into(), state }],
        tuned: Vec::new(),
        changes: Vec::new(),
        command: words.collect::<Vec<_>>().join(" "),
        program: json.program.clone(),
        machine: json.machine.clone(),
        started: json.started.clone(),
        updated: json.ended_at.clone().unwrap_or_else(|| json.started.clone()),
        name,
    }
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./=:,+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_string()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

fn places(record: &ExperimentRecord) -> Vec<Place> {
    let mut places: Vec<Place> = Vec::new();
    for levels in statistics::combinations(record) {
        let title = title_of(record, levels);
        let mut suffix = file_name(&title);
        if places.iter().any(|place| place.suffix == suffix) {
            suffix = format!("{suffix}-{}", places.len() + 1);
        }
        places.push(Place { levels: levels.to_vec(), title, suffix });
    }
    places
}

fn title_of(record: &ExperimentRecord, levels: &[String]) -> String {
    let each = record.factors.iter().zip(levels);
    each.map(|(factor, level)| format!("{} {level}", factor.name)).collect::<Vec<_>>().join(", ")
}

/// A text as the end of a file's name: `-label-noise-0.2`; nothing of an empty one.
pub(super) fn file_name(text: &str) -> String {
    let kept = |c: char| c.is_ascii_alphanumeric() || c == '.';
    let words = text.split(|c: char| !kept(c)).filter(|word| !word.is_empty());
    words.map(|word| format!("-{}", word.to_lowercase())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_are_made_of_letters_and_digits() {
        assert_eq!(file_name("label noise 0.2, width 16"), "-label-noise-0.2-width-16");
        assert_eq!(file_name("../<a>"), "-..-a");
        assert_eq!(file_name(""), "");
    }

    #[test]
    fn words_of_a_command_can_be_pasted() {
        assert_eq!(quoted("train.epochs=3"), "train.epochs=3");
        assert_eq!(quoted("optimizer={adam={}}"), "'optimizer={adam={}}'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted(""), "''");
    }
}
