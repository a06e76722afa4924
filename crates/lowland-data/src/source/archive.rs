//! Opening a .tar, .tar.gz or .tar.xz archive: undoing the compression, within bounds.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek};
use std::path::Path;
use std::rc::Rc;

use flate2::bufread::MultiGzDecoder;
use liblzma::bufread::XzDecoder;
use liblzma::stream::{CONCATENATED, Error as XzError, Stream};

use super::entries;
use super::{Listing, MAX_ARCHIVE, most_unpacked};
use crate::error::{Error, Place, Result};
use crate::progress::{Progress, Report, Stage};

/// The most memory that unpacking xz may take, bytes; `xz -9` needs 65 MiB.
const XZ_MEMORY: u64 = 256 << 20;

/// Reads an archive; the compression is told from its first bytes, not from its name.
pub(super) fn read(origin: &Path, report: Report<'_>) -> Result<Listing> {
    let mut file = File::open(origin).map_err(Error::io("open", origin))?;
    let packed = file.metadata().map_err(Error::io("open", origin))?.len();
    let mut head = Vec::new();
    file.by_ref().take(512).read_to_end(&mut head).map_err(Error::io("read", origin))?;
    file.rewind().map_err(Error::io("read", origin))?;
    let consumed = Rc::new(Cell::new(0));
    let raw =
        BufReader::with_capacity(1 << 16, Counted { inner: file, bytes: Rc::clone(&consumed) });
    let unpacked: Box<dyn Read> = if head.starts_with(&[0xfd, b'7', b'z', b'X', b'Z', 0]) {
        let stream = Stream::new_stream_decoder(XZ_MEMORY, CONCATENATED);
        let stream = stream.map_err(|e| Error::io("unpack", origin)(e.into()))?;
        Box::new(XzDecoder::new_stream(raw, stream))
    } else if head.starts_with(&[0x1f, 0x8b]) {
        Box::new(MultiGzDecoder::new(raw))
    } else if head.get(257..262) == Some(b"ustar") {
        Box::new(raw)
    } else {
        let problem = "it is neither a folder nor a tar archive (plain, gzip or xz)".to_string();
        return Err(Error::UnknownSource { origin: origin.to_path_buf(), problem });
    };
    let limit = most_unpacked(packed).min(MAX_ARCHIVE);
    let exceeded = Rc::new(Cell::new(false));
    let tail = Tail { inner: unpacked, limit, exceeded: Rc::clone(&exceeded), bytes: 0, zeros: 0 };
    let mut tell = || {
        report(Progress { stage: Stage::Read, done: consumed.get(), total: Some(packed) });
    };
    let broken = |entry: Option<&str>, offset, cause: io::Error| {
        let origin = origin.to_path_buf();
        let place = Place { entry: entry.map(str::to_string), offset };
        if exceeded.get() {
            return Error::Unpacked { origin, place, packed, limit };
        }
        let xz = cause.get_ref().and_then(|inner| inner.downcast_ref::<XzError>());
        if xz == Some(&XzError::MemLimit) {
            let problem = format!("unpacking it takes more than {XZ_MEMORY} bytes of memory");
            return Error::UnknownSource { origin, problem };
        }
        Error::Archive { origin, place, cause }
    };
    entries::read(origin, tail, &broken, &mut tell)
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

/// What the archive unpacks to: counts the bytes read so far, up to a limit, and with how many zero
/// bytes they end.
pub(super) struct Tail {
    inner: Box<dyn Read>,
    limit: u64,
    exceeded: Rc<Cell<bool>>,
    pub(super) bytes: u64,
    pub(super) zeros: u64,
}

impl Read for Tail {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buf)?;
        self.bytes += n as u64;
        if self.bytes > self.limit {
            self.exceeded.set(true);
            return Err(io::Error::other("the limit is exceeded"));
        }
        let zeros = buf[..n].iter().rev().take_while(|&&b| b == 0).count();
        self.zeros = if zeros == n { self.zeros + n as u64 } else { zeros as u64 };
        Ok(n)
    }
}
