//! Small tables.

use std::fmt;

use super::percent;
use crate::metrics::{Picked, Results};

/// How the cells of a column stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Names.
    Left,
    /// Numbers.
    Right,
}

/// A table with a heading, a rule, and rows.
#[derive(Clone, Debug)]
pub struct Table {
    columns: Vec<Align>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these columns.
    #[must_use]
    pub fn new(columns: &[(&str, Align)]) -> Table {
        let heading = columns.iter().map(|(name, _)| (*name).to_string()).collect();
        Table { columns: columns.iter().map(|(_, align)| *align).collect(), rows: vec![heading] }
    }

    /// Adds a row; missing cells stay empty.
    pub fn row<S: Into<String>>(&mut self, cells: impl IntoIterator<Item = S>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cell = |row: &[String], i: usize| row.get(i).cloned().unwrap_or_default();
        let width = |i| self.rows.iter().map(|row| cell(row, i).chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..self.columns.len()).map(width).collect();
        let rule: usize = widths.iter().sum::<usize>() + 3 * widths.len().saturating_sub(1);
        for (number, row) in self.rows.iter().enumerate() {
            let mut line = String::new();
            for (i, (&width, align)) in widths.iter().zip(&self.columns).enumerate() {
                let gap = if i == 0 { "" } else { "   " };
                let text = cell(row, i);
                line += &match align {
                    Align::Left => format!("{gap}{text:<width$}"),
                    Align::Right => format!("{gap}{text:>width$}"),
                };
            }
            writeln!(f, "{}", line.trim_end())?;
            if number == 0 {
                writeln!(f, "{}", "─".repeat(rule))?;
            }
        }
        Ok(())
    }
}

/// The accuracies of runs, each with the rule that picked its epoch.
#[must_use]
pub fn results_table(runs: &[(&str, &Results)]) -> String {
    use Align::{Left, Right};
    let mut table = Table::new(&[
        ("run", Left),
        ("epoch picked as", Left),
        ("epoch", Right),
        ("validation accuracy", Right),
        ("test accuracy", Right),
    ]);
    for (name, results) in runs {
        let picked = [
            ("final", Some(results.final_epoch)),
            ("validation-selected", results.validation_selected_epoch),
            ("best test (upper bound)", Some(results.best_test_epoch)),
        ];
        let mut name = *name;
        for (rule, picked) in picked {
            let Some(Picked { epoch, val_acc, test_acc }) = picked else { continue };
            let validation = val_acc.map_or("-".into(), percent);
            table.row([
                name.into(),
                rule.to_string(),
                epoch.to_string(),
                validation,
                percent(test_acc),
            ]);
            name = "";
        }
    }
    format!("{table}One seed a run (n = 1): the spread between seeds is not known.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let mut table = Table::new(&[("name", Align::Left), ("count", Align::Right)]);
        table.row(["a", "1"]);
        table.row(["long name", "1,000"]);
        table.row(["b"]);
        let want =
            "name        count\n─────────────────\na               1\nlong name   1,000\nb\n";
        assert_eq!(table.to_string(), want);
    }

    #[test]
    fn every_accuracy_says_how_its_epoch_was_picked() {
        let picked = |epoch, test_acc| Picked { epoch, val_acc: Some(0.5), test_acc };
        let results = Results {
            final_epoch: picked(9, 0.901),
            validation_selected_epoch: Some(picked(7, 0.905)),
            best_test_epoch: picked(8, 0.91),
        };
        let text = results_table(&[("sgd", &results)]);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[2].starts_with("sgd   final ") && lines[2].ends_with("90.10 %"), "{text}");
        assert!(lines[3].contains("validation-selected") && lines[3].ends_with("90.50 %"));
        assert!(lines[4].contains("best test") && lines[4].ends_with("91.00 %"));
        assert!(lines[5].contains("n = 1"));
    }
}
