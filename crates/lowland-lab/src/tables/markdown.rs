//! Tables for a README.

use std::fmt::Write;

use crate::experiment::{ExperimentRecord, State};
use crate::statistics::{Measure, Row, Statistics, show_p};

/// The question, the verdict, and a table for each measure, that of the question first.
pub(super) fn of(record: &ExperimentRecord, statistics: &Statistics) -> String {
    let mut text = format!(
        "# {}\n\n{}\n\n**{}**\n",
        line(&record.title),
        line(&record.question),
        line(&statistics.verdict.headline)
    );
    let finished = record.cells.iter().filter(|cell| cell.state == State::Finished).count();
    let seeds: Vec<String> = record.seeds.iter().map(ToString::to_string).collect();
    // A text is written to memory, which does not fail.
    let _ = write!(
        text,
        "\n{finished} of {} runs are finished; seeds {}. A mean is followed by the standard deviation \
         over n seeds. A difference is that of runs with the same seed, arm minus baseline, with its 95 % \
         confidence interval; p is that of the paired t test, corrected by Holm for all differences of \
         the measure.\n",
        record.cells.len(),
        seeds.join(", ")
    );
    let asked = |measure: &&Measure| measure.key == record.measure;
    let first = statistics.measures.iter().filter(asked);
    let others = statistics.measures.iter().filter(|measure| !asked(measure));
    for measure in first.chain(others) {
        text += &table(record, statistics, measure);
    }
    text
}

fn table(record: &ExperimentRecord, statistics: &Statistics, measure: &Measure) -> String {
    let mut heading: Vec<String> = record.factors.iter().map(|f| cell(&f.name)).collect();
    heading.extend(["arm", &cell(&measure.title), "n"].map(String::from));
    let mut rule = vec!["---"; heading.len() - 2];
    rule.extend(["---:"; 2]);
    if measure.tested {
        heading.extend(["difference", "p", "corrected p"].map(String::from));
        rule.extend(["---:"; 3]);
    }
    let rows = statistics.rows.iter().filter(|row| row.measure == measure.key);
    let rows: Vec<String> = rows.map(|row| joined(&cells(record, measure, row))).collect();
    let rule: Vec<String> = rule.into_iter().map(String::from).collect();
    format!(
        "\n## {}\n\n{}\n{}\n{}\n",
        line(&measure.title),
        joined(&heading),
        joined(&rule),
        rows.join("\n")
    )
}

fn cells(record: &ExperimentRecord, measure: &Measure, row: &Row) -> Vec<String> {
    let arm = record.arms.iter().find(|arm| arm.name == row.arm);
    let mut cells: Vec<String> = row.levels.iter().map(|level| cell(level)).collect();
    cells.push(cell(arm.map_or(&row.arm, |arm| &arm.label)));
    cells.push(measure.unit.show_summary(&row.summary));
    cells.push(row.summary.n.to_string());
    if measure.tested {
        cells.extend(match &row.difference {
            Some(difference) => {
                let mean = measure.unit.show_difference(difference.mean);
                let interval = measure.unit.show_interval(difference);
                let [p, corrected] = [difference.p, difference.p_corrected].map(show_p);
                [format!("{mean} {interval}"), p, corrected]
            }
            None if row.arm == record.baseline => ["baseline".into(), String::new(), String::new()],
            None => ["-".into(), String::new(), String::new()],
        });
    }
    cells
}

fn joined(cells: &[String]) -> String {
    format!("| {} |", cells.join(" | "))
}

/// A text on one line.
fn line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A text in a cell of a table.
fn cell(text: &str) -> String {
    line(text).replace('|', "\\|")
}
