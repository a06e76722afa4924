//! An experiment's file with the changes of it: text in, [`Config`] out, places kept.

use std::path::Path;

use super::source::Source;
use super::{Change, Config};
use crate::{Error, Result};

/// A [`Config`] that remembers where each of its values was written.
#[derive(Clone, Debug)]
pub struct ConfigFile {
    config: Config,
    source: Source,
}

impl ConfigFile {
    /// Reads a file and makes changes of it, one after the other.
    ///
    /// # Errors
    /// [`Error::File`] where it cannot be read, [`Error::Config`] for any mistake in it.
    pub fn read(path: &Path, changes: &[Change]) -> Result<ConfigFile> {
        Self::of(Source::read(path)?, changes)
    }

    /// Parses a text; `file` is its name in messages.
    ///
    /// # Errors
    /// [`Error::Config`] for any mistake in it.
    pub fn parse(file: &str, text: &str, changes: &[Change]) -> Result<ConfigFile> {
        Self::of(Source::parse(file, text)?, changes)
    }

    /// Makes changes of what was written, and reads it.
    pub(crate) fn of(mut source: Source, changes: &[Change]) -> Result<ConfigFile> {
        source.change(changes)?;
        Ok(ConfigFile { config: source.deserialize()?, source })
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
        self.source.mistake(field, problem, allowed).into()
    }

    /// The mistake of a field that has an impossible value.
    #[must_use]
    pub fn impossible(&self, field: &str, value: impl std::fmt::Display, allowed: &str) -> Error {
        self.error(field, format!("{value} is not possible"), allowed)
    }
}
