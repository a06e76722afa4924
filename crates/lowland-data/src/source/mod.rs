//! What there is to import: the files of a folder or an archive under one roof. Nothing is ever
//! extracted to disk.

mod archive;
mod directory;
mod entries;

use std::borrow::Cow;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
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
/// The most that an archive is unpacked to, also of what is passed over, bytes.
const MAX_ARCHIVE: u64 = 16 << 30;
/// The most that a compressed file of any size is unpacked to, bytes.
const FREE: u64 = 16 << 20;
/// How many times its size it may be unpacked to beyond that: gzip makes 1,032 bytes of one at most, xz
/// many more, and no images that are worth learning from come near this.
pub(crate) const MAX_RATIO: u64 = 256;

/// The most that a compressed file of this many bytes is unpacked to.
pub(crate) fn most_unpacked(packed: u64) -> u64 {
    FREE.saturating_add(packed.saturating_mul(MAX_RATIO))
}

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

impl Listing {
    /// The file of exactly that path.
    pub fn file(&self, path: &str) -> Option<&SourceFile> {
        let found = self.files.binary_search_by(|file| file.path.as_str().cmp(path));
        found.ok().map(|i| &self.files[i])
    }

    /// Whether there is a file below a folder, whose name ends in `/`.
    pub fn has_below(&self, folder: &str) -> bool {
        let first = self.files.partition_point(|file| file.path.as_str() < folder);
        self.files.get(first).is_some_and(|file| file.path.starts_with(folder))
    }
}

impl SourceFile {
    /// The file's bytes.
    pub fn bytes(&self, origin: &Path) -> Result<Cow<'_, [u8]>> {
        match &self.content {
            Content::Memory(bytes) => Ok(Cow::Borrowed(bytes)),
            Content::Skipped => Ok(Cow::Borrowed(&[])),
            Content::Disk(path) => self.read(path, origin).map(Cow::Owned),
        }
    }

    /// Reads a file on disk, up to the limit of its kind whatever its size is said to be. A pipe or a
    /// device, which might never end, is not opened.
    fn read(&self, path: &Path, origin: &Path) -> Result<Vec<u8>> {
        let limit = FileKind::of(&self.path).limit();
        let too_large = |bytes| Error::TooLarge {
            origin: origin.to_path_buf(),
            entry: self.path.clone(),
            bytes,
            limit,
        };
        let size = self.len()?;
        if size > limit {
            return Err(too_large(size));
        }
        let file = File::open(path).map_err(Error::io("open", path))?;
        let mut bytes = Vec::with_capacity(size as usize);
        file.take(limit + 1).read_to_end(&mut bytes).map_err(Error::io("read", path))?;
        let read = bytes.len() as u64;
        if read > limit { Err(too_large(read)) } else { Ok(bytes) }
    }

    /// The length of the file, bytes.
    pub fn len(&self) -> Result<u64> {
        match &self.content {
            Content::Memory(bytes) => Ok(bytes.len() as u64),
            Content::Skipped => Ok(0),
            Content::Disk(path) => {
                let meta = fs::metadata(path).map_err(Error::io("read", path))?;
                if meta.is_file() {
                    return Ok(meta.len());
                }
                let cause = io::Error::new(ErrorKind::InvalidInput, "it is not a regular file");
                Err(Error::io("read", path)(cause))
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
