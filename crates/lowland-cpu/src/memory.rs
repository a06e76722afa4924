//! Raw memory: aligned blocks, and what may lie in them.
//!
//! Unsafe, because blocks are bytes whose element type is known at run time: they come straight from
//! the allocator and are seen as slices of numbers.
#![allow(unsafe_code)]

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::ptr::NonNull;

use lowland_core::{ALIGNMENT_BYTES, Element};

/// The size of a huge page on most processors.
const HUGE_PAGE: usize = 2 << 20;

/// Element types of which every pattern of bits is a value.
///
/// # Safety
/// The type must have no padding, no invalid values, no destructor and no alignment over
/// [`ALIGNMENT_BYTES`].
pub(crate) unsafe trait Plain: Element {}

// SAFETY: any 32 bits are an f32.
unsafe impl Plain for f32 {}
// SAFETY: any 64 bits are an f64.
unsafe impl Plain for f64 {}
// SAFETY: any 32 bits are a u32.
unsafe impl Plain for u32 {}

/// Owned memory, aligned to [`ALIGNMENT_BYTES`] and never uninitialised.
#[derive(Debug)]
pub(crate) struct Block {
    /// What the allocator gave.
    allocation: NonNull<u8>,
    layout: Layout,
    /// The first aligned byte in it.
    start: NonNull<u8>,
    bytes: usize,
}

// SAFETY: a block owns its memory, as a `Box<[u8]>` does.
unsafe impl Send for Block {}
// SAFETY: through a shared block one gets a pointer only, whose use has its own conditions, or
// shared slices.
unsafe impl Sync for Block {}

impl Block {
    /// `bytes` bytes of zeros, or `None` where there is no such memory. A block of huge pages begins
    /// with one, and the system is asked for them.
    pub(crate) fn zeroed(bytes: usize) -> Option<Self> {
        let alignment = if bytes < HUGE_PAGE { ALIGNMENT_BYTES } else { HUGE_PAGE };
        // The allocator hands out large zeroed blocks without touching them as long as their
        // alignment is small, so the alignment is made here.
        let padded = bytes.checked_add(alignment)?;
        let layout = Layout::from_size_align(padded, align_of::<u64>()).ok()?;
        // SAFETY: the layout has at least `alignment` bytes.
        let allocation = NonNull::new(unsafe { alloc_zeroed(layout) })?;
        let offset = allocation.align_offset(alignment);
        assert!(offset < alignment, "a byte pointer can always be aligned");
        // SAFETY: offset + bytes < padded, so this stays inside the allocation.
        let start = unsafe { allocation.add(offset) };
        let block = Block { allocation, layout, start, bytes };
        block.ask_for_huge_pages();
        Some(block)
    }

    /// Asks for huge pages where they fit in whole: a pass over activations then looks up 512 times
    /// fewer addresses, and no memory is taken beyond the block. It is a wish; that it is not
    /// granted is no error.
    fn ask_for_huge_pages(&self) {
        #[cfg(target_os = "linux")]
        if self.bytes >= HUGE_PAGE {
            let whole = self.bytes / HUGE_PAGE * HUGE_PAGE;
            // SAFETY: the range lies inside the block and begins at a page; the advice changes
            // neither addresses nor contents.
            unsafe { libc::madvise(self.start.as_ptr().cast(), whole, libc::MADV_HUGEPAGE) };
        }
    }

    /// The number of bytes.
    pub(crate) fn size(&self) -> usize {
        self.bytes
    }

    /// The address of the first byte.
    pub(crate) fn address(&self) -> usize {
        self.start.addr().get()
    }

    /// A pointer to element `offset`, good for `len` elements of type `T`.
    ///
    /// # Panics
    /// Where they do not all lie inside.
    pub(crate) fn pointer<T: Plain>(&self, offset: usize, len: usize) -> NonNull<T> {
        let end = offset.checked_add(len).and_then(|end| end.checked_mul(size_of::<T>()));
        assert!(end.is_some_and(|end| end <= self.bytes), "{len} elements at {offset}");
        // SAFETY: the element range was just checked to lie inside the block.
        unsafe { self.start.cast::<T>().add(offset) }
    }

    /// The first `len` elements.
    pub(crate) fn slice<T: Plain>(&self, len: usize) -> &[T] {
        let pointer = self.pointer(0, len);
        // SAFETY: in bounds and aligned by `pointer`, initialised by `zeroed`, of a plain type; the
        // shared borrow of the block keeps `slice_mut` away.
        unsafe { std::slice::from_raw_parts(pointer.as_ptr(), len) }
    }

    /// The first `len` elements, to be written to.
    pub(crate) fn slice_mut<T: Plain>(&mut self, len: usize) -> &mut [T] {
        let pointer = self.pointer(0, len);
        // SAFETY: as in `slice`; the borrow of the block is exclusive.
        unsafe { std::slice::from_raw_parts_mut(pointer.as_ptr(), len) }
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        // SAFETY: allocated in `zeroed` with this layout, and freed only here.
        unsafe { dealloc(self.allocation.as_ptr(), self.layout) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_aligned_zero_and_writable_to_the_last_byte() {
        for bytes in [256, 1024, 3 << 20] {
            let mut block = Block::zeroed(bytes).unwrap();
            assert_eq!(block.size(), bytes);
            assert_eq!(block.pointer::<f32>(0, 0).addr().get() % ALIGNMENT_BYTES, 0);
            assert!(block.slice::<u32>(bytes / 4).iter().all(|&x| x == 0));
            block.slice_mut::<u32>(bytes / 4)[bytes / 4 - 1] = 7;
            assert_eq!(block.slice::<u32>(bytes / 4)[bytes / 4 - 1], 7);
        }
    }

    #[test]
    fn memory_that_cannot_be_had_is_none() {
        assert!(Block::zeroed(usize::MAX).is_none());
        assert!(Block::zeroed(isize::MAX as usize).is_none());
        assert!(Block::zeroed(1 << 62).is_none());
    }

    #[test]
    #[should_panic(expected = "65 elements at 0")]
    fn a_slice_does_not_leave_its_block() {
        let _ = Block::zeroed(256).unwrap().slice::<f32>(65);
    }
}
