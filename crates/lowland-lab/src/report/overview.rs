//! The head of the page: the question, what was run, what is missing, and the verdict.

use serde::Serialize;

use super::page::Badge;
use super::results::FEWEST_PAIRS;
use super::source::Source;
use crate::console::counted;
use crate::experiment::State;
use crate::statistics::{Row, VerdictOf};

/// What is above the sections.
#[derive(Serialize)]
pub(super) struct Overview {
    title: String,
    question: String,
    /// What was run, a few words each.
    facts: Vec<String>,
    /// What differs from the file.
    changes: Vec<String>,
    /// What has not been run yet, or went wrong.
    missing: Vec<String>,
    verdict: String,
    /// The verdict on each arm and combination of levels.
    details: Vec<Detail>,
}

#[derive(Serialize)]
struct Detail {
    badge: Badge,
    sentence: String,
}

pub(super) fn of(source: &Source) -> Overview {
    let record = &source.record;
    let verdict = &source.statistics.verdict;
    let details = if verdict.details.len() > 1 { verdict.details.as_slice() } else { &[] };
    Overview {
        title: record.title.clone(),
        question: record.question.clone(),
        facts: facts(source),
        changes: record.changes.clone(),
        missing: missing(source),
        verdict: verdict.headline.clone(),
        details: details.iter().map(|of| detail(source, of)).collect(),
    }
}

fn detail(source: &Source, of: &VerdictOf) -> Detail {
    let same =
        |row: &&Row| row.measure == of.measure && row.arm == of.arm && row.levels == of.levels;
    let row = source.statistics.rows.iter().find(same);
    let pairs = row.and_then(|row| row.difference.as_ref()).map_or(0, |difference| difference.n);
    let badge = match of.better {
        Some(better) => Badge::of(better),
        None if pairs >= FEWEST_PAIRS => Badge::Open,
        None => Badge::Silent,
    };
    Detail { badge, sentence: of.sentence.clone() }
}

fn facts(source: &Source) -> Vec<String> {
    let record = &source.record;
    let mut facts = Vec::new();
    if record.cells.len() > 1 {
        let arms = counted(record.arms.len(), "arm", "arms");
        let seeds = counted(record.seeds.len(), "seed", "seeds");
        let levels = match source.places.len() {
            0 | 1 => String::new(),
            places => format!(" × {places} levels"),
        };
        facts.push(format!("{arms}{levels} × {seeds}: {} runs", record.cells.len()));
    }
    if let Some(run) = source.runs.first() {
        let info = &run.run.json.run;
        let parameters = crate::console::grouped(info.model.parameters);
        facts.push(format!("{} with {parameters} parameters", info.model.name));
        let data = &info.data;
        let images = [data.train_images, data.validation_images, data.test_images];
        let [train, validation, test] = images.map(crate::console::grouped);
        facts.push(format!(
            "{}: {train} training, {validation} validation and {test} test images",
            data.title
        ));
        facts.push(counted(info.epochs, "epoch", "epochs"));
    }
    facts
}

fn missing(source: &Source) -> Vec<String> {
    let cells = &source.record.cells;
    let count = |state: State| cells.iter().filter(|cell| cell.state == state).count();
    let mut missing = Vec::new();
    let waiting = count(State::Waiting);
    if cells.len() > 1 && waiting > 0 {
        missing.push(format!(
            "{} of {} runs are not finished. What follows is of the {} that are.",
            waiting,
            cells.len(),
            count(State::Finished)
        ));
    }
    missing.extend(source.troubles.iter().cloned());
    missing
}
