//! Opening a packed file: signature, version, header, sizes, filling and every checksum, and only
//! then a map.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use super::{EXTENSION, Header, PREFIX, SECTION_NAMES, SIGNATURE, VERSION, align, header_digest};
use crate::dataset::Dataset;
use crate::error::{Error, Result};
use crate::mapped::MappedRange;
use crate::split::{Pixels, Split, image_len};

/// Bytes hashed at a time; they stay in the second-level cache.
const CHUNK: usize = 256 << 10;

/// Opens a packed file, or the one packed file in a folder.
///
/// Every byte is read and verified before anything is returned. The images are then mapped, not
/// copied.
///
/// # Errors
/// [`Error::Io`], [`Error::NotOnePackedFile`], [`Error::NotPacked`], [`Error::UnknownVersion`],
/// [`Error::Truncated`], [`Error::Damaged`] and [`Error::LabelRange`].
pub fn open(path: impl AsRef<Path>) -> Result<Dataset> {
    let path = path.as_ref();
    if path.is_dir() {
        return open_file(&only_file_in(path)?);
    }
    open_file(path)
}

/// The packed files directly in `folder` and in its sub-folders, sorted. A folder that does not
/// exist has none.
///
/// # Errors
/// [`Error::Io`] when a folder cannot be read.
pub fn list(folder: impl AsRef<Path>) -> Result<Vec<PathBuf>> {
    let folder = folder.as_ref();
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let mut found = packed_files(folder)?;
    for entry in entries(folder)?.into_iter().filter(|path| path.is_dir()) {
        found.extend(packed_files(&entry)?);
    }
    found.sort();
    Ok(found)
}

/// The one packed file in a folder.
fn only_file_in(folder: &Path) -> Result<PathBuf> {
    let mut found = packed_files(folder)?;
    if found.len() == 1 {
        return Ok(found.remove(0));
    }
    let names = found
        .iter()
        .filter_map(|path| path.file_name())
        .map(|name| name.to_string_lossy().into_owned());
    Err(Error::NotOnePackedFile { dir: folder.to_path_buf(), found: names.collect() })
}

fn packed_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let is_packed =
        |path: &PathBuf| path.extension().is_some_and(|e| e == EXTENSION) && path.is_file();
    let mut found: Vec<PathBuf> = entries(folder)?.into_iter().filter(is_packed).collect();
    found.sort();
    Ok(found)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let read = fs::read_dir(folder).map_err(Error::io("read the folder", folder))?;
    read.map(|entry| Ok(entry.map_err(Error::io("read the folder", folder))?.path())).collect()
}

fn open_file(path: &Path) -> Result<Dataset> {
    let file = File::open(path).map_err(Error::io("open", path))?;
    let len = file.metadata().map_err(Error::io("open", path))?.len();
    let mut reader = Reader { file: &file, path, len, position: 0, chunk: vec![0; CHUNK] };
    let header = read_header(&mut reader)?;
    let start = reader.position;
    check_sizes(&header, &reader)?;
    let mut labels = Vec::new();
    for (i, section) in header.sections.iter().enumerate() {
        reader.expect_zeros(start + section.offset)?;
        let mut hasher = blake3::Hasher::new();
        let mut kept = Vec::new();
        reader.take(section.bytes, |bytes| {
            hasher.update(bytes);
            if i % 2 == 1 {
                kept.extend(bytes.as_chunks().0.iter().map(|&pair| u16::from_le_bytes(pair)));
            }
        })?;
        let part = format!("section {}", section.name);
        if hasher.finalize().to_hex().as_str() != section.blake3 {
            return Err(damaged(path, part, start + section.offset, "does not match its checksum"));
        }
        labels.push(kept);
    }
    let map = MappedRange::whole(&file).map_err(Error::io("map", path))?;
    let [_, train_labels, _, test_labels] = <[Vec<u16>; 4]>::try_from(labels).unwrap_or_default();
    let train = split(path, &map, &header, start, 0, train_labels)?;
    let test = split(path, &map, &header, start, 2, test_labels)?;
    Dataset::with_statistics(header.about, train, test, header.measured, header.normalisation)
        .map_err(|e| damaged(path, "the header", PREFIX as u64, e.to_string()))
}

/// Reads and checks everything before the first section; leaves the reader at its start.
fn read_header(reader: &mut Reader<'_>) -> Result<Header> {
    let path = reader.path;
    let signature = reader.read_vec(SIGNATURE.len().min(reader.len as usize))?;
    if !SIGNATURE.starts_with(&signature) {
        return Err(Error::NotPacked { path: path.to_path_buf() });
    }
    reader.needs(PREFIX as u64)?;
    let rest = reader.read_vec(PREFIX - SIGNATURE.len())?;
    let number =
        |at: usize| u32::from_le_bytes([rest[at], rest[at + 1], rest[at + 2], rest[at + 3]]);
    let (version, json_len) = (number(0), number(4));
    if version != VERSION {
        return Err(Error::UnknownVersion { path: path.to_path_buf(), version, known: VERSION });
    }
    let start = align(PREFIX as u64 + u64::from(json_len));
    reader.needs(start)?;
    let json = reader.read_vec(json_len as usize)?;
    let prefix = [&SIGNATURE[..], &rest[..8]].concat();
    if header_digest(&prefix, &json) != rest[8..] {
        return Err(damaged(path, "the header", 0, "does not match its checksum"));
    }
    reader.expect_zeros(start)?;
    serde_json::from_slice(&json)
        .map_err(|e| damaged(path, "the header", PREFIX as u64, e.to_string()))
}

