//! Sentences, and what they may claim.

use super::super::{Summary, Unit, Value, difference, summary};
use super::*;
use crate::experiment::{ArmInfo, Cell, FactorInfo};
use crate::machine::Machine;
use crate::record::Program;

/// An experiment with arms `a`, the baseline, and `b`, `c`, ..., and what each has measured by seed from
/// 1 at each level; none where the run failed.
struct Experiment {
    record: ExperimentRecord,
    rows: Vec<Row>,
    measure: Measure,
}

impl Experiment {
    fn new(levels: &[&str], arms: &[&[&[Option<f64>]]]) -> Experiment {
        let names = ["a", "b", "c", "d", "e", "f"];
        let mut cells = Vec::new();
        let mut rows = Vec::new();
        for (arm, at_levels) in names.iter().zip(arms) {
            for (level, values) in at_levels.iter().enumerate() {
                let levels: Vec<String> =
                    levels.get(level).map(ToString::to_string).into_iter().collect();
                for (seed, value) in (1..).zip(*values) {
                    let state = if value.is_some() { State::Finished } else { State::Failed };
                    let (arm, levels) = (arm.to_string(), levels.clone());
                    cells.push(Cell { arm, levels, seed, folder: String::new(), state });
                }
                let value =
                    |(seed, value): (u64, &Option<f64>)| Some(Value { seed, value: (*value)? });
                let values: Vec<Value> = (1..).zip(*values).filter_map(value).collect();
                let numbers: Vec<f64> = values.iter().map(|value| value.value).collect();
                let Some(summary) = summary(&numbers) else { continue };
                rows.push(row(arm, levels, values, summary));
            }
        }
        compare(&mut rows);
        let arms = names.iter().take(arms.len());
        let arms = arms.map(|name| ArmInfo { name: name.to_string(), label: name.to_uppercase() });
        let factor = FactorInfo {
            name: "label noise".into(),
            key: "data.label_noise".into(),
            levels: levels.iter().map(ToString::to_string).collect(),
        };
        let factors = if levels.is_empty() { Vec::new() } else { vec![factor] };
        Experiment { record: record(arms.collect(), factors, cells), rows, measure: accuracy() }
    }

    fn verdict(&self) -> Verdict {
        of(&self.record, std::slice::from_ref(&self.measure), &self.rows)
    }
}

fn row(arm: &str, levels: Vec<String>, values: Vec<Value>, summary: Summary) -> Row {
    let (measure, arm) = ("final_test_acc".into(), arm.into());
    Row { measure, levels, arm, values, summary, difference: None }
}

fn compare(rows: &mut [Row]) {
    let baseline: Vec<Row> = rows.iter().filter(|row| row.arm == "a").cloned().collect();
    for row in rows.iter_mut().filter(|row| row.arm != "a") {
        if let Some(baseline) = baseline.iter().find(|baseline| baseline.levels == row.levels) {
            row.difference = difference(&super::super::pairs(&row.values, &baseline.values));
        }
    }
    super::super::correct(rows);
}

fn accuracy() -> Measure {
    Measure {
        key: "final_test_acc".into(),
        title: "final test accuracy".into(),
        unit: Unit::Fraction,
        better: Better::Higher,
        tested: true,
    }
}

fn record(arms: Vec<ArmInfo>, factors: Vec<FactorInfo>, cells: Vec<Cell>) -> ExperimentRecord {
    ExperimentRecord {
        name: "x".into(),
        title: "X".into(),
        question: "Is it?".into(),
        measure: "final_test_acc".into(),
        baseline: "a".into(),
        arms,
        factors,
        seeds: vec![1, 2, 3],
        cells,
        tuned: Vec::new(),
        changes: Vec::new(),
        command: String::new(),
        program: Program { name: "lowland".into(), version: "1".into(), git: None },
        machine: Machine::this(),
        started: String::new(),
        updated: String::new(),
    }
}

