//! Rows of runs and of epochs, as CSV and as JSON.

use serde::Serialize;
use serde_json::{Value, json};

use super::compact;
use crate::experiment::{Cell, ExperimentRecord};
use crate::metrics::EpochMetrics;
use crate::statistics::{Definition, MeasuredRun};
use crate::{Error, Result};

/// The columns of an epoch, in their order. Those that no epoch has a value in are left out.
const EPOCH: [&str; 13] = [
    "epoch",
    "train_loss",
    "train_acc",
    "val_loss",
    "val_acc",
    "test_loss",
    "test_acc",
    "lr",
    "deformation_slope",
    "block_coefficients",
    "skipped_steps",
    "images_per_s",
    "seconds",
];

/// Rows with the same columns.
pub(super) struct Rows {
    columns: Vec<String>,
    rows: Vec<Vec<Value>>,
}

impl Rows {
    /// As CSV with a heading: a cell is empty where there is no value, and a list is one of JSON.
    ///
    /// # Errors
    /// None: it is written to memory.
    pub(super) fn csv(&self) -> Result<Vec<u8>> {
        let failed = |error: &dyn std::fmt::Display| {
            Error::Usage(format!("a table cannot be written as CSV: {error}"))
        };
        let mut csv = csv::Writer::from_writer(Vec::new());
        csv.write_record(&self.columns).map_err(|error| failed(&error))?;
        for row in &self.rows {
            let cells = row.iter().map(|value| match value {
                Value::Null => String::new(),
                Value::String(text) => text.clone(),
                value => value.to_string(),
            });
            csv.write_record(cells).map_err(|error| failed(&error))?;
        }
        csv.into_inner().map_err(|error| failed(&error))
    }

    /// As a list of objects, one a line.
    ///
    /// # Errors
    /// None: every value is one of JSON.
    pub(super) fn json(&self) -> Result<String> {
        let row = |row: &Vec<Value>| compact(&Object(self.columns.iter().zip(row).collect()));
        let rows: Vec<String> = self.rows.iter().map(row).collect::<Result<_>>()?;
        Ok(format!("[\n{}\n]\n", rows.join(",\n")))
    }
}

/// An object whose fields keep their order.
struct Object<'a>(Vec<(&'a String, &'a Value)>);

impl Serialize for Object<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().copied())
    }
}

/// A row a run of the grid; those that are not finished have no numbers.
pub(super) fn of_runs(record: &ExperimentRecord, runs: &[MeasuredRun]) -> Rows {
    let definitions = Definition::of_runs(runs);
    let mut columns = cell_columns(record);
    columns.push("state".into());
    columns.extend(definitions.iter().map(|definition| definition.measure.key.clone()));
    let row = |cell: &Cell| {
        let run = runs.iter().find(|run| run.cell.folder == cell.folder);
        let mut row = cell_values(cell);
        row.push(json!(cell.state));
        row.extend(definitions.iter().map(|definition| {
            run.and_then(|run| definition.number_of(run)).map_or(Value::Null, Value::from)
        }));
        row
    };
    Rows { columns, rows: record.cells.iter().map(row).collect() }
}

/// A row an epoch of each finished run.
///
/// # Errors
/// None: epochs were read from JSON.
pub(super) fn of_epochs(record: &ExperimentRecord, runs: &[MeasuredRun]) -> Result<Rows> {
    let mut epochs: Vec<(&Cell, Value)> = Vec::new();
    for run in runs {
        for epoch in &run.run.epochs {
            epochs.push((&run.cell, fields(epoch)?));
        }
    }
    let used = |name: &&str| epochs.iter().any(|(_, epoch)| !epoch[*name].is_null());
    let names: Vec<&str> = EPOCH.into_iter().filter(used).collect();
    let mut columns = cell_columns(record);
    columns.extend(names.iter().map(ToString::to_string));
    let row = |(cell, epoch): &(&Cell, Value)| {
        let mut row = cell_values(cell);
        row.extend(names.iter().map(|name| epoch[*name].clone()));
        row
    };
    Ok(Rows { columns, rows: epochs.iter().map(row).collect() })
}

fn fields(epoch: &EpochMetrics) -> Result<Value> {
    serde_json::to_value(epoch).map_err(|error| Error::Usage(error.to_string()))
}

/// What tells a run from the others.
fn cell_columns(record: &ExperimentRecord) -> Vec<String> {
    let mut columns = vec!["run".to_string(), "arm".into()];
    columns.extend(record.factors.iter().map(|factor| factor.key.clone()));
    columns.push("seed".into());
    columns
}

fn cell_values(cell: &Cell) -> Vec<Value> {
    // A level that is a number is one here too.
    let level = |level: &String| serde_json::from_str(level).unwrap_or_else(|_| json!(level));
    let mut values = vec![json!(cell.folder), json!(cell.arm)];
    values.extend(cell.levels.iter().map(level));
    values.push(json!(cell.seed));
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_of_an_epoch_has_a_column() {
        let epoch = EpochMetrics {
            epoch: 1,
            train_loss: 1.0,
            train_acc: 0.5,
            val_loss: Some(1.0),
            val_acc: Some(0.5),
            test_loss: 1.0,
            test_acc: 0.5,
            lr: 0.1,
            deformation_slope: Some(1.0),
            block_coefficients: Some(vec![0.5]),
            skipped_steps: Some(1),
            images_per_s: 1.0,
            seconds: 1.0,
        };
        let fields = fields(&epoch).unwrap();
        let mut names: Vec<&str> = fields.as_object().unwrap().keys().map(String::as_str).collect();
        let mut columns = EPOCH.to_vec();
        names.sort_unstable();
        columns.sort_unstable();
        assert_eq!(columns, names);
    }

    #[test]
    fn texts_are_quoted_and_what_is_missing_is_empty() {
        let rows = Rows {
            columns: vec!["b".into(), "a".into()],
            rows: vec![vec![json!("x, \"y\""), json!(1e-7)], vec![Value::Null, json!([1.0, 2.5])]],
        };
        let csv = String::from_utf8(rows.csv().unwrap()).unwrap();
        assert_eq!(csv, "b,a\n\"x, \"\"y\"\"\",1e-7\n,\"[1.0,2.5]\"\n");
        let want = "[\n{\"b\":\"x, \\\"y\\\"\",\"a\":1e-7},\n{\"b\":null,\"a\":[1.0,2.5]}\n]\n";
        assert_eq!(rows.json().unwrap(), want);
    }
}
