//! Host memory that stands in for a device's: aligned, poisoned, and watched at its edges.
//!
//! ```text
//! | guard | in use ................ | guard, and what else the block has |
//! ```
//!
//! A guard is a pattern, compared after each launch. Under AddressSanitizer it is memory that may not
//! be touched. What comes into use is filled with signalling NaNs.
//!
//! Unsafe, because addresses are plain numbers here: those of live blocks are good for reads and
//! writes within them, which every function checks.
#![allow(unsafe_code)]

use std::alloc::{Layout, alloc, dealloc};
use std::collections::BTreeMap;
use std::sync::Mutex;

use lowland_core::{Error, Result};
use lowland_cuda::driver::Address;

use crate::module::lock;
use crate::sanitize::Poison;
use crate::shim::NAME;

/// The length of a guard, and the alignment of a block.
const GUARD: usize = 256;
/// What a guard holds.
const PATTERN: u8 = 0xa5;
/// What memory holds that nobody has written to: a signalling NaN, as in `shim.cpp`.
const UNWRITTEN: [u8; 4] = 0x7fa0_dead_u32.to_le_bytes();

/// A block by its address.
#[derive(Clone, Copy, Debug)]
struct Block {
    capacity: usize,
    used: usize,
}

/// The memory of one shim.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    blocks: Mutex<BTreeMap<u64, Block>>,
    poison: Option<Poison>,
}

impl Memory {
    pub(crate) fn new() -> Self {
        Memory { blocks: Mutex::default(), poison: Poison::here() }
    }

    /// A block, all in use.
    pub(crate) fn allocate(&self, bytes: usize) -> Option<Address> {
        let layout = layout(bytes)?;
        // SAFETY: the layout is not empty.
        let start = unsafe { alloc(layout) };
        if start.is_null() {
            return None;
        }
        let address = start as u64 + GUARD as u64;
        let block = Block { capacity: bytes, used: bytes };
        // SAFETY: the block was just allocated, and nobody else knows of it.
        unsafe { self.dress(address, block) };
        lock(&self.blocks).insert(address, block);
        Some(Address(address))
    }

    /// Says that the first `bytes` of a block come into use, and the others are not to be touched.
    pub(crate) fn use_only(&self, address: Address, bytes: usize) {
        let mut blocks = lock(&self.blocks);
        if let Some(block) = blocks.get_mut(&address.0) {
            block.used = bytes.min(block.capacity);
            // SAFETY: the block is live; what is dressed was not in use, or is unspecified now.
            unsafe { self.dress(address.0, *block) };
        }
    }

    /// Gives a block back.
    pub(crate) fn free(&self, address: Address) {
        let Some(block) = lock(&self.blocks).remove(&address.0) else {
            return;
        };
        let start = (address.0 - GUARD as u64) as *mut u8;
        if let Some(poison) = self.poison {
            poison.lift(start, block.capacity + 2 * GUARD);
        }
        if let Some(layout) = layout(block.capacity) {
            // SAFETY: `allocate` got it from there with this layout, and it was in the table, once.
            unsafe { dealloc(start, layout) };
        }
    }

    /// Checks that a range lies in memory that is in use.
    ///
    /// # Errors
    /// The range, in the words of `what`.
    pub(crate) fn check(&self, what: &str, address: Address, bytes: usize) -> Result<()> {
        let blocks = lock(&self.blocks);
        let block = blocks.range(..=address.0).next_back();
        let inside = block.is_some_and(|(start, block)| {
            (address.0 - start) as usize <= block.used
                && bytes <= block.used - (address.0 - start) as usize
        });
        if inside || bytes == 0 {
            return Ok(());
        }
        let message = format!("{what}: {bytes} bytes at {:#x} are not in use", address.0);
        Err(Error::device(NAME, message))
    }

    /// Checks that no guard was written to, and mends those that were.
    ///
    /// # Errors
    /// The first byte that was, and how far it is from which block.
    pub(crate) fn check_guards(&self) -> Result<(), String> {
        if self.poison.is_some() {
            return Ok(());
        }
        let mut found = Ok(());
        for (&start, block) in lock(&self.blocks).iter() {
            for guard in [start - GUARD as u64, start + block.used as u64] {
                // SAFETY: a guard is memory of a live block, which only launches write to, and those
                // are over.
                let bytes = unsafe { std::slice::from_raw_parts_mut(guard as *mut u8, GUARD) };
                let Some(at) = bytes.iter().position(|&byte| byte != PATTERN) else {
                    continue;
                };
                bytes.fill(PATTERN);
                let address = guard + at as u64;
                let place = address as i64 - start as i64;
                let used = block.used;
                found = found.and_then(|()| {
                    Err(format!(
                        "a write out of bounds at {address:#x}: byte {place} of {used} in use"
                    ))
                });
            }
        }
        found
    }

    /// Elements to read.
    ///
    /// # Errors
    /// Where the range is not in use.
    ///
    /// # Safety
    /// Nothing writes to them while the slice lives.
    pub(crate) unsafe fn read(&self, what: &str, address: Address, len: usize) -> Result<&[f32]> {
        self.check(what, address, len * size_of::<f32>())?;
        // SAFETY: the range is of a live block, every bit pattern is a number, and operands are
        // aligned as their elements are.
        Ok(unsafe { std::slice::from_raw_parts(pointer(address).cast(), len) })
    }

