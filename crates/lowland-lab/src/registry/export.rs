//! Runs as rows of a table: config, end and results, a column each.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Found, status_of};
use crate::metrics::Picked;
use crate::past::PastRun;

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

/// Rows as comma-separated values (RFC 4180) with a heading of all columns; what a row has not is empty,
/// and a list is written as JSON.
#[must_use]
pub fn csv(rows: &[Row]) -> String {
    let mut columns: Vec<&String> = rows.iter().flat_map(BTreeMap::keys).collect();
    columns.sort();
    columns.dedup();
    let line = |cells: Vec<String>| format!("{}\r\n", cells.join(","));
    let heading = line(columns.iter().map(|column| quoted(column)).collect());
    let cells = |row: &Row| columns.iter().map(|column| cell(row.get(*column))).collect();
    rows.iter().map(|row| line(cells(row))).fold(heading, |text, line| text + &line)
}

fn cell(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => quoted(text),
        Some(value) => quoted(&value.to_string()),
    }
}

fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_string()
    }
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
        assert_eq!(csv(&rows), "a,b,c\r\n\"x, \"\"y\"\"\",0.1,\r\n,,\"[1,2]\"\r\n");
    }
}