#[test]
fn a_difference_that_was_shown_is_told_with_its_interval_and_p() {
    let a = [Some(0.90), Some(0.91), Some(0.92)];
    let b = [Some(0.92), Some(0.93), Some(0.941)];
    let mut experiment = Experiment::new(&[], &[&[&a], &[&b]]);
    let verdict = experiment.verdict();
    // Differences 0.02, 0.02, 0.021: t = 61 with 2 degrees of freedom.
    let want = "On 3 seeds, B was better than A: final test accuracy +2.03 points, 95 % CI \
                [+1.89, +2.18], p below 0.001.";
    assert_eq!(verdict.headline, want);
    assert_eq!(
        (verdict.details[0].better, verdict.details[0].sentence.as_str()),
        (Some(true), want)
    );
    experiment.measure.better = Better::Lower;
    let verdict = experiment.verdict();
    assert_eq!(verdict.details[0].better, Some(false));
    assert!(verdict.headline.starts_with("On 3 seeds, B was worse than A: "), "{verdict:?}");
}

#[test]
fn a_difference_that_was_not_shown_is_told_with_what_could_have_been() {
    let a = [Some(0.90), Some(0.91), Some(0.92)];
    let b = [Some(0.91), Some(0.91), Some(0.93)];
    let verdict = Experiment::new(&[], &[&[&a], &[&b]]).verdict();
    assert_eq!(verdict.details[0].better, None);
    let want = "On 3 seeds, no difference between B and A was shown: final test accuracy +0.67 points, \
                95 % CI [-0.77, +2.10], p 0.18; with this spread, one of less than 1.43 points cannot be \
                shown.";
    assert_eq!(verdict.headline, want);
}

#[test]
fn one_and_two_seeds_allow_no_conclusion() {
    let verdict = Experiment::new(&[], &[&[&[Some(0.5)]], &[&[Some(0.9)]]]).verdict();
    assert_eq!(verdict.details[0].better, None);
    let want = "One seed is too few for a conclusion about B against A: final test accuracy 90.00 % \
                against 50.00 %, and the spread between seeds is not known.";
    assert_eq!(verdict.headline, want);
    let (a, b) = ([Some(0.5), Some(0.51)], [Some(0.9), Some(0.910_001)]);
    let verdict = Experiment::new(&[], &[&[&a], &[&b]]).verdict();
    assert_eq!(verdict.details[0].better, None, "p is far below 0.05, and yet");
    let begins =
        "2 seeds are too few for a conclusion about B against A: final test accuracy +40.00 points";
    assert!(verdict.headline.starts_with(begins), "{verdict:?}");
    let verdict = Experiment::new(&[], &[&[&a], &[&b], &[&b]]).verdict();
    let want = "No conclusion about final test accuracy against A: 2 seeds are too few; at least 3 are \
                needed.";
    assert_eq!(verdict.headline, want);
}

#[test]
fn failed_runs_are_counted_and_leave_fewer_pairs() {
    let a = [Some(0.90), Some(0.91), Some(0.92), None];
    let b = [None, Some(0.93), Some(0.941), Some(0.95)];
    let verdict = Experiment::new(&[], &[&[&a], &[&b]]).verdict();
    assert_eq!(verdict.details[0].better, None, "two pairs are left");
    let ends = ". 1 of 4 runs of B failed. 1 of 4 runs of A failed.";
    assert!(verdict.details[0].sentence.ends_with(ends), "{verdict:?}");
    assert!(verdict.headline.ends_with(" 2 of 8 runs failed."), "{verdict:?}");
    let verdict = Experiment::new(&[], &[&[&a], &[&[None, None, None, None]]]).verdict();
    let want = "B and A have no seed in common: nothing is compared. 4 of 4 runs of B failed. 1 of 4 runs \
                of A failed.";
    assert_eq!(verdict.details[0].sentence, want);
}

