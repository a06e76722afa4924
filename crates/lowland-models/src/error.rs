//! What can go wrong with a model: its configuration, its weights, or the engine below it.

use std::fmt;
use std::path::PathBuf;

use lowland_core::Shape;

/// A result whose error is [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong with a model.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An op, a buffer or a backend failed.
    #[error(transparent)]
    Engine(#[from] lowland_core::Error),

    /// A field of a [`ModelConfig`](crate::ModelConfig) has an impossible value.
    #[error("{field}: {message}")]
    Config {
        /// The field, relative to the model's table.
        field: &'static str,
        /// What is wrong, and which values are allowed.
        message: String,
    },

    /// A state dict does not fit the model. Nothing was loaded.
    #[error(transparent)]
    Mismatch(Box<Mismatch>),

    /// A file could not be read or written.
    #[error("cannot {action} {}: {source}", path.display())]
    File {
        /// `"read"` or `"write"`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },

    /// A file is not a safetensors file, or holds what cannot be weights.
    #[error("{}: {message}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and where.
        message: String,
    },
}

impl Error {
    pub(crate) fn config(field: &'static str, message: impl Into<String>) -> Self {
        Error::Config { field, message: message.into() }
    }
}

/// Where a state dict and a model differ.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mismatch {
    /// Names of the model that the state dict lacks.
    pub missing: Vec<String>,
    /// Names of the state dict that the model lacks.
    pub unexpected: Vec<String>,
    /// Names that both have, with different shapes.
    pub wrong_shape: Vec<WrongShape>,
}

/// One name whose shapes differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrongShape {
    /// The name.
    pub name: String,
    /// The shape in the model.
    pub expected: Shape,
    /// The extents in the state dict.
    pub found: Vec<usize>,
}

impl fmt::Display for WrongShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is {:?}, not {}", self.name, self.found, self.expected)
    }
}

/// Names shown of each kind in a message; the others are counted.
const SHOWN: usize = 10;

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the state dict is not of this model:")?;
        let mut separator = "";
        let mut list = |f: &mut fmt::Formatter<'_>, what: &str, names: &[String]| {
            if names.is_empty() {
                return Ok(());
            }
            let shown = &names[..names.len().min(SHOWN)];
            write!(f, "{separator} {} {what} ({}", names.len(), shown.join(", "))?;
            separator = ";";
            match names.len() - shown.len() {
                0 => write!(f, ")"),
                more => write!(f, ", and {more} more)"),
            }
        };
        list(f, "missing", &self.missing)?;
        list(f, "unexpected", &self.unexpected)?;
        let wrong: Vec<String> = self.wrong_shape.iter().map(ToString::to_string).collect();
        list(f, "of another shape", &wrong)
    }
}

impl std::error::Error for Mismatch {}
