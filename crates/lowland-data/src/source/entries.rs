//! Reading the entries of a tar stream into memory, to its very end: what is cut off or damaged is
//! found. Nothing is extracted, and nothing is held that will not be read.

use std::io::{self, ErrorKind, Read};
use std::path::{Component, Path};

use tar::{Entry, EntryType, PaxExtensions};

use super::archive::Tail;
use super::{Content, FileKind, Listing, SourceFile, is_hidden};
use crate::error::{Error, Result};

/// A tar archive consists of blocks of 512 bytes.
const BLOCK: u64 = 512;
/// It ends with two blocks of zero bytes.
const END_MARK: u64 = 2 * BLOCK;
/// Entries between two reports of progress.
const REPORT_EVERY: usize = 256;
/// The longest path, bytes: that of Linux.
const MAX_PATH: usize = 4096;
/// The longest extended header, bytes: it holds a path, and perhaps attributes that are passed over.
const MAX_EXTENSION: u64 = 1 << 20;

/// The error of a cause: in which entry, if one was reached, and at which byte of the stream.
type Broken<'a> = &'a dyn Fn(Option<&str>, u64, io::Error) -> Error;

/// Reads every entry. Extended headers are read here, not by the `tar` crate, which would hold one of
/// any size.
pub(super) fn read(
    origin: &Path,
    stream: Tail,
    broken: Broken<'_>,
    tell: &mut dyn FnMut(),
) -> Result<Listing> {
    let mut listing =
        Listing { origin: origin.to_path_buf(), folders: Vec::new(), files: Vec::new() };
    let mut archive = tar::Archive::new(stream);
    let mut position = 0;
    let mut extended = Extended::default();
    let entries = archive.entries().map_err(|e| broken(None, 0, e))?.raw(true);
    for (i, entry) in entries.enumerate() {
        let mut entry = entry.map_err(|e| broken(None, position, e))?;
        position = entry.raw_file_position().saturating_add(entry.size());
        if i % REPORT_EVERY == 0 {
            tell();
        }
        if !extended.take_in(origin, &mut entry, broken)? {
            let extended = std::mem::take(&mut extended);
            take_in(&mut listing, &mut entry, &extended, broken)?;
        }
    }
    let unfinished =
        |problem| broken(None, position, io::Error::new(ErrorKind::UnexpectedEof, problem));
    if extended.is_there {
        return Err(unfinished("the entry of the last extended header is missing"));
    }
    // The compressed stream's own checksum comes after the last entry.
    let mut tail = archive.into_inner();
    io::copy(&mut tail, &mut io::sink()).map_err(|e| broken(None, position, e))?;
    if tail.zeros < END_MARK || !tail.bytes.is_multiple_of(BLOCK) {
        return Err(unfinished("the end-of-archive mark is missing"));
    }
    Ok(listing)
}

/// Puts an entry into the listing, if it is of any use.
fn take_in<R: Read>(
    listing: &mut Listing,
    entry: &mut Entry<'_, R>,
    extended: &Extended,
    broken: Broken<'_>,
) -> Result<()> {
    let (start, size) = (entry.raw_file_position(), entry.size());
    let name = extended.path.clone().unwrap_or_else(|| entry.header().path_bytes().into_owned());
    let path = plain_path(&listing.origin, &name)?;
    let refuse = |path, problem: &str| Error::Layout {
        origin: listing.origin.clone(),
        entry: path,
        problem: problem.to_string(),
    };
    let kind = entry.header().entry_type();
    if kind.is_gnu_sparse() || extended.is_sparse {
        return Err(refuse(
            path,
            "the file is stored with holes; make the archive without --sparse",
        ));
    }
    if extended.size.is_some_and(|other| other != size) {
        return Err(refuse(path, "its headers give two sizes; make the archive again"));
    }
    if path.is_empty() || is_hidden(&path) {
        return Ok(());
    }
    if kind.is_dir() {
        listing.folders.push(path);
        return Ok(());
    }
    if !(kind.is_file() || kind.is_contiguous()) {
        let problem = "the entry is a link or a special file; make the archive of plain files \
                       (tar --dereference --hard-dereference)";
        return Err(refuse(path, problem));
    }
    let file_kind = FileKind::of(&path);
    if file_kind == FileKind::Other {
        listing.files.push(SourceFile { path, content: Content::Skipped });
        return Ok(());
    }
    let limit = file_kind.limit();
    if size > limit {
        return Err(Error::TooLarge {
            origin: listing.origin.clone(),
            entry: path,
            bytes: size,
            limit,
        });
    }
    let bytes = whole(entry).map_err(|(read, e)| broken(Some(&path), start + read, e))?;
    listing.files.push(SourceFile { path, content: Content::Memory(bytes) });
    Ok(())
}

