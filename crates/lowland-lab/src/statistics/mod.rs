//! What can be said of an experiment: means over seeds, differences to the baseline, and a verdict.
//!
//! Runs are compared in pairs: a run of an arm and the run of the baseline with the same seed and the same
//! levels share the split, the noisy labels, the order of the images and, where the network is the same,
//! the initial weights. What the seed does to both cancels in their difference.

mod measures;
mod paired;
mod record;
mod runs;
mod verdict;
mod words;

use std::path::Path;

use crate::Result;
use crate::experiment::ExperimentRecord;
pub(crate) use measures::noise_key;
pub use measures::{Definition, is_measure, keys};
pub use paired::{difference, holm, summary};
pub use record::{
    Better, Difference, Measure, Row, Statistics, Summary, Unit, Value, Verdict, VerdictOf,
};
pub use runs::MeasuredRun;
pub use words::show_p;

/// The statistics of all finished runs of an experiment in `folder`.
///
/// # Errors
/// As [`MeasuredRun::all`].
pub fn of(record: &ExperimentRecord, folder: &Path) -> Result<Statistics> {
    Ok(of_runs(record, &MeasuredRun::all(record, folder)?))
}

/// The statistics of these runs of an experiment.
#[must_use]
pub fn of_runs(record: &ExperimentRecord, runs: &[MeasuredRun]) -> Statistics {
    let definitions = Definition::of_runs(runs);
    let rows: Vec<Row> =
        definitions.iter().flat_map(|definition| rows_of(record, runs, definition)).collect();
    let measures: Vec<Measure> =
        definitions.into_iter().map(|definition| definition.measure).collect();
    let verdict = verdict::of(record, &measures, &rows);
    Statistics { measures, rows, verdict }
}

/// The combinations of levels of an experiment, in the order of its cells.
pub(crate) fn combinations(record: &ExperimentRecord) -> Vec<&[String]> {
    let mut all: Vec<&[String]> = Vec::new();
    for cell in &record.cells {
        if !all.contains(&cell.levels.as_slice()) {
            all.push(&cell.levels);
        }
    }
    all
}

/// The rows of one measure: levels, then arms.
fn rows_of(record: &ExperimentRecord, runs: &[MeasuredRun], definition: &Definition) -> Vec<Row> {
    let mut rows = Vec::new();
    for levels in combinations(record) {
        let values = |arm: &str| values_of(runs, definition, levels, arm);
        let baseline = values(&record.baseline);
        for arm in &record.arms {
            let values = values(&arm.name);
            let numbers: Vec<f64> = values.iter().map(|value| value.value).collect();
            let Some(summary) = summary(&numbers) else { continue };
            let compared = definition.measure.tested && arm.name != record.baseline;
            let difference = if compared { difference(&pairs(&values, &baseline)) } else { None };
            rows.push(Row {
                measure: definition.measure.key.clone(),
                levels: levels.to_vec(),
                arm: arm.name.clone(),
                values,
                summary,
                difference,
            });
        }
    }
    correct(&mut rows);
    rows
}

/// The number of each run of an arm at some levels, by seed.
fn values_of(
    runs: &[MeasuredRun],
    definition: &Definition,
    levels: &[String],
    arm: &str,
) -> Vec<Value> {
    let those = runs.iter().filter(|run| run.cell.arm == arm && run.cell.levels == levels);
    let value =
        |run: &MeasuredRun| Some(Value { seed: run.cell.seed, value: definition.number_of(run)? });
    let mut values: Vec<Value> = those.filter_map(value).collect();
    values.sort_by_key(|value| value.seed);
    values
}

/// The numbers of an arm and of the baseline with the same seed.
fn pairs(arm: &[Value], baseline: &[Value]) -> Vec<(f64, f64)> {
    let partner = |value: &Value| baseline.iter().find(|other| other.seed == value.seed);
    arm.iter().filter_map(|value| Some((value.value, partner(value)?.value))).collect()
}

/// Corrects the p of all differences together.
fn correct(rows: &mut [Row]) {
    let differences = || rows.iter().filter_map(|row| row.difference);
    let p: Vec<f64> = differences().map(|difference| difference.p).collect();
    let differences = rows.iter_mut().filter_map(|row| row.difference.as_mut());
    for (difference, corrected) in differences.zip(holm(&p)) {
        difference.p_corrected = corrected;
    }
}
