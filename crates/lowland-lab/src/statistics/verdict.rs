//! What follows from the numbers, in words that claim no more than they show.

use super::words::show_p;
use super::{Better, Difference, Measure, Row, Verdict, VerdictOf, combinations};
use crate::console::counted;
use crate::experiment::{ExperimentRecord, State};

/// With fewer pairs nothing is concluded: the spread of two differences is hardly known.
const FEWEST_PAIRS: usize = 3;
/// Corrected p below which a difference counts as shown.
const LEVEL: f64 = 0.05;
/// Differences that a headline names one by one.
const NAMED: usize = 3;

/// The verdict on the measure that the question is about.
pub(super) fn of(record: &ExperimentRecord, measures: &[Measure], rows: &[Row]) -> Verdict {
    let Some(measure) = measures.iter().find(|measure| measure.key == record.measure) else {
        return Verdict { headline: nothing_measured(record, measures), details: Vec::new() };
    };
    let rows: Vec<&Row> = rows.iter().filter(|row| row.measure == measure.key).collect();
    let tests = rows.iter().filter(|row| row.difference.is_some()).count();
    let mut compared = Vec::new();
    for levels in combinations(record) {
        let others = record.arms.iter().filter(|arm| arm.name != record.baseline);
        for arm in others {
            compared.push(Comparison::new(record, measure, &rows, levels, &arm.name, tests));
        }
    }
    let headline = match compared.as_slice() {
        [] => alone(record, measure, &rows),
        [only] => only.sentence(),
        several => of_several(record, measure, several),
    };
    Verdict {
        headline: headline + &not_done(record),
        details: compared.iter().map(Comparison::verdict).collect(),
    }
}