/// Checks that the sections are exactly where and as long as the shapes demand, and that the file
/// ends with them.
fn check_sizes(header: &Header, reader: &Reader<'_>) -> Result<()> {
    let wrong = |problem: String| damaged(reader.path, "the header", PREFIX as u64, problem);
    let image = image_len(header.shape).map_err(|e| wrong(e.to_string()))? as u64;
    let mut end = 0u64;
    for (i, section) in header.sections.iter().enumerate() {
        let element = if i % 2 == 0 { image } else { 2 };
        let bytes = header.images[i / 2].checked_mul(element);
        if section.name != SECTION_NAMES[i]
            || bytes != Some(section.bytes)
            || section.offset != align(end)
        {
            return Err(wrong(format!("describes section {} inconsistently", SECTION_NAMES[i])));
        }
        // Bounded by the file's length here, so that no sum below can overflow.
        reader
            .needs(reader.position.saturating_add(section.offset).saturating_add(section.bytes))?;
        end = section.offset + section.bytes;
    }
    let expected = reader.position + end;
    if reader.len != expected {
        let problem = format!("follow the last section, which ends at byte {expected}");
        let extra = format!("{} more bytes", reader.len - expected);
        return Err(damaged(reader.path, extra, expected, problem));
    }
    Ok(())
}

/// The split whose images are section `section` and whose labels have been read.
fn split(
    path: &Path,
    map: &MappedRange,
    header: &Header,
    start: u64,
    section: usize,
    labels: Vec<u16>,
) -> Result<Split> {
    let classes = header.about.classes.len();
    if let Some(i) = labels.iter().position(|&label| usize::from(label) >= classes) {
        return Err(Error::LabelRange {
            origin: path.to_path_buf(),
            entry: header.sections[section + 1].name.clone(),
            offset: 2 * i as u64,
            label: labels[i],
            classes,
            advice: "import the data again",
        });
    }
    let images = &header.sections[section];
    let from = (start + images.offset) as usize;
    // The file may have been cut since its length was read.
    let range = map.slice(from..from + images.bytes as usize).ok_or_else(|| Error::Truncated {
        path: path.to_path_buf(),
        bytes: map.bytes().len() as u64,
        expected: start + images.offset + images.bytes,
    })?;
    Split::from_pixels(header.shape, Pixels::Mapped(range), labels, classes)
        .map_err(|e| damaged(path, format!("section {}", images.name), from as u64, e.to_string()))
}

fn damaged(path: &Path, part: impl Into<String>, offset: u64, problem: impl Into<String>) -> Error {
    Error::Damaged { path: path.to_path_buf(), part: part.into(), offset, problem: problem.into() }
}

/// Reads the file in order. Plain reads, not the map: an unreadable disk is then an error and not a
/// signal.
struct Reader<'a> {
    file: &'a File,
    path: &'a Path,
    len: u64,
    position: u64,
    chunk: Vec<u8>,
}

impl Reader<'_> {
    /// Refuses a file shorter than `expected`.
    fn needs(&self, expected: u64) -> Result<()> {
        if self.len < expected {
            return Err(Error::Truncated {
                path: self.path.to_path_buf(),
                bytes: self.len,
                expected,
            });
        }
        Ok(())
    }

    /// Hands the next `n` bytes to `each`, in pieces of even length except perhaps the last.
    fn take(&mut self, n: u64, mut each: impl FnMut(&[u8])) -> Result<()> {
        let mut left = n;
        while left > 0 {
            let piece = left.min(CHUNK as u64) as usize;
            self.file.read_exact(&mut self.chunk[..piece]).map_err(Error::io("read", self.path))?;
            each(&self.chunk[..piece]);
            left -= piece as u64;
        }
        self.position += n;
        Ok(())
    }

    fn read_vec(&mut self, n: usize) -> Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(n);
        self.take(n as u64, |piece| bytes.extend_from_slice(piece))?;
        Ok(bytes)
    }

    /// Reads filling up to `end`, which has to be zeros.
    fn expect_zeros(&mut self, end: u64) -> Result<()> {
        let from = self.position;
        let mut clean = true;
        self.take(end - from, |bytes| clean &= bytes.iter().all(|&b| b == 0))?;
        if clean { Ok(()) } else { Err(damaged(self.path, "the filling", from, "is not zero")) }
    }
}