    /// Elements to write.
    ///
    /// # Errors
    /// Where the range is not in use.
    ///
    /// # Safety
    /// Nothing else uses them while the slice lives.
    #[expect(clippy::mut_from_ref, reason = "the memory is not the table's")]
    pub(crate) unsafe fn write(
        &self,
        what: &str,
        address: Address,
        len: usize,
    ) -> Result<&mut [f32]> {
        self.check(what, address, len * size_of::<f32>())?;
        // SAFETY: as for `read`.
        Ok(unsafe { std::slice::from_raw_parts_mut(pointer(address).cast(), len) })
    }

    /// Copies from the host.
    ///
    /// # Errors
    /// Where the range is not in use.
    pub(crate) fn upload(&self, from: &[u8], to: Address) -> Result<()> {
        self.check("an upload", to, from.len())?;
        // SAFETY: both ranges are good, and host memory is not the device's.
        unsafe { pointer(to).copy_from_nonoverlapping(from.as_ptr(), from.len()) };
        Ok(())
    }

    /// Copies to the host.
    ///
    /// # Errors
    /// Where the range is not in use.
    pub(crate) fn download(&self, from: Address, to: &mut [u8]) -> Result<()> {
        self.check("a download", from, to.len())?;
        // SAFETY: both ranges are good, and host memory is not the device's.
        unsafe { to.as_mut_ptr().copy_from_nonoverlapping(pointer(from), to.len()) };
        Ok(())
    }

    /// Copies within the device.
    ///
    /// # Errors
    /// Where a range is not in use, or they overlap.
    pub(crate) fn copy(&self, from: Address, to: Address, bytes: usize) -> Result<()> {
        self.check("a copy from", from, bytes)?;
        self.check("a copy to", to, bytes)?;
        if from.0.abs_diff(to.0) < bytes as u64 {
            let message = format!("a copy of {bytes} bytes: {:#x} overlaps {:#x}", from.0, to.0);
            return Err(Error::device(NAME, message));
        }
        // SAFETY: both ranges are good and do not overlap.
        unsafe { pointer(to).copy_from_nonoverlapping(pointer(from), bytes) };
        Ok(())
    }

    /// Fills what is in use with NaNs and puts guards around it.
    ///
    /// # Safety
    /// The block is live, and nobody cares for what it holds.
    unsafe fn dress(&self, address: u64, block: Block) {
        let start = (address - GUARD as u64) as *mut u8;
        let bytes = block.capacity + 2 * GUARD;
        if let Some(poison) = self.poison {
            poison.lift(start, bytes);
        }
        // SAFETY: `allocate` asked for a guard on either side of the capacity.
        let all = unsafe { std::slice::from_raw_parts_mut(start, bytes) };
        all[..GUARD].fill(PATTERN);
        let (used, rest) = all[GUARD..].split_at_mut(block.used);
        used.chunks_mut(4).for_each(|chunk| chunk.copy_from_slice(&UNWRITTEN[..chunk.len()]));
        rest[..GUARD].fill(PATTERN);
        if let Some(poison) = self.poison {
            poison.lay(start, GUARD);
            poison.lay(rest.as_ptr(), rest.len());
        }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        let live: Vec<u64> = lock(&self.blocks).keys().copied().collect();
        live.into_iter().for_each(|address| self.free(Address(address)));
    }
}

fn pointer(address: Address) -> *mut u8 {
    address.0 as *mut u8
}

/// A block with a guard on either side.
fn layout(bytes: usize) -> Option<Layout> {
    Layout::from_size_align(bytes.checked_add(2 * GUARD)?, GUARD).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_checked() {
        let memory = Memory::new();
        let a = memory.allocate(1024).unwrap();
        assert_eq!(a.0 % 256, 0);
        memory.use_only(a, 100);
        memory.upload(&[7; 100], a).unwrap();
        let mut back = [0; 50];
        memory.download(a.offset(50), &mut back).unwrap();
        assert_eq!(back, [7; 50]);
        let error = memory.upload(&[7; 51], a.offset(50)).unwrap_err().to_string();
        assert!(error.contains("an upload: 51 bytes at 0x"), "{error}");
        assert!(memory.copy(a, a.offset(40), 50).is_err(), "overlapping");
        memory.copy(a, a.offset(50), 50).unwrap();
        memory.free(a);
        assert!(memory.download(a, &mut back).is_err());
        assert_eq!(memory.allocate(usize::MAX), None);
    }

    #[test]
    fn memory_that_comes_into_use_holds_signalling_nans() {
        let memory = Memory::new();
        let a = memory.allocate(16).unwrap();
        // SAFETY: nothing writes.
        let values = unsafe { memory.read("a test", a, 4) }.unwrap();
        assert!(values.iter().all(|value| value.to_bits() == 0x7fa0_dead && value.is_nan()));
    }
}