/// An arm beside the baseline at some levels.
struct Comparison<'a> {
    measure: &'a Measure,
    levels: &'a [String],
    arm: &'a str,
    /// The labels of arm and baseline.
    labels: [&'a str; 2],
    /// Where, in words; with a space before it.
    place: String,
    rows: [Option<&'a Row>; 2],
    /// Differences that the correction is for.
    tests: usize,
    /// What is to be said of failed runs; empty, or with a space before it.
    failed: String,
}

impl<'a> Comparison<'a> {
    fn new(
        record: &'a ExperimentRecord,
        measure: &'a Measure,
        rows: &[&'a Row],
        levels: &'a [String],
        arm: &'a str,
        tests: usize,
    ) -> Self {
        let row = |arm: &str| rows.iter().copied().find(|r| r.arm == arm && r.levels == levels);
        let arms = [arm, record.baseline.as_str()];
        let failed = arms.map(|arm| failed(record, arm, levels)).concat();
        Comparison {
            measure,
            levels,
            arm,
            labels: arms.map(|arm| label(record, arm)),
            place: place(record, levels),
            rows: arms.map(row),
            tests,
            failed,
        }
    }

    fn difference(&self) -> Option<&'a Difference> {
        self.rows[0]?.difference.as_ref()
    }

    /// Whether the arm was shown to be better or worse.
    fn better(&self) -> Option<bool> {
        let difference = self.difference()?;
        let shown = difference.n >= FEWEST_PAIRS && difference.p_corrected < LEVEL;
        let higher = difference.mean > 0.0;
        shown.then_some(higher == (self.measure.better == Better::Higher))
    }

    fn verdict(&self) -> VerdictOf {
        VerdictOf {
            measure: self.measure.key.clone(),
            levels: self.levels.to_vec(),
            arm: self.arm.to_string(),
            better: self.better(),
            sentence: self.sentence(),
        }
    }

    fn sentence(&self) -> String {
        let [arm, baseline] = self.labels;
        let (place, failed, title) = (&self.place, &self.failed, &self.measure.title);
        let Some(difference) = self.difference() else {
            return format!("{}.{failed}", self.without_spread());
        };
        let n = difference.n;
        let (word, rest) = match self.better() {
            _ if n < FEWEST_PAIRS => {
                let word = format!(
                    "{} are too few for a conclusion about {arm} against {baseline}",
                    counted(n, "seed", "seeds")
                );
                (word, String::new())
            }
            Some(better) => {
                let word = if better { "better" } else { "worse" };
                (format!("On {n} seeds, {arm} was {word} than {baseline}"), String::new())
            }
            None => (
                format!("On {n} seeds, no difference between {arm} and {baseline} was shown"),
                self.needed(difference),
            ),
        };
        format!("{word}{place}: {title} {}{rest}.{failed}", self.numbers(difference))
    }

    /// The difference with its interval and its p.
    fn numbers(&self, difference: &Difference) -> String {
        let unit = self.measure.unit;
        let mean = unit.show_difference(difference.mean);
        let Difference { p, p_corrected, low, high, .. } = *difference;
        let p = match self.tests {
            1 => format!("p {}", show_p(p)),
            tests => {
                format!("p {}, corrected for {tests} tests {}", show_p(p), show_p(p_corrected))
            }
        };
        if low == high {
            return format!("{mean} on every seed, sign test {p}");
        }
        format!("{mean}, 95 % CI {}, {p}", unit.show_interval(difference))
    }

    /// How large a difference would have to be at least, where the spread is known.
    fn needed(&self, difference: &Difference) -> String {
        let half = (difference.high - difference.low) / 2.0;
        if half == 0.0 {
            return String::new();
        }
        let half = self.measure.unit.show_size(half);
        format!("; with this spread, one of less than {half} cannot be shown")
    }

    /// What can be said with fewer than two pairs.
    fn without_spread(&self) -> String {
        let ([arm, baseline], place) = (self.labels, &self.place);
        let pairs = match self.rows {
            [Some(arm), Some(baseline)] => {
                let partner = |seed| baseline.values.iter().find(move |b| b.seed == seed);
                arm.values.iter().filter_map(|a| Some((a, partner(a.seed)?))).collect()
            }
            _ => Vec::new(),
        };
        let Measure { unit, title, .. } = self.measure;
        if let ([Some(a), Some(b)], true) = (self.rows, pairs.len() > 1) {
            let [a, b] = [a, b].map(|row| unit.show_summary(&row.summary));
            return format!(
                "{title} is told, not tested: {a} with {arm} against {b} with {baseline}{place}"
            );
        }
        let Some((a, b)) = pairs.first() else {
            return format!(
                "{arm} and {baseline} have no seed in common{place}: nothing is compared"
            );
        };
        format!(
            "One seed is too few for a conclusion about {arm} against {baseline}{place}: {title} {} \
             against {}, and the spread between seeds is not known",
            unit.show(a.value),
            unit.show(b.value)
        )
    }

    /// The comparison as an item of a list.
    fn item(&self) -> String {
        let numbers = self.difference().map(|difference| {
            let unit = self.measure.unit;
            let interval = unit.show_interval(difference);
            let mean = unit.show_difference(difference.mean);
            format!(" ({mean}, 95 % CI {interval}, corrected p {})", show_p(difference.p_corrected))
        });
        format!("{}{}{}", self.labels[0], self.place, numbers.unwrap_or_default())
    }
}

/// The headline of several comparisons.
fn of_several(record: &ExperimentRecord, measure: &Measure, all: &[Comparison<'_>]) -> String {
    let baseline = label(record, &record.baseline);
    let title = &measure.title;
    let pairs = all.iter().filter_map(|one| one.difference()).map(|difference| difference.n);
    let pairs = pairs.max().unwrap_or(1);
    if pairs < FEWEST_PAIRS {
        let seeds = if pairs == 1 { "one seed is".into() } else { format!("{pairs} seeds are") };
        return format!(
            "No conclusion about {title} against {baseline}: {seeds} too few; at least \
             {FEWEST_PAIRS} are needed."
        );
    }
    let few = all.iter().filter(|one| one.difference().is_none_or(|d| d.n < FEWEST_PAIRS)).count();
    let shown = |better| all.iter().filter(move |one| one.better() == Some(better));
    let list = |better, word: &str| {
        let items: Vec<String> = shown(better).map(Comparison::item).collect();
        let more = items.len().saturating_sub(NAMED);
        let named = items[..items.len() - more].join(", ");
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        if items.is_empty() { String::new() } else { format!("; {word}: {named}{more}") }
    };
    let count = shown(true).count() + shown(false).count();
    let of = all.len() - few;
    let few = match few {
        0 => String::new(),
        few => format!("; {few} more had too few seeds"),
    };
    let head = match count {
        0 => format!(
            "On {pairs} seeds, none of {of} comparisons with {baseline} showed a difference"
        ),
        1 => format!("On {pairs} seeds, 1 of {of} comparisons with {baseline} showed a difference"),
        n => {
            format!("On {pairs} seeds, {n} of {of} comparisons with {baseline} showed a difference")
        }
    };
    format!("{head} in {title}{}{}{few}.", list(true, "better"), list(false, "worse"))
}

/// The headline where there is only the baseline.
fn alone(record: &ExperimentRecord, measure: &Measure, rows: &[&Row]) -> String {
    let baseline = label(record, &record.baseline);
    let Measure { unit, title, .. } = measure;
    let means: Vec<String> =
        rows.iter()
            .map(|row| {
                let n = row.summary.n;
                let place = place(record, &row.levels);
                let sd = row.summary.sd.map_or(String::new(), |sd| {
                    format!(", standard deviation {}", unit.show_size(sd))
                });
                format!("{}{place} (n = {n}{sd})", unit.show(row.summary.mean))
            })
            .collect();
    format!("{baseline} was run alone, so nothing is compared: {title} {}.", means.join(", "))
}

fn nothing_measured(record: &ExperimentRecord, measures: &[Measure]) -> String {
    if measures.is_empty() {
        return format!("No run is finished, so nothing can be said.{}", not_done(record));
    }
    let keys: Vec<&str> = measures.iter().map(|measure| measure.key.as_str()).collect();
    format!(
        "No finished run has a number for `{}`, so the question is open; measured are {}.{}",
        record.measure,
        keys.join(", "),
        not_done(record)
    )
}

/// What is still to be run, and what failed; empty, or with a space before it.
fn not_done(record: &ExperimentRecord) -> String {
    let count = |state| record.cells.iter().filter(|cell| cell.state == state).count();
    let (waiting, failed, all) = (count(State::Waiting), count(State::Failed), record.cells.len());
    let mut text = String::new();
    if waiting > 0 {
        text += &format!(" So far {} of {all} runs are done.", all - waiting);
    }
    if failed > 0 {
        text += &format!(" {failed} of {all} runs failed.");
    }
    text
}

/// How many runs of an arm failed at some levels; empty, or with a space before it.
fn failed(record: &ExperimentRecord, arm: &str, levels: &[String]) -> String {
    let cells = || record.cells.iter().filter(|cell| cell.arm == arm && cell.levels == levels);
    match cells().filter(|cell| cell.state == State::Failed).count() {
        0 => String::new(),
        failed => {
            format!(" {failed} of {} runs of {} failed.", cells().count(), label(record, arm))
        }
    }
}

/// At which levels, in words; empty without factors, or with a space before it.
fn place(record: &ExperimentRecord, levels: &[String]) -> String {
    let each: Vec<String> = record
        .factors
        .iter()
        .zip(levels)
        .map(|(factor, level)| format!("{} {level}", factor.name))
        .collect();
    if each.is_empty() { String::new() } else { format!(" at {}", each.join(" and ")) }
}

fn label<'a>(record: &'a ExperimentRecord, arm: &'a str) -> &'a str {
    record.arms.iter().find(|info| info.name == arm).map_or(arm, |info| info.label.as_str())
}

#[cfg(test)]
mod tests;
