//! A mistake in an experiment: where it is, which field, what was found and what is allowed.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// A mistake in an experiment's file or in a change of it.
///
/// Prints as one line: the file with line and column (or the argument), the field, what was
/// found, and what is allowed.
#[derive(Clone, Debug)]
pub struct ConfigError {
    pub(crate) location: Location,
    pub(crate) field: String,
    pub(crate) problem: String,
    pub(crate) allowed: String,
}

/// Where a mistake was written.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Location {
    /// In the file.
    File {
        /// The file, as it was named.
        file: String,
        /// The whole of its text.
        text: Arc<str>,
        /// The bytes in question.
        range: Range<usize>,
    },
    /// In a `--set` argument.
    Set {
        /// The argument.
        argument: String,
        /// The file it was set over.
        file: String,
    },
    /// In an `--unset` argument.
    Unset {
        /// The argument.
        key: String,
        /// The file it was to be taken out of.
        file: String,
    },
}

impl ConfigError {
    /// Where the mistake is.
    #[must_use]
    pub fn location(&self) -> &Location {
        &self.location
    }

    /// The dotted path of the field; empty where the file cannot be parsed.
    #[must_use]
    pub fn field(&self) -> &str {
        &self.field
    }

    /// What is wrong.
    #[must_use]
    pub fn problem(&self) -> &str {
        &self.problem
    }

    /// What would be right; empty where the problem says it all.
    #[must_use]
    pub fn allowed(&self) -> &str {
        &self.allowed
    }
}

impl Location {
    /// Line and column, both from 1 and the column in characters; `None` outside the file.
    #[must_use]
    pub fn line_and_column(&self) -> Option<(usize, usize)> {
        let Location::File { text, range, .. } = self else { return None };
        let before = text.get(..range.start).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Some((1 + before.matches('\n').count(), 1 + before[line_start..].chars().count()))
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self, self.line_and_column()) {
            (Location::File { file, .. }, Some((line, column))) => {
                write!(f, "{file}, line {line}, column {column}")
            }
            (Location::File { file, .. }, None) => f.write_str(file),
            (Location::Set { argument, file }, _) => write!(f, "--set {argument} (over {file})"),
            (Location::Unset { key, file }, _) => write!(f, "--unset {key} (from {file})"),
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.location)?;
        if !self.field.is_empty() {
            write!(f, "field `{}`: ", self.field)?;
        }
        f.write_str(&self.problem)?;
        if !self.allowed.is_empty() {
            write!(f, "; {}", self.allowed)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}
