//! The one error type of the engine: it names the op, both shapes, and what to do.

use crate::{DType, Shape};

/// A result whose error is [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong in an op, a buffer or a backend.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A backend lacks an op. It never falls back silently.
    #[error("the {backend} backend cannot run {op} on {dtype}")]
    Unsupported {
        /// The name of the op.
        op: String,
        /// The name of the backend.
        backend: String,
        /// The element type asked for.
        dtype: DType,
    },

    /// Two shapes do not fit together.
    #[error("{op}: shapes {left} and {right} do not fit: {why}")]
    Shapes {
        /// The name of the op.
        op: &'static str,
        /// The first shape.
        left: Shape,
        /// The second shape.
        right: Shape,
        /// Which rule they break.
        why: String,
    },

    /// A size, flag or value that the op cannot have.
    #[error("{op}: {message}")]
    Invalid {
        /// The name of the op, or of what was asked.
        op: &'static str,
        /// What is wrong and what would be right.
        message: String,
    },

    /// A buffer handed to an op has the wrong length or element type.
    #[error("{op}: operand `{operand}` needs {want_len} elements of {want}, got {len} of {dtype}")]
    Operand {
        /// The name of the op.
        op: &'static str,
        /// The name of the operand.
        operand: &'static str,
        /// The length that the op needs.
        want_len: usize,
        /// The element type that the op needs.
        want: &'static str,
        /// The length of the buffer.
        len: usize,
        /// The element type of the buffer.
        dtype: DType,
    },

    /// An op was handed the wrong number of buffers.
    #[error("{op}: needs {want} {side}, got {got}")]
    Arity {
        /// The name of the op.
        op: &'static str,
        /// `"inputs"` or `"outputs"`.
        side: &'static str,
        /// The number that the op needs.
        want: usize,
        /// The number that it was handed.
        got: usize,
    },

    /// An output overlaps another operand.
    #[error("{op}: {output} overlaps {other}; an output needs memory of its own")]
    Overlap {
        /// The name of the op.
        op: &'static str,
        /// The output: its position, from 0, and its name.
        output: String,
        /// The operand it overlaps, likewise.
        other: String,
    },

    /// A buffer that belongs to another backend.
    #[error(
        "{op}: a buffer belongs to another backend than {backend}; copy it over through the host"
    )]
    ForeignBuffer {
        /// The name of the op.
        op: &'static str,
        /// The backend that was asked to use it.
        backend: String,
    },

    /// A slice outside its buffer.
    #[error("elements {start}..{} were asked of a buffer of {available}", start.saturating_add(*len))]
    Range {
        /// The first element asked for.
        start: usize,
        /// The number of elements asked for.
        len: usize,
        /// The length of the buffer.
        available: usize,
    },

    /// A class label that the logits do not have.
    #[error(
        "{op}: label {label} in row {row}, but there are only {classes} classes (0..{classes})"
    )]
    Label {
        /// The name of the op.
        op: &'static str,
        /// The row of the batch.
        row: usize,
        /// The label found.
        label: u32,
        /// The number of classes.
        classes: usize,
    },

    /// Memory could not be had.
    #[error("the {backend} backend cannot allocate {bytes} bytes; use a smaller batch or model")]
    OutOfMemory {
        /// The name of the backend.
        backend: String,
        /// The bytes asked for.
        bytes: usize,
    },

    /// A device or a library of it failed, or cannot be used.
    #[error("{backend}: {message}")]
    Device {
        /// The name of the backend.
        backend: String,
        /// What failed, what the device says, and what to do where that is known.
        message: String,
    },

    /// A library that a device needs is not on this machine.
    #[error("{backend}: {message}")]
    MissingLibrary {
        /// The name of the backend.
        backend: String,
        /// What is missing, where it was looked for, and how to get it.
        message: String,
    },

    /// A derivative was asked of an op that has none.
    #[error("{op} has no derivative; detach its input if none is wanted")]
    NoDerivative {
        /// The name of the op.
        op: &'static str,
    },
}

impl Error {
    /// An [`Error::Invalid`].
    pub fn invalid(op: &'static str, message: impl Into<String>) -> Self {
        Error::Invalid { op, message: message.into() }
    }

    /// An [`Error::Device`].
    pub fn device(backend: impl Into<String>, message: impl Into<String>) -> Self {
        Error::Device { backend: backend.into(), message: message.into() }
    }

    /// An [`Error::Shapes`].
    pub fn shapes(op: &'static str, left: Shape, right: Shape, why: impl Into<String>) -> Self {
        Error::Shapes { op, left, right, why: why.into() }
    }
}
