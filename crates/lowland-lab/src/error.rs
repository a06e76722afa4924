//! Everything that can stop an experiment, and whose fault it is.

use std::io;
use std::path::{Path, PathBuf};

use crate::config::ConfigError;
use crate::finite::NotFinite;

/// A result whose error is [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What stopped an experiment.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A mistake in an experiment's file or in a change of it.
    #[error(transparent)]
    Config(Box<ConfigError>),

    /// A dataset cannot be read or imported.
    #[error(transparent)]
    Data(Box<lowland_data::Error>),

    /// A dataset that is known has not been imported, or was not found.
    #[error("{0}")]
    Dataset(String),

    /// A model cannot be built, or its weights not be written.
    #[error(transparent)]
    Model(Box<lowland_models::Error>),

    /// An optimizer cannot be built or stepped.
    #[error(transparent)]
    Optimizer(Box<lowland_optim::Error>),

    /// An op, a buffer or a backend failed.
    #[error(transparent)]
    Engine(Box<lowland_core::Error>),

    /// The landscape of a loss cannot be measured.
    #[error(transparent)]
    Landscape(Box<lowland_landscape::Error>),

    /// A device cannot be opened.
    #[error(transparent)]
    Device(Box<lowland_cuda::OpenError>),

    /// A file or folder cannot be used.
    #[error("cannot {action} `{}`: {source}; {}", path.display(), advice(source))]
    File {
        /// What was attempted.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },

    /// A run directory that holds something already.
    #[error(
        "the run directory `{}` is not empty, and a run never writes over another; name one that does \
         not exist with --out, leave --out away, or go on with a run that was interrupted by --resume",
        path.display()
    )]
    OutputExists {
        /// The directory.
        path: PathBuf,
    },

    /// A directory that another process works in.
    #[error(
        "another process works in `{}`; wait until it has ended, or name another directory with --out",
        path.display()
    )]
    Busy {
        /// The directory.
        path: PathBuf,
    },

    /// A run directory or a checkpoint of a run of another config.
    #[error(
        "`{}` is of a run of another config: {differing}; undo the change to go on with it, or begin a new \
         run in another directory with --out",
        path.display()
    )]
    OtherConfig {
        /// The run directory.
        path: PathBuf,
        /// The fields that differ, in words.
        differing: String,
    },

    /// A run directory with a checkpoint of a run that is made otherwise than this one.
    #[error(
        "`{}` is of a run that differs from this one: {differing}; undo the change, or begin a new run",
        path.display()
    )]
    OtherRun {
        /// The checkpoint.
        path: PathBuf,
        /// What differs, in words.
        differing: String,
    },

    /// A run directory whose checkpoints are all damaged.
    #[error(
        "none of the {damaged} checkpoints in `{}` is whole: of the newest, {newest}; delete that folder to \
         begin the run anew",
        path.display()
    )]
    NoCheckpoint {
        /// The folder of the checkpoints.
        path: PathBuf,
        /// How many there are.
        damaged: usize,
        /// What is wrong with the newest.
        newest: String,
    },

    /// A checkpoint of another version of the format.
    #[error(
        "`{}` is of format {format}, and this program reads format {reads}; go on with the version of the \
         program that wrote it, which it names",
        path.display()
    )]
    OtherFormat {
        /// The manifest.
        path: PathBuf,
        /// Its format.
        format: u32,
        /// The format that can be read.
        reads: u32,
    },

    /// A run of an experiment that learns from another dataset of the same name than one before.
    #[error(
        "the dataset `{dataset}` that `{}` was trained on is not that of `{}`: it has changed in between; \
         restore it, or name another directory with --out",
        first.display(),
        second.display()
    )]
    OtherData {
        /// The name of the dataset.
        dataset: String,
        /// The run directory of the one before, relative to that of the experiment.
        first: PathBuf,
        /// The run directory of the other.
        second: PathBuf,
    },

    /// A search for hyper-parameters without a trial that came to its end.
    #[error(
        "every trial for arm `{arm}` failed, the first of them thus: {reason}; choose other ranges in \
         [tune]"
    )]
    NoTrial {
        /// The arm.
        arm: String,
        /// What stopped its first trial.
        reason: String,
    },

    /// A file of a record does not hold what it should.
    #[error("`{}` is damaged: {problem}; restore it, or run what made it again", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },

    /// A run that was disturbed on purpose did not end as the one that was not.
    #[error("`{}`: {problem}", folder.display())]
    Disturbed {
        /// Its directory.
        folder: PathBuf,
        /// How it ended.
        problem: String,
    },

    /// Two runs that cannot be compared in the way that was asked for.
    #[error("`{}` and `{}` cannot be compared: {reason}", from.display(), to.display())]
    Incomparable {
        /// The run directory of the one.
        from: PathBuf,
        /// The run directory of the other.
        to: PathBuf,
        /// In what they differ, and what is needed.
        reason: String,
    },

    /// A loss, a gradient, a running statistic, a parameter or state of the optimizer is infinite or not a
    /// number.
    #[error(transparent)]
    NotFinite(Box<NotFinite>),

    /// A thread has panicked.
    #[error(
        "the program is at fault: {0}; what is on disk is whole, and the lines before this one tell the \
         place in the program: please report both"
    )]
    Panic(String),

    /// A picture cannot be drawn.
    #[error("the picture cannot be drawn: {0}")]
    Picture(String),

    /// An argument of the program that cannot be.
    #[error("{0}")]
    Usage(String),
}

