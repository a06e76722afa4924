//! The fields of a config by their dotted keys, and where two configs differ.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Config;

/// A field that two configs give different values.
#[derive(Clone, Debug, PartialEq)]
pub struct Differing {
    /// Its dotted key.
    pub key: String,
    /// Its value in the first; none where it is not there.
    pub first: Option<Value>,
    /// Its value in the second; none where it is not there.
    pub second: Option<Value>,
}

impl Config {
    /// Every field with its value, defaults included, by dotted keys. Lists are values, and so are tables
    /// without fields.
    #[must_use]
    pub fn fields(&self) -> BTreeMap<String, Value> {
        let mut fields = BTreeMap::new();
        // A config is made of texts, numbers and tables: all of it has a form in JSON.
        flatten("", serde_json::to_value(self).unwrap_or_default(), &mut fields);
        fields
    }

    /// The fields that differ from another config's.
    #[must_use]
    pub fn differing(&self, other: &Config) -> Vec<Differing> {
        let (first, second) = (self.fields(), other.fields());
        let mut keys: Vec<&String> = first.keys().chain(second.keys()).collect();
        keys.sort();
        keys.dedup();
        let differs = |key: &&String| first.get(*key) != second.get(*key);
        let differing = keys.into_iter().filter(differs).map(|key| Differing {
            key: key.clone(),
            first: first.get(key).cloned(),
            second: second.get(key).cloned(),
        });
        differing.collect()
    }
}

fn flatten(path: &str, value: Value, into: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (key, value) in fields {
                let path = if path.is_empty() { key } else { format!("{path}.{key}") };
                flatten(&path, value, into);
            }
        }
        value => {
            into.insert(path.to_string(), value);
        }
    }
}

/// What differs, for people.
pub(crate) fn in_words(differing: &[Differing]) -> String {
    let value =
        |value: &Option<Value>| value.as_ref().map_or("not set".to_string(), ToString::to_string);
    let field = |d: &Differing| {
        format!("`{}` is {} there and {} now", d.key, value(&d.first), value(&d.second))
    };
    differing.iter().map(field).collect::<Vec<_>>().join(", ")
}