#[test]
fn the_same_difference_on_every_seed_is_tested_by_its_sign() {
    let a = [Some(0.90), Some(0.91), Some(0.92)];
    let b = [Some(0.91), Some(0.92), Some(0.93)];
    let verdict = Experiment::new(&[], &[&[&a], &[&b]]).verdict();
    assert_eq!(verdict.details[0].better, None);
    let want = "On 3 seeds, no difference between B and A was shown: final test accuracy +1.00 points on \
                every seed, sign test p 0.25.";
    assert_eq!(verdict.headline, want);
}

#[test]
fn of_several_comparisons_the_headline_names_what_was_shown() {
    let a: &[Option<f64>] = &[Some(0.90), Some(0.91), Some(0.92)];
    let up: &[Option<f64>] = &[Some(0.92), Some(0.93), Some(0.941)];
    let down: &[Option<f64>] = &[Some(0.88), Some(0.89), Some(0.899)];
    let same: &[Option<f64>] = &[Some(0.91), Some(0.91), Some(0.92)];
    let verdict = Experiment::new(&["0", "0.2"], &[&[a, a], &[up, same], &[down, same]]).verdict();
    let better: Vec<Option<bool>> = verdict.details.iter().map(|one| one.better).collect();
    assert_eq!(better, [Some(true), Some(false), None, None]);
    let want = "On 3 seeds, 2 of 4 comparisons with A showed a difference in final test accuracy; better: \
                B at label noise 0 (+2.03 points, 95 % CI [+1.89, +2.18], corrected p 0.001); worse: C at \
                label noise 0 (-2.03 points, 95 % CI [-2.18, -1.89], corrected p 0.001).";
    assert_eq!(verdict.headline, want);
    assert!(verdict.details[2].sentence.contains(" was shown at label noise 0.2: "), "{verdict:?}");
    assert!(verdict.details[2].sentence.contains(", p 0.42, corrected for 4 tests 0.85;"));
    let verdict = Experiment::new(&[], &[&[a], &[same], &[same]]).verdict();
    let want =
        "On 3 seeds, none of 2 comparisons with A showed a difference in final test accuracy.";
    assert_eq!(verdict.headline, want);
}

#[test]
fn comparisons_with_too_few_seeds_are_told_apart() {
    let a: &[Option<f64>] = &[Some(0.90), Some(0.91), Some(0.92)];
    let same: &[Option<f64>] = &[Some(0.91), Some(0.91), Some(0.92)];
    let few: &[Option<f64>] = &[Some(0.91), Some(0.91), None];
    let verdict = Experiment::new(&[], &[&[a], &[same], &[few]]).verdict();
    let want = "On 3 seeds, none of 1 comparisons with A showed a difference in final test accuracy; 1 \
                more had too few seeds. 1 of 9 runs failed.";
    assert_eq!(verdict.headline, want);
}

#[test]
fn a_measure_that_is_not_tested_is_told_without_a_conclusion() {
    let (a, b) = ([Some(0.90), Some(0.92)], [Some(0.80), Some(0.82)]);
    let mut experiment = Experiment::new(&[], &[&[&a], &[&b]]);
    experiment.rows.iter_mut().for_each(|row| row.difference = None);
    let want = "final test accuracy is told, not tested: 81.00 ± 1.41 % with B against 91.00 ± 1.41 % with \
                A.";
    assert_eq!(experiment.verdict().headline, want);
}

#[test]
fn without_numbers_or_others_nothing_is_claimed() {
    let mut experiment = Experiment::new(&[], &[&[&[Some(0.5), Some(0.7)]]]);
    experiment.record.cells[1].state = State::Waiting;
    let want = "A was run alone, so nothing is compared: final test accuracy 60.00 % (n = 2, standard \
                deviation 14.14 points). So far 1 of 2 runs are done.";
    assert_eq!(experiment.verdict().headline, want);
    experiment.record.measure = "calm".into();
    let want = "No finished run has a number for `calm`, so the question is open; measured are \
                final_test_acc. So far 1 of 2 runs are done.";
    assert_eq!(experiment.verdict().headline, want);
    let headline = of(&experiment.record, &[], &[]).headline;
    assert_eq!(
        headline,
        "No run is finished, so nothing can be said. So far 1 of 2 runs are done."
    );
}
