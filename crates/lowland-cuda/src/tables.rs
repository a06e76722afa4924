//! Tables of work that ops share: made and uploaded once, kept on the device while the op may come
//! again.
//!
//! An op holds its segments or tensors behind an `Arc`. The table made of them is found again by the
//! address of that memory, and let go once no one else holds it: a warm step uploads nothing.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, Weak};

use lowland_core::{Error, Result};

use crate::driver::Address;
use crate::launcher::lock;
use crate::storage::{DeviceMemory, Pool};

/// Elements that a block of a pass over arenas takes: 16 a thread.
pub(crate) const CHUNK: usize = 4096;

/// What a table says before it is on the device.
#[derive(Debug, Default)]
pub(crate) struct Content {
    /// The rows, one for each block of a launch.
    pub(crate) rows: Vec<u64>,
    /// How many there are.
    pub(crate) blocks: usize,
    /// Numbers that rows point to.
    pub(crate) numbers: Vec<f64>,
    /// How much scratch memory the launch takes.
    pub(crate) scratch_len: usize,
}

impl Content {
    /// Adds a row.
    pub(crate) fn push<const N: usize>(&mut self, row: [usize; N]) {
        self.rows.extend(row.map(|field| field as u64));
        self.blocks += 1;
    }

    /// Adds numbers that rows point to, and says where they are; the same ones come once.
    pub(crate) fn add_numbers(&mut self, numbers: &[f64]) -> usize {
        let bits = |numbers: &[f64]| numbers.iter().map(|x| x.to_bits()).collect::<Vec<u64>>();
        let known = self.numbers.windows(numbers.len().max(1));
        match known.into_iter().position(|window| bits(window) == bits(numbers)) {
            Some(at) => at,
            None => {
                self.numbers.extend(numbers);
                self.numbers.len() - numbers.len()
            }
        }
    }
}

/// A table on the device.
#[derive(Debug)]
pub(crate) struct Table {
    /// Its memory, as long as it is wanted.
    _memory: DeviceMemory,
    /// The first row.
    pub(crate) rows: Address,
    /// The blocks of the launch.
    pub(crate) blocks: u32,
    /// The first number.
    pub(crate) numbers: Address,
    /// How much scratch memory the launch takes.
    pub(crate) scratch_len: usize,
}

impl Table {
    fn new(pool: &Arc<Pool>, content: &Content) -> Result<Self> {
        let Content { rows, blocks, numbers, scratch_len } = content;
        let blocks = u32::try_from(*blocks).ok().filter(|&blocks| blocks <= i32::MAX as u32);
        let blocks =
            blocks.ok_or_else(|| Error::invalid("cuda", "more than 2^31 blocks of work"))?;
        let words: Vec<u64> =
            rows.iter().copied().chain(numbers.iter().map(|x| x.to_bits())).collect();
        let bytes: &[u8] = bytemuck::cast_slice(&words);
        let memory = pool.take(bytes.len())?;
        let start = memory.address();
        if !bytes.is_empty() {
            pool.driver().upload(bytes, start)?;
        }
        let numbers = start.offset(size_of_val(&rows[..]));
        Ok(Table { _memory: memory, rows: start, blocks, numbers, scratch_len: *scratch_len })
    }
}

/// Something shared that a table is made of.
pub(crate) trait Shared {
    /// Where it is.
    fn place(&self) -> usize;
    /// Something that tells when it is gone, and keeps its place from being taken till then.
    fn watch(&self) -> Box<dyn Watch>;
}

impl<T: ?Sized + Send + Sync + 'static> Shared for Arc<T> {
    fn place(&self) -> usize {
        Arc::as_ptr(self).cast::<()>() as usize
    }

    fn watch(&self) -> Box<dyn Watch> {
        Box::new(Arc::downgrade(self))
    }
}

/// See [`Shared::watch`].
pub(crate) trait Watch: Send + Sync {
    /// Whether no one holds it any more.
    fn is_gone(&self) -> bool;
}

impl<T: ?Sized + Send + Sync> Watch for Weak<T> {
    fn is_gone(&self) -> bool {
        self.strong_count() == 0
    }
}

/// What a table is for, and the places of what it is made of.
type Key = (&'static str, Vec<usize>);

/// A table, and what it was made of.
type Entry = (Vec<Box<dyn Watch>>, Arc<Table>);

/// The tables of one device.
#[derive(Default)]
pub(crate) struct Tables {
    entries: Mutex<HashMap<Key, Entry>>,
}

impl Tables {
    /// The table that a purpose makes of some shared things.
    ///
    /// # Errors
    /// What `make` says, and what the device says of memory and the upload.
    pub(crate) fn get(
        &self,
        pool: &Arc<Pool>,
        purpose: &'static str,
        of: &[&dyn Shared],
        make: impl FnOnce() -> Result<Content>,
    ) -> Result<Arc<Table>> {
        let key = (purpose, of.iter().map(|shared| shared.place()).collect());
        let mut entries = lock(&self.entries);
        if let Some((_, table)) = entries.get(&key) {
            return Ok(Arc::clone(table));
        }
        entries.retain(|_, (watches, _)| !watches.iter().any(|watch| watch.is_gone()));
        let table = Arc::new(Table::new(pool, &make()?)?);
        let watches = of.iter().map(|shared| shared.watch()).collect();
        entries.insert(key, (watches, Arc::clone(&table)));
        Ok(table)
    }
}

impl fmt::Debug for Tables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} tables", lock(&self.entries).len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_come_again_are_there_once() {
        let mut content = Content::default();
        let places = [&[1.0, 2.0][..], &[3.0], &[1.0, 2.0], &[2.0, 3.0], &[0.0], &[-0.0], &[]];
        assert_eq!(places.map(|numbers| content.add_numbers(numbers)), [0, 2, 0, 1, 3, 4, 5]);
        assert_eq!(content.numbers, [1.0, 2.0, 3.0, 0.0, -0.0]);
    }

    #[test]
    fn what_is_shared_tells_when_it_is_gone() {
        let shared: Arc<[u8]> = Arc::new([1, 2]);
        let (place, watch) = (shared.place(), shared.watch());
        assert_eq!(Arc::clone(&shared).place(), place);
        assert!(!watch.is_gone());
        drop(shared);
        assert!(watch.is_gone());
    }
}
