//! One JSON file and the tensors beside it.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::{Error, MAX_TOLERANCE, Result, Tensors};

/// A JSON file that describes golden cases.
#[derive(Clone, Debug)]
pub struct File {
    path: PathBuf,
    json: Value,
}

impl File {
    pub(super) fn open(path: PathBuf) -> Result<Self> {
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(source) => return Err(Error::Read { path, source }),
        };
        match serde_json::from_slice(&text) {
            Ok(json) => Ok(File { path, json }),
            Err(error) => Err(Error::Damaged { path, message: format!("is no JSON: {error}") }),
        }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The whole of it.
    #[must_use]
    pub fn json(&self) -> &Value {
        &self.json
    }

    /// A table at the top, such as that of the cases, sorted by name.
    ///
    /// # Errors
    /// [`Error::Entry`] where there is none, or where it is empty.
    pub fn table(&self, key: &str) -> Result<&Map<String, Value>> {
        match self.json.get(key).and_then(Value::as_object) {
            Some(table) if !table.is_empty() => Ok(table),
            Some(_) => Err(self.entry(key, "is empty")),
            None => Err(self.entry(key, "is no table")),
        }
    }

    /// A tolerance: the number at `place/name`, where `place` is a JSON pointer (RFC 6901) to the
    /// table, such as `/tolerance` or `/cases/adam/tolerance`.
    ///
    /// # Errors
    /// [`Error::Entry`] where it is missing, not above 0, or above [`MAX_TOLERANCE`].
    pub fn tolerance(&self, place: &str, name: &str) -> Result<f64> {
        let pointer = format!("{place}/{name}");
        let number = self.json.pointer(&pointer).and_then(Value::as_f64);
        match number {
            Some(value) if value > 0.0 && value <= MAX_TOLERANCE => Ok(value),
            Some(value) => Err(self.entry(
                &pointer,
                format!("is {value:e}, but a tolerance is above 0 and at most {MAX_TOLERANCE:e}"),
            )),
            None => Err(self.entry(&pointer, "is no number")),
        }
    }

    /// The tensors in the `.safetensors` file of the same name.
    ///
    /// # Errors
    /// As [`Tensors::open`].
    pub fn tensors(&self) -> Result<Tensors> {
        Tensors::open(&self.path.with_extension("safetensors"))
    }

    /// The tensors in `NAME.safetensors` beside this file, for a JSON that several files share.
    ///
    /// # Errors
    /// As [`Tensors::open`].
    pub fn tensors_named(&self, name: &str) -> Result<Tensors> {
        Tensors::open(&self.path.with_file_name(format!("{name}.safetensors")))
    }

    /// An error about an entry of this file, for checkers to return.
    pub fn entry(&self, entry: &str, message: impl Into<String>) -> Error {
        Error::Entry { path: self.path.clone(), entry: entry.to_owned(), message: message.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tolerance_must_say_something() {
        let json = r#"{"cases": {"a": {"tolerance": {"x": 1e-6, "zero": 0, "wide": 1, "text": "1"}}}, "none": {}}"#;
        let file = File { path: "a.json".into(), json: serde_json::from_str(json).unwrap() };
        let place = "/cases/a/tolerance";
        assert_eq!(file.tolerance(place, "x").unwrap(), 1e-6);
        for name in ["zero", "wide", "text", "absent"] {
            assert!(file.tolerance(place, name).is_err(), "{name}");
        }
        assert_eq!(file.table("cases").unwrap().len(), 1);
        assert_eq!(file.table("none").unwrap_err().to_string(), "a.json: `none` is empty");
        assert!(file.table("source").is_err());
    }
}
