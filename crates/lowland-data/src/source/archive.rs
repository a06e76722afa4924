//! Reading a .tar, .tar.gz or .tar.xz archive into memory, to its very end: what is cut off or
//! damaged is found.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read, Seek};
use std::path::{Component, Path};
use std::rc::Rc;

use flate2::bufread::MultiGzDecoder;
use liblzma::bufread::XzDecoder;

use super::{Content, FileKind, Listing, MAX_ARCHIVE, SourceFile, is_hidden};
use crate::error::{Error, Place, Result};
use crate::progress::{Progress, Report, Stage};

/// A tar archive consists of blocks of 512 bytes.
const BLOCK: u64 = 512;
/// It ends with two blocks of zero bytes.
const END_MARK: u64 = 2 * BLOCK;
/// Entries between two reports of progress.
const REPORT_EVERY: usize = 256;

/// Reads an archive; the compression is told from its first bytes, not from its name.
pub(super) fn read(origin: &Path, report: Report<'_>) -> Result<Listing> {
    let mut file = File::open(origin).map_err(Error::io("open", origin))?;
    let total = file.metadata().map_err(Error::io("open", origin))?.len();
    let mut head = Vec::new();
    file.by_ref().take(512).read_to_end(&mut head).map_err(Error::io("read", origin))?;
    file.rewind().map_err(Error::io("read", origin))?;
    let consumed = Rc::new(Cell::new(0));
    let raw =
        BufReader::with_capacity(1 << 16, Counted { inner: file, bytes: Rc::clone(&consumed) });
    let unpacked: Box<dyn Read> = if head.starts_with(&[0xfd, b'7', b'z', b'X', b'Z', 0]) {
        Box::new(XzDecoder::new_multi_decoder(raw))
    } else if head.starts_with(&[0x1f, 0x8b]) {
        Box::new(MultiGzDecoder::new(raw))
    } else if head.get(257..262) == Some(b"ustar") {
        Box::new(raw)
    } else {
        let problem = "it is neither a folder nor a tar archive (plain, gzip or xz)".to_string();
        return Err(Error::UnknownSource { origin: origin.to_path_buf(), problem });
    };
    let mut tell = |_: usize| {
        report(Progress { stage: Stage::Read, done: consumed.get(), total: Some(total) })
    };
    read_tar(origin, unpacked, &mut tell)
}

/// Reads every entry of an unpacked tar stream.
fn read_tar(
    origin: &Path,
    unpacked: Box<dyn Read>,
    tell: &mut dyn FnMut(usize),
) -> Result<Listing> {
    let mut listing =
        Listing { origin: origin.to_path_buf(), folders: Vec::new(), files: Vec::new() };
    let mut archive = tar::Archive::new(Tail { inner: unpacked, bytes: 0, zeros: 0 });
    let mut position = 0;
    let mut kept = 0;
    let broken = |entry: Option<&str>, offset, cause| Error::Archive {
        origin: origin.to_path_buf(),
        place: Place { entry: entry.map(str::to_string), offset },
        cause,
    };
    for (i, entry) in archive.entries().map_err(|e| broken(None, 0, e))?.enumerate() {
        let mut entry = entry.map_err(|e| broken(None, position, e))?;
        let start = entry.raw_file_position();
        let size = entry.size();
        position = start.saturating_add(size);
        let path = entry_path(origin, &entry)?;
        if i % REPORT_EVERY == 0 {
            tell(i);
        }
        if path.is_empty() || is_hidden(&path) {
            continue;
        }
        let kind = entry.header().entry_type();
        if kind.is_dir() {
            listing.folders.push(path);
            continue;
        }
        if !(kind.is_file() || kind.is_contiguous()) {
            let problem = "the entry is a link or a special file; make the archive of plain files \
                           (tar --dereference --hard-dereference)";
            return Err(Error::Layout {
                origin: origin.to_path_buf(),
                entry: path,
                problem: problem.to_string(),
            });
        }
        let file_kind = FileKind::of(&path);
        if file_kind == FileKind::Other {
            listing.files.push(SourceFile { path, content: Content::Skipped });
            continue;
        }
        let too_large = |entry, bytes, limit| Error::TooLarge {
            origin: origin.to_path_buf(),
            entry,
            bytes,
            limit,
        };
        if size > file_kind.limit() {
            return Err(too_large(path, size, file_kind.limit()));
        }
        kept += size;
        if kept > MAX_ARCHIVE {
            return Err(too_large(path, kept, MAX_ARCHIVE));
        }
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).map_err(|e| broken(Some(&path), start, e))?;
        // The tar reader takes the end of the stream for the end of the entry.
        if bytes.len() as u64 != size {
            let cause = io::Error::new(
                ErrorKind::UnexpectedEof,
                format!("the entry should have {size} bytes but {} are left", bytes.len()),
            );
            return Err(broken(Some(&path), start + bytes.len() as u64, cause));
        }
        listing.files.push(SourceFile { path, content: Content::Memory(bytes) });
    }
    // The compressed stream's own checksum comes after the last entry.
    let mut tail = archive.into_inner();
    io::copy(&mut tail, &mut io::sink()).map_err(|e| broken(None, position, e))?;
    if tail.zeros < END_MARK || !tail.bytes.is_multiple_of(BLOCK) {
        let cause = io::Error::new(ErrorKind::UnexpectedEof, "the end-of-archive mark is missing");
        return Err(broken(None, position, cause));
    }
    Ok(listing)
}

/// An entry's path with `/` between its parts; refused when it is absolute, climbs, or is not
/// UTF-8.
fn entry_path<R: Read>(origin: &Path, entry: &tar::Entry<'_, R>) -> Result<String> {
    let bytes = entry.path_bytes();
    let refuse = |problem: &str| Error::Layout {
        origin: origin.to_path_buf(),
        entry: String::from_utf8_lossy(&bytes).into_owned(),
        problem: problem.to_string(),
    };
    let path = std::str::from_utf8(&bytes)
        .map_err(|_| refuse("the name is not valid UTF-8; rename the file"))?;
    let mut parts = Vec::new();
    for part in Path::new(path).components() {
        match part {
            Component::Normal(part) => parts.push(part.to_str().unwrap_or_default()),
            Component::CurDir => {}
            _ => {
                return Err(refuse(
                    "the path leaves the archive; make the archive with relative paths without `..`",
                ));
            }
        }
    }
    Ok(parts.join("/"))
}

/// Counts the compressed bytes read.
struct Counted<R> {
    inner: R,
    bytes: Rc<Cell<u64>>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buf)?;
        self.bytes.set(self.bytes.get() + n as u64);
        Ok(n)
    }
}

/// Counts the bytes read so far, and with how many zero bytes they end.
struct Tail {
    inner: Box<dyn Read>,
    bytes: u64,
    zeros: u64,
}

impl Read for Tail {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buf)?;
        self.bytes += n as u64;
        let zeros = buf[..n].iter().rev().take_while(|&&b| b == 0).count();
        self.zeros = if zeros == n { self.zeros + n as u64 } else { zeros as u64 };
        Ok(n)
    }
}
