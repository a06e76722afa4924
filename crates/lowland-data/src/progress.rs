//! How far an import has come.

/// The parts of an import, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Reading the folder or archive; `done` and `total` are bytes of the archive, or files of the
    /// folder.
    Read,
    /// Decoding images; `done` and `total` are images.
    Decode,
    /// Writing the packed file; `done` and `total` are bytes.
    Write,
}

/// One report of progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// What is being done.
    pub stage: Stage,
    /// How much of it is done.
    pub done: u64,
    /// Out of how much, when that is known.
    pub total: Option<u64>,
}

/// A callback for progress; always called on the thread that started the import.
pub(crate) type Report<'a> = &'a mut dyn FnMut(Progress);
