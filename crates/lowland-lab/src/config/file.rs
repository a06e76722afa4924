//! An experiment's file with the changes of it: text in, [`Config`] out, places kept.

use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;

use super::error::{ConfigError, Location};
use super::read::{Fault, ReadError, Reader};
use super::suggest::nearest;
use super::tree::{Node, Place, TreeError};
use super::{Change, Config, change};
use crate::{Error, Result};

/// A [`Config`] that remembers where each of its values was written.
#[derive(Clone, Debug)]
pub struct ConfigFile {
    config: Config,
    source: Source,
}

/// The texts that a config was read from.
#[derive(Clone, Debug)]
struct Source {
    file: String,
    text: Arc<str>,
    changes: Vec<Change>,
    tree: Node,
}

impl ConfigFile {
    /// Reads a file and makes changes of it, one after the other.
    ///
    /// # Errors
    /// [`Error::File`] where it cannot be read, [`Error::Config`] for any mistake in it.
    pub fn read(path: &Path, changes: &[Change]) -> Result<ConfigFile> {
        let text =
            std::fs::read_to_string(path).map_err(Error::file("read the experiment", path))?;
        Self::parse(&path.display().to_string(), &text, changes)
    }

    /// Parses a text; `file` is its name in messages.
    ///
    /// # Errors
    /// [`Error::Config`] for any mistake in it.
    pub fn parse(file: &str, text: &str, changes: &[Change]) -> Result<ConfigFile> {
        let (file, text) = (file.to_string(), Arc::from(text));
        let tree = Node::parse(&text, &Place::File);
        let empty =
            || Node { value: super::tree::Value::Table(Vec::new()), place: Place::File(0..0) };
        let mut source = Source { file, text, changes: changes.to_vec(), tree: empty() };
        source.tree = tree.map_err(|error| source.not_toml(error))?;
        for (position, one) in changes.iter().enumerate() {
            let made = change::apply(one, position, &mut source.tree);
            made.map_err(|error| source.not_toml(error))?;
        }
        let reader = Reader { node: &source.tree, path: String::new() };
        let config = Config::deserialize(reader).map_err(|error| source.explain(error))?;
        Ok(ConfigFile { config, source })
    }

    /// The config.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The name of the file.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.source.file
    }

    /// A mistake in the value of a field, which may have been left to its default.
    #[must_use]
    pub fn error(
        &self,
        field: &str,
        problem: impl Into<String>,
        allowed: impl Into<String>,
    ) -> Error {
        let place = self.source.nearest_place(field);
        self.source.error(&place, field, problem.into(), allowed.into()).into()
    }

    /// The mistake of a field that has an impossible value.
    #[must_use]
    pub fn impossible(&self, field: &str, value: impl std::fmt::Display, allowed: &str) -> Error {
        self.error(field, format!("{value} is not possible"), allowed)
    }
}

impl Source {
    fn error(&self, place: &Place, field: &str, problem: String, allowed: String) -> ConfigError {
        let location = match place {
            Place::File(range) => {
                let (file, text) = (self.file.clone(), Arc::clone(&self.text));
                Location::File { file, text, range: range.clone() }
            }
            Place::Change(position) => match (self.changes[*position].clone(), self.file.clone()) {
                (Change::Set(argument), file) => Location::Set { argument, file },
                (Change::Unset(key), file) => Location::Unset { key, file },
            },
        };
        ConfigError { location, field: field.to_string(), problem, allowed }
    }

    fn not_toml(&self, error: TreeError) -> ConfigError {
        let allowed = match error.place {
            Place::File(_) => String::new(),
            Place::Change(position) => match &self.changes[position] {
                Change::Set(_) => {
                    "write it as key=value, where the value is written as in TOML".into()
                }
                Change::Unset(key) => self.near(key).unwrap_or_default(),
            },
        };
        self.error(&error.place, "", error.message, allowed)
    }

    /// Where a field was written, else the innermost table around it that was.
    fn nearest_place(&self, field: &str) -> Place {
        let mut path = field;
        loop {
            // A table's own range covers all its lines: its key is the place to point at.
            let found = self.tree.find(path).map(|node| match &node.value {
                super::tree::Value::Table(_) => self.tree.find_key(path).unwrap_or(&node.place),
                _ => &node.place,
            });
            match (found, path.rsplit_once('.')) {
                (Some(place), _) => return place.clone(),
                (None, Some((parent, _))) => path = parent,
                (None, None) => return Place::File(0..0),
            }
        }
    }

    /// Turns what serde found into what a person can act on.
    fn explain(&self, error: ReadError) -> ConfigError {
        let (path, mut place) = error.at.unwrap_or((String::new(), Place::File(0..0)));
        let join =
            |key: &str| if path.is_empty() { key.to_string() } else { format!("{path}.{key}") };
        match error.fault {
            Fault::UnknownField { field, known } => {
                let parent = match path.strip_suffix(&field) {
                    Some(parent) => parent.trim_end_matches('.'),
                    // Found after the table was buffered: the path ends at the table.
                    None => &path,
                };
                let field = if parent.is_empty() { field } else { format!("{parent}.{field}") };
                place = self.tree.find_key(&field).cloned().unwrap_or(place);
                let allowed = self.suggest(&field, parent, known);
                self.error(&place, &field, "unknown field".into(), allowed)
            }
            Fault::UnknownVariant { found, known } => {
                let near = nearest(&found, known.iter().copied());
                let near = near.map_or(String::new(), |name| format!("did you mean `{name}`? "));
                let allowed = format!("{near}one of {} is allowed", list(known));
                self.error(&place, &path, format!("`{found}` is unknown"), allowed)
            }
            Fault::Mismatch { found, allowed } => {
                self.error(&place, &path, format!("found {found}"), format!("{allowed} is allowed"))
            }
            Fault::Missing { field } => {
                let field = join(field);
                let place = self.nearest_place(&field);
                self.error(
                    &place,
                    &field,
                    "missing".into(),
                    "this field has no default, give it".into(),
                )
            }
            Fault::Other(message) => {
                let place = self.nearest_place(&path);
                self.error(&place, &path, message, String::new())
            }
        }
    }

    /// The nearest key that exists, and those of the table.
    fn suggest(&self, field: &str, parent: &str, known: &[&str]) -> String {
        let prefix = if parent.is_empty() { String::new() } else { format!("{parent}.") };
        let mut keys: Vec<String> = known.iter().map(|key| format!("{prefix}{key}")).collect();
        keys.extend(self.known_leaves());
        let near = nearest(field, keys.iter().map(String::as_str));
        let near = near.map_or(String::new(), |key| format!("did you mean `{key}`? "));
        let table = if parent.is_empty() { "the top level".into() } else { format!("`{parent}`") };
        format!("{near}the fields of {table} are {}", list(known))
    }

    /// The key of the file that is nearest to one that is not there.
    fn near(&self, key: &str) -> Option<String> {
        let keys = self.tree.keys();
        let near = nearest(key, keys.iter().map(String::as_str))?;
        Some(format!("did you mean `{near}`?"))
    }

    /// Every key of the config that the file gives without changes, defaults included;
    /// none where that is not a config.
    fn known_leaves(&self) -> Vec<String> {
        let Ok(tree) = Node::parse(&self.text, &Place::File) else { return Vec::new() };
        let reader = Reader { node: &tree, path: String::new() };
        let resolved = Config::deserialize(reader).ok().and_then(|config| config.to_toml().ok());
        let tree = resolved.and_then(|text| Node::parse(&text, &Place::File).ok());
        tree.map_or(Vec::new(), |tree| tree.leaves())
    }
}

fn list(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
