//! Runs as rows of a table: config, end and results, a column each.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{Found, status_of};
use crate::metrics::Picked;
use crate::past::PastRun;
use crate::{Error, Result};

/// A run as a row: columns by name.
pub type Row = BTreeMap<String, Value>;

/// A row a run: `folder` and `status`; `config.` with each field of the config; each accuracy by the rule
/// that picked its epoch; the losses of the last epoch; what it took. A damaged run has a `problem`.
#[must_use]
pub fn rows(runs: &[Found]) -> Vec<Row> {
    runs.iter().map(row).collect()
}

fn row(found: &Found) -> Row {
    let mut row = Row::new();
    row.insert("folder".into(), json!(found.folder()));
    row.insert("status".into(), json!(status_of(found)));
    match found {
        Found::Run(run) => fill(&mut row, run),
        Found::Damaged { problem, .. } => {
            row.insert("problem".into(), json!(problem));
        }
    }
    row
}

fn fill(row: &mut Row, run: &PastRun) {
    row.extend(
        run.config.fields().into_iter().map(|(key, value)| (format!("config.{key}"), value)),
    );
    let json = &run.json;
    if let Some(results) = json.results {
        let mut picked = |epoch: &str, test: &str, val: &str, picked: Picked| {
            row.insert(epoch.into(), json!(picked.epoch));
            row.insert(test.into(), json!(picked.test_acc));
            row.insert(val.into(), json!(picked.val_acc));
        };
        picked("final_epoch", "final_test_acc", "final_val_acc", results.final_epoch);
        picked("best_test_epoch", "best_test_acc", "best_test_val_acc", results.best_test_epoch);
        if let Some(selected) = results.validation_selected_epoch {
            let test = "validation_selected_test_acc";
            picked("validation_selected_epoch", test, "validation_selected_val_acc", selected);
        }
    }
    if let Some(last) = run.epochs.last() {
        row.insert("final_train_loss".into(), json!(last.train_loss));
        row.insert("final_test_loss".into(), json!(last.test_loss));
    }
    let columns = [
        ("epochs_done", json!(json.epochs_done)),
        ("started", json!(json.started)),
        ("seconds", json!(json.seconds)),
        ("device", json!(json.run.device)),
        ("parameters", json!(json.run.model.parameters)),
    ];
    row.extend(columns.map(|(key, value)| (key.to_string(), value)));
}

/// Rows as comma-separated values with a heading of all columns; what a row has not is empty, and a list
/// is written as JSON.
///
/// # Errors
/// None: it is written to memory.
pub fn csv(rows: &[Row]) -> Result<Vec<u8>> {
    let failed = |error: &dyn std::fmt::Display| {
        Error::Usage(format!("the runs cannot be written as CSV: {error}"))
    };
    let columns: BTreeSet<&String> = rows.iter().flat_map(BTreeMap::keys).collect();
    let mut csv = csv::Writer::from_writer(Vec::new());
    csv.write_record(&columns).map_err(|error| failed(&error))?;
    for row in rows {
        let cells = columns.iter().map(|column| match row.get(*column) {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => text.clone(),
            Some(value) => value.to_string(),
        });
        csv.write_record(cells).map_err(|error| failed(&error))?;
    }
    csv.into_inner().map_err(|error| failed(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_and_quotes_are_quoted_and_what_is_missing_is_empty() {
        let row = |cells: &[(&str, Value)]| {
            cells.iter().map(|(key, value)| (key.to_string(), value.clone())).collect::<Row>()
        };
        let rows = [
            row(&[("a", json!("x, \"y\"")), ("b", json!(0.1))]),
            row(&[("a", json!(null)), ("c", json!([1, 2]))]),
        ];
        let csv = String::from_utf8(csv(&rows).unwrap()).unwrap();
        assert_eq!(csv, "a,b,c\n\"x, \"\"y\"\"\",0.1,\n,,\"[1,2]\"\n");
    }
}
