//! The texts that a config was read from: what was written where, and mistakes told with their places.

use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::change;
use super::error::{ConfigError, Location};
use super::read::{Fault, ReadError, Reader};
use super::suggest::nearest;
use super::tree::{Node, Place, TreeError, Value};
use super::{Change, Config};
use crate::{Error, Result};

/// A file, the changes of it, and the tree that both give.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// What messages call the file.
    pub(crate) file: String,
    text: Arc<str>,
    changes: Vec<Change>,
    /// What the changes were made of.
    unchanged: Arc<Node>,
    pub(crate) tree: Node,
}

impl Source {
    /// Reads a file.
    ///
    /// # Errors
    /// [`Error::File`] where it cannot be read, [`Error::Config`] where it is not TOML.
    pub(crate) fn read(path: &Path) -> Result<Source> {
        let text =
            std::fs::read_to_string(path).map_err(Error::file("read the experiment", path))?;
        Ok(Self::parse(&path.display().to_string(), &text)?)
    }

    /// Parses a text; `file` is its name in messages.
    pub(crate) fn parse(file: &str, text: &str) -> Result<Source, ConfigError> {
        let empty = Node { value: Value::Table(Vec::new()), place: Place::File(0..0) };
        let (file, text) = (file.to_string(), Arc::from(text));
        let mut source = Source {
            file,
            text,
            changes: Vec::new(),
            unchanged: Arc::new(empty.clone()),
            tree: empty,
        };
        source.tree =
            Node::parse(&source.text, &Place::File).map_err(|error| source.not_toml(error))?;
        source.unchanged = Arc::new(source.tree.clone());
        Ok(source)
    }

    /// The text of the whole file.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The text at a place; empty outside the file.
    pub(crate) fn written(&self, place: &Place) -> &str {
        match place {
            Place::File(range) => self.text.get(range.clone()).unwrap_or_default(),
            Place::Change(_) => "",
        }
    }

    /// A part of the file as a source of its own, which messages call `file`.
    pub(crate) fn part(&self, file: String, tree: Node) -> Source {
        let (text, unchanged) = (Arc::clone(&self.text), Arc::new(tree.clone()));
        Source { file, text, changes: Vec::new(), unchanged, tree }
    }

    /// Makes changes, one after the other.
    pub(crate) fn change(&mut self, changes: &[Change]) -> Result<(), ConfigError> {
        for one in changes {
            self.changes.push(one.clone());
            let made = change::apply(one, self.changes.len() - 1, &mut self.tree);
            made.map_err(|error| self.not_toml(error))?;
        }
        Ok(())
    }

    /// What it says, as a type of Rust.
    pub(crate) fn deserialize<T: DeserializeOwned>(&self) -> Result<T, ConfigError> {
        let reader = Reader { node: &self.tree, path: String::new() };
        T::deserialize(reader).map_err(|error| self.explain(error))
    }

    /// A mistake in the value of a field, which may have been left out.
    pub(crate) fn mistake(
        &self,
        field: &str,
        problem: impl Into<String>,
        allowed: impl Into<String>,
    ) -> ConfigError {
        self.error(&self.nearest_place(field), field, problem.into(), allowed.into())
    }

    pub(crate) fn error(
        &self,
        place: &Place,
        field: &str,
        problem: String,
        allowed: String,
    ) -> ConfigError {
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
                Value::Table(_) => self.tree.find_key(path).unwrap_or(&node.place),
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
    pub(crate) fn near(&self, key: &str) -> Option<String> {
        let keys = self.tree.keys();
        let near = nearest(key, keys.iter().map(String::as_str))?;
        Some(format!("did you mean `{near}`?"))
    }

    /// Every key of the config that there is without the changes, defaults included; none where that is
    /// not a config.
    fn known_leaves(&self) -> Vec<String> {
        let reader = Reader { node: &self.unchanged, path: String::new() };
        let resolved = Config::deserialize(reader).ok().and_then(|config| config.to_toml().ok());
        let tree = resolved.and_then(|text| Node::parse(&text, &Place::File).ok());
        tree.map_or(Vec::new(), |tree| tree.leaves())
    }
}

fn list(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
