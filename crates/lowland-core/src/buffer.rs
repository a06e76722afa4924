//! Buffers: a range of elements of some backend's storage.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use crate::{DType, Error, Result};

/// Slices of an arena start at multiples of this many bytes.
pub const ALIGNMENT_BYTES: usize = 256;

/// Memory owned by a backend. Only the backend that made it can look inside.
pub trait Storage: Any + Send + Sync + fmt::Debug {}

/// A contiguous range of elements of a storage. Cloning shares the memory.
#[derive(Clone)]
pub struct Buffer {
    storage: Arc<dyn Storage>,
    dtype: DType,
    offset: usize,
    len: usize,
}

impl Buffer {
    /// The whole of a storage of `len` elements. For backends.
    #[must_use]
    pub fn new(storage: Arc<dyn Storage>, dtype: DType, len: usize) -> Self {
        Buffer { storage, dtype, offset: 0, len }
    }

    /// The storage, as the backend's own type; `None` where another backend made it.
    #[must_use]
    pub fn storage<S: Storage>(&self) -> Option<&S> {
        let any: &dyn Any = &*self.storage;
        any.downcast_ref()
    }

    /// The type of the elements.
    #[must_use]
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// The first element's index in the storage.
    #[must_use]
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// The number of elements.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no elements.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Elements `start..start + len` of this buffer, sharing its memory.
    ///
    /// # Errors
    /// [`Error::Range`] where they are not all inside.
    pub fn slice(&self, start: usize, len: usize) -> Result<Buffer> {
        match start.checked_add(len) {
            Some(end) if end <= self.len => {
                Ok(Buffer { offset: self.offset + start, len, ..self.clone() })
            }
            _ => Err(Error::Range { start, len, available: self.len }),
        }
    }

    /// Whether two buffers share an element.
    #[must_use]
    pub fn overlaps(&self, other: &Buffer) -> bool {
        !self.is_empty()
            && !other.is_empty()
            && Arc::ptr_eq(&self.storage, &other.storage)
            && self.offset < other.offset + other.len
            && other.offset < self.offset + self.len
    }

    /// The elements from one to the next slice of an arena that starts at a multiple of
    /// [`ALIGNMENT_BYTES`]: `len` rounded up. `usize::MAX` where that cannot be counted, which no
    /// backend can allocate.
    #[must_use]
    pub fn aligned_len(len: usize, dtype: DType) -> usize {
        len.checked_next_multiple_of(ALIGNMENT_BYTES / dtype.size()).unwrap_or(usize::MAX)
    }
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Buffer({} {}..{})", self.dtype, self.offset, self.offset + self.len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Nothing;
    impl Storage for Nothing {}

    #[test]
    fn slices_stay_inside_and_know_what_they_share() {
        let whole = Buffer::new(Arc::new(Nothing), DType::F32, 10);
        let head = whole.slice(0, 4).unwrap();
        let tail = whole.slice(4, 6).unwrap();
        assert!(!head.overlaps(&tail) && head.overlaps(&whole) && tail.overlaps(&whole));
        assert_eq!(tail.slice(1, 2).unwrap().offset(), 5);
        let error = whole.slice(8, 3).unwrap_err().to_string();
        assert_eq!(error, "elements 8..11 were asked of a buffer of 10");
        assert!(whole.slice(1, usize::MAX).is_err());
        let other = Buffer::new(Arc::new(Nothing), DType::F32, 10);
        assert!(!whole.overlaps(&other));
        assert!(!whole.overlaps(&whole.slice(5, 0).unwrap()), "nothing is shared with nothing");
    }

    #[test]
    fn arena_slices_are_aligned() {
        assert_eq!(Buffer::aligned_len(1, DType::F32), 64);
        assert_eq!(Buffer::aligned_len(64, DType::F32), 64);
        assert_eq!(Buffer::aligned_len(33, DType::F64), 64);
        assert_eq!(Buffer::aligned_len(0, DType::F32), 0);
        assert_eq!(Buffer::aligned_len(usize::MAX - 1, DType::F32), usize::MAX);
    }
}
