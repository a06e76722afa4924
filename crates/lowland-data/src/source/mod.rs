//! What there is to import: the files of a folder or an archive under one roof. Nothing is ever
//! extracted to disk.

mod archive;
mod directory;

use std::borrow::Cow;
use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::progress::Report;

/// The largest image file that is read, bytes.
pub(crate) const MAX_IMAGE_FILE: u64 = 64 << 20;
/// The largest file of the CIFAR binary version that is read, bytes (CIFAR-100's training file has
/// 154 million).
pub(crate) const MAX_BINARY_FILE: u64 = 256 << 20;
/// The largest IDX file that is read, bytes, also once gzip is undone (EMNIST's largest has 547
/// million).
pub(crate) const MAX_IDX_FILE: u64 = 1 << 30;
/// The most that is kept in memory of one archive, bytes.
const MAX_ARCHIVE: u64 = 16 << 30;

/// The files and folders of a source. Paths are relative, separated by `/`, without `.` and `..`.
#[derive(Debug)]
pub(crate) struct Listing {
    /// The folder or archive.
    pub origin: PathBuf,
    /// Folders, sorted.
    pub folders: Vec<String>,
    /// Files, sorted by path.
    pub files: Vec<SourceFile>,
}

/// One file of a source.
#[derive(Debug)]
pub(crate) struct SourceFile {
    pub path: String,
    pub content: Content,
}

/// Where a file's bytes are.
#[derive(Debug)]
pub(crate) enum Content {
    /// Read from an archive.
    Memory(Vec<u8>),
    /// On disk, to be read when needed.
    Disk(PathBuf),
    /// In the archive, but of no kind this crate reads.
    Skipped,
}

/// What a file is, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileKind {
    Image,
    /// `.bin` and `.txt`: the CIFAR binary version.
    Binary,
    /// `...idx3-ubyte` and the like, perhaps with `.gz`.
    Idx,
    Other,
}

impl FileKind {
    pub fn of(path: &str) -> FileKind {
        let extension =
            path.rsplit_once('.').map_or("", |(_, extension)| extension).to_ascii_lowercase();
        match extension.as_str() {
            "jpg" | "jpeg" | "png" => FileKind::Image,
            "bin" | "txt" => FileKind::Binary,
            _ if is_idx(path) => FileKind::Idx,
            _ => FileKind::Other,
        }
    }

    /// The largest file of this kind that is read.
    fn limit(self) -> u64 {
        match self {
            FileKind::Image => MAX_IMAGE_FILE,
            FileKind::Binary => MAX_BINARY_FILE,
            FileKind::Idx => MAX_IDX_FILE,
            FileKind::Other => 0,
        }
    }
}

impl SourceFile {
    /// The file's bytes.
    pub fn bytes(&self, origin: &Path) -> Result<Cow<'_, [u8]>> {
        match &self.content {
            Content::Memory(bytes) => Ok(Cow::Borrowed(bytes)),
            Content::Skipped => Ok(Cow::Borrowed(&[])),
            Content::Disk(path) => {
                let bytes = fs::metadata(path).map_err(Error::io("read", path))?.len();
                let limit = FileKind::of(&self.path).limit();
                if bytes > limit {
                    return Err(Error::TooLarge {
                        origin: origin.to_path_buf(),
                        entry: self.path.clone(),
                        bytes,
                        limit,
                    });
                }
                Ok(Cow::Owned(fs::read(path).map_err(Error::io("read", path))?))
            }
        }
    }

    /// The name without folders.
    pub fn name(&self) -> &str {
        file_name(&self.path)
    }

    /// The folder, empty at the root.
    pub fn folder(&self) -> &str {
        self.path.rsplit_once('/').map_or("", |(folder, _)| folder)
    }
}

/// Whether a name ends in `idx`, a digit and `-ubyte`, perhaps with `.gz` behind them.
fn is_idx(path: &str) -> bool {
    let path = path.to_ascii_lowercase();
    let plain = path.strip_suffix(".gz").unwrap_or(&path);
    let before =
        plain.strip_suffix("-ubyte").and_then(|p| p.strip_suffix(|c: char| c.is_ascii_digit()));
    before.is_some_and(|name| name.ends_with("idx"))
}

/// The last component of a path.
pub(crate) fn file_name(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

/// Files that file managers leave behind; they are passed over.
fn is_hidden(path: &str) -> bool {
    path.split('/').any(|part| part.starts_with('.') || part == "__MACOSX")
        || file_name(path) == "Thumbs.db"
}

/// Lists a folder, or reads an archive into memory.
pub(crate) fn read(origin: &Path, report: Report<'_>) -> Result<Listing> {
    let meta = fs::metadata(origin).map_err(Error::io("open", origin))?;
    let mut listing = if meta.is_dir() {
        directory::list(origin, report)?
    } else {
        archive::read(origin, report)?
    };
    listing.folders.sort();
    listing.folders.dedup();
    listing.files.sort_by(|a, b| a.path.cmp(&b.path));
    if let Some(pair) = listing.files.windows(2).find(|pair| pair[0].path == pair[1].path) {
        return Err(Error::Layout {
            origin: origin.to_path_buf(),
            entry: pair[0].path.clone(),
            problem: "the archive holds this file twice; make it again with one copy".to_string(),
        });
    }
    Ok(listing)
}