/// All bytes of an entry; of one that is not whole, how many there are.
fn whole<R: Read>(entry: &mut Entry<'_, R>) -> Result<Vec<u8>, (u64, io::Error)> {
    let size = entry.size();
    let mut bytes = Vec::new();
    entry.read_to_end(&mut bytes).map_err(|e| (0, e))?;
    // The tar reader takes the end of the stream for the end of the entry.
    let read = bytes.len() as u64;
    if read != size {
        let problem = format!("the entry should have {size} bytes but {read} are left");
        return Err((read, io::Error::new(ErrorKind::UnexpectedEof, problem)));
    }
    Ok(bytes)
}

/// What extended headers say of the entry behind them.
#[derive(Debug, Default)]
struct Extended {
    is_there: bool,
    path: Option<Vec<u8>>,
    size: Option<u64>,
    is_sparse: bool,
}

impl Extended {
    /// Takes in an extended header; returns whether the entry is one.
    fn take_in<R: Read>(
        &mut self,
        origin: &Path,
        entry: &mut Entry<'_, R>,
        broken: Broken<'_>,
    ) -> Result<bool> {
        let kind = entry.header().entry_type();
        match kind {
            EntryType::GNULongName | EntryType::XHeader => {}
            // The target of a link, which will be refused, and what all entries have in common.
            EntryType::GNULongLink | EntryType::XGlobalHeader => return Ok(true),
            _ => return Ok(false),
        }
        self.is_there = true;
        let (start, size) = (entry.raw_file_position(), entry.size());
        let name =
            || String::from_utf8_lossy(&entry.header().path_bytes()).escape_debug().to_string();
        if size > MAX_EXTENSION {
            return Err(Error::TooLarge {
                origin: origin.to_path_buf(),
                entry: name(),
                bytes: size,
                limit: MAX_EXTENSION,
            });
        }
        let name = name();
        let bytes = whole(entry).map_err(|(read, e)| broken(Some(&name), start + read, e))?;
        if kind == EntryType::GNULongName {
            self.path = Some(bytes.strip_suffix(&[0]).unwrap_or(&bytes).to_vec());
            return Ok(true);
        }
        for record in PaxExtensions::new(&bytes) {
            let record = record.map_err(|e| broken(Some(&name), start, e))?;
            match record.key_bytes() {
                b"path" => self.path = Some(record.value_bytes().to_vec()),
                b"size" => self.size = record.value().ok().and_then(|v| v.parse().ok()),
                key => self.is_sparse |= key.starts_with(b"GNU.sparse."),
            }
        }
        Ok(true)
    }
}

/// A path with `/` between its parts; refused when it is absolute, climbs, is too long or not UTF-8.
fn plain_path(origin: &Path, bytes: &[u8]) -> Result<String> {
    let refuse = |problem: &str| Error::Layout {
        origin: origin.to_path_buf(),
        // Control characters are shown, not sent to the terminal.
        entry: String::from_utf8_lossy(&bytes[..bytes.len().min(MAX_PATH)])
            .escape_debug()
            .to_string(),
        problem: problem.to_string(),
    };
    if bytes.len() > MAX_PATH {
        return Err(refuse("the path is longer than 4,096 bytes; rename the file"));
    }
    let path = std::str::from_utf8(bytes)
        .map_err(|_| refuse("the name is not valid UTF-8; rename the file"))?;
    if path.chars().any(char::is_control) {
        return Err(refuse("the name has control characters; rename the file"));
    }
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
