//! Which runs are meant: by their status and the fields of their configs.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Found;
use crate::config::{Node, Place, nearest};
use crate::record::Ended;
use crate::{Error, Result};

/// What is asked of a run.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Its status, as [`status_of`] has it.
    pub status: Option<String>,
    /// Fields of its config, by dotted keys, with their values.
    pub fields: BTreeMap<String, Value>,
}

/// How a run ended, in a word: `running`, `finished`, `interrupted`, `failed` or `damaged`.
#[must_use]
pub fn status_of(found: &Found) -> &'static str {
    match found {
        Found::Damaged { .. } => "damaged",
        Found::Run(run) => match run.json.ended {
            Ended::Running => "running",
            Ended::Finished => "finished",
            Ended::Interrupted { .. } => "interrupted",
            Ended::Failed { .. } => "failed",
        },
    }
}

impl Filter {
    /// A filter of a status and `key=value` texts, whose values are written as in TOML; what is not
    /// TOML is a text without quotes.
    ///
    /// # Errors
    /// [`Error::Usage`] for a text without `=`.
    pub fn new(status: Option<&str>, fields: &[String]) -> Result<Filter> {
        let field = |text: &String| {
            let (key, value) = text.split_once('=').ok_or_else(|| {
                Error::Usage(format!("--where {text}: there is no `=`; write it as key=value"))
            })?;
            Ok((key.trim().to_string(), parsed(value.trim())))
        };
        let fields = fields.iter().map(field).collect::<Result<_>>()?;
        Ok(Filter { status: status.map(str::to_string), fields })
    }

    /// Those of the runs that are meant.
    ///
    /// # Errors
    /// [`Error::Usage`] for a field that no run has.
    pub fn choose(&self, all: Vec<Found>) -> Result<Vec<Found>> {
        let known: Vec<BTreeMap<String, Value>> = all.iter().map(fields_of).collect();
        for key in self.fields.keys() {
            if !known.is_empty() && !known.iter().any(|fields| fields.contains_key(key)) {
                return Err(unknown(key, &known));
            }
        }
        let meant = |(found, fields): &(Found, BTreeMap<String, Value>)| {
            let same = |(key, value): (&String, &Value)| {
                fields.get(key).is_some_and(|there| equal(there, value))
            };
            self.status.as_deref().is_none_or(|status| status == status_of(found))
                && self.fields.iter().all(same)
        };
        Ok(all.into_iter().zip(known).filter(meant).map(|(found, _)| found).collect())
    }
}

fn fields_of(found: &Found) -> BTreeMap<String, Value> {
    match found {
        Found::Run(run) => run.config.fields(),
        Found::Damaged { .. } => BTreeMap::new(),
    }
}

fn unknown(key: &str, known: &[BTreeMap<String, Value>]) -> Error {
    let keys = known.iter().flatten().map(|(key, _)| key.as_str());
    let near = nearest(key, keys).map_or(String::new(), |near| format!("; did you mean `{near}`?"));
    Error::Usage(format!("no run has a field `{key}` in its config{near}"))
}

fn parsed(value: &str) -> Value {
    let nowhere = |_| Place::File(0..0);
    let document = Node::parse(&format!("value = {value}"), &nowhere).ok();
    let value_of = |document: Node| document.find("value").and_then(Node::to_json);
    document.and_then(value_of).unwrap_or_else(|| Value::from(value))
}

/// Whether two values are the same; numbers are compared as numbers.
fn equal(a: &Value, b: &Value) -> bool {
    match (a.as_f64(), b.as_f64()) {
        (Some(a), Some(b)) => a == b,
        _ => a == b,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_toml_or_words_and_numbers_are_numbers() {
        let filter = Filter::new(None, &["a.b = 1e-3".into(), "c=digits".into()]).unwrap();
        assert_eq!(filter.fields["a.b"], Value::from(1e-3));
        assert_eq!(filter.fields["c"], Value::from("digits"));
        assert!(equal(&Value::from(1), &Value::from(1.0)) && !equal(&Value::from("1"), &1.into()));
        let error = Filter::new(None, &["x".into()]).unwrap_err();
        assert_eq!((error.exit_code(), error.to_string().contains("key=value")), (2, true));
    }
}
