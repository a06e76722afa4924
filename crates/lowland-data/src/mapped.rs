//! Read-only memory maps of packed files. This module is the only one with `unsafe`: a map is sound
//! only while nobody changes the file, which the type system cannot see.
//!
//! Packed files are written once, under a temporary name, and renamed into place; this crate never
//! changes one afterwards, and a new import replaces the directory entry, not the mapped bytes. A
//! process that overwrites or truncates a packed file in place while it is open breaks that
//! contract.
#![allow(unsafe_code)]

use std::fmt;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use memmap2::Mmap;

/// A byte range of a mapped file; clones share the map.
#[derive(Clone)]
pub(crate) struct MappedRange {
    map: Arc<Mmap>,
    range: Range<usize>,
}

impl MappedRange {
    /// Maps the whole file.
    pub(crate) fn whole(file: &File) -> io::Result<MappedRange> {
        // SAFETY: the file is a packed dataset, which is never modified in place (see the module's
        // header), so that the bytes behind the shared slice do not change while the map lives.
        let map = unsafe { Mmap::map(file)? };
        Ok(MappedRange { range: 0..map.len(), map: Arc::new(map) })
    }

    /// A part of this range, `None` when it is outside.
    pub(crate) fn slice(&self, range: Range<usize>) -> Option<MappedRange> {
        (range.start <= range.end && range.end <= self.range.len()).then(|| MappedRange {
            map: Arc::clone(&self.map),
            range: self.range.start + range.start..self.range.start + range.end,
        })
    }

    /// The bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.map[self.range.clone()]
    }
}

impl fmt::Debug for MappedRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MappedRange({:?})", self.range)
    }
}