impl Error {
    /// An [`Error::File`], for `map_err`.
    pub(crate) fn file(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
        move |source| Error::File { action, path: path.to_path_buf(), source }
    }

    /// What the engine says, whichever crate passed it on.
    fn engine(&self) -> Option<&lowland_core::Error> {
        match self {
            Error::Engine(error) => Some(error),
            Error::Model(error) => match &**error {
                lowland_models::Error::Engine(error) => Some(error),
                _ => None,
            },
            Error::Optimizer(error) => match &**error {
                lowland_optim::Error::Core(error) => Some(error),
                _ => None,
            },
            Error::Landscape(error) => match &**error {
                lowland_landscape::Error::Engine(error) => Some(error),
                _ => None,
            },
            _ => None,
        }
    }

    /// What the engine says where memory could not be had: a mistake in a size.
    pub(crate) fn out_of_memory(&self) -> Option<&lowland_core::Error> {
        let is =
            |error: &&lowland_core::Error| matches!(error, lowland_core::Error::OutOfMemory { .. });
        self.engine().filter(is)
    }

    /// The program's exit code: 2 where the user can put it right, 1 for everything else.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        use lowland_core::Error::{MissingLibrary, OutOfMemory};
        if matches!(self.engine(), Some(OutOfMemory { .. } | MissingLibrary { .. })) {
            return 2;
        }
        let internal = match self {
            Error::Data(error) => matches!(**error, lowland_data::Error::Worker { .. }),
            Error::Model(error) => matches!(**error, lowland_models::Error::Engine(_)),
            Error::Engine(_)
            | Error::Optimizer(_)
            | Error::Landscape(_)
            | Error::NotFinite { .. }
            | Error::Disturbed { .. }
            | Error::Panic(_)
            | Error::Picture(_) => true,
            _ => false,
        };
        if internal { 1 } else { 2 }
    }
}

/// Errors of the crates below are boxed: they carry shapes, and every result would carry their size.
macro_rules! from {
    ($($variant:ident: $error:ty,)*) => {$(
        impl From<$error> for Error {
            fn from(error: $error) -> Self {
                Error::$variant(Box::new(error))
            }
        }
    )*};
}

from! {
    Config: ConfigError,
    Data: lowland_data::Error,
    Model: lowland_models::Error,
    Optimizer: lowland_optim::Error,
    Landscape: lowland_landscape::Error,
    Engine: lowland_core::Error,
    Device: lowland_cuda::OpenError,
    NotFinite: NotFinite,
}

/// What to do about an error of the system.
fn advice(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "free some space, or choose a folder on another disk"
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "choose a place that you may use"
        }
        io::ErrorKind::NotFound => "check the path",
        io::ErrorKind::NotADirectory => "a part of the path is a file; choose another path",
        io::ErrorKind::InvalidData => "the file must be UTF-8 text",
        _ => "check the path and that you may use it",
    }
}
