//! Uploads through pinned host memory, so that the caller's memory is free at once and the stream is
//! not waited for.
//!
//! Unsafe, because pinned memory comes as a raw pointer, and a copy reads it after the call.
#![allow(unsafe_code)]

use std::sync::Arc;

use cudarc::driver::{CudaContext, CudaEvent, CudaStream, DriverError, result, sys};

/// Bytes of each of the two halves: a batch of 128 images of 32 × 32 × 3 floats takes 1.5 MiB.
const HALF: usize = 16 << 20;

/// Two halves of pinned memory. One fills up with what is uploaded while copies out of the other run.
#[derive(Debug)]
pub(super) struct Staging {
    halves: [Half; 2],
    turns: Turns,
}

#[derive(Debug)]
struct Half {
    memory: Pinned,
    /// After the last copy out of this half.
    done: CudaEvent,
}

impl Staging {
    pub(super) fn new(context: &Arc<CudaContext>) -> Result<Self, DriverError> {
        let half = || -> Result<Half, DriverError> {
            Ok(Half { memory: Pinned::new(context)?, done: context.new_event(None)? })
        };
        Ok(Staging { halves: [half()?, half()?], turns: Turns::default() })
    }

    /// Copies to the device in the order of the stream. `from` may change when this returns.
    pub(super) fn upload(
        &mut self,
        stream: &CudaStream,
        mut from: &[u8],
        mut to: sys::CUdeviceptr,
    ) -> Result<(), DriverError> {
        while !from.is_empty() {
            let place = self.turns.place(from.len(), HALF);
            let half = &mut self.halves[place.half];
            if place.wait {
                half.done.synchronize()?;
            }
            let (piece, rest) = from.split_at(place.bytes);
            let staged = half.memory.write(place.offset, piece);
            // SAFETY: `staged` is pinned and is not written again before `done` has passed; the
            // caller vouches that the device has as much memory there.
            unsafe { result::memcpy_htod_async(to, staged, stream.cu_stream())? };
            half.done.record(stream)?;
            to += place.bytes as u64;
            from = rest;
        }
        Ok(())
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        for half in &self.halves {
            let context = half.done.context();
            context.record_err(half.done.synchronize());
        }
    }
}

/// Pinned host memory of [`HALF`] bytes.
#[derive(Debug)]
struct Pinned {
    pointer: *mut u8,
    context: Arc<CudaContext>,
}

// SAFETY: it is plain memory of this process, owned by this value alone.
unsafe impl Send for Pinned {}

impl Pinned {
    fn new(context: &Arc<CudaContext>) -> Result<Self, DriverError> {
        context.bind_to_thread()?;
        // SAFETY: the context is current; `Drop` gives the memory back once.
        let pointer = unsafe { result::malloc_host(HALF, 0)? }.cast::<u8>();
        // SAFETY: the driver gave HALF bytes; from now on all of them have a value.
        unsafe { pointer.write_bytes(0, HALF) };
        Ok(Pinned { pointer, context: Arc::clone(context) })
    }

    /// Writes bytes at an offset, and gives them as they lie there.
    fn write(&mut self, offset: usize, bytes: &[u8]) -> &[u8] {
        // SAFETY: HALF bytes with values lie at the pointer, and `self` is borrowed mutably.
        let memory = unsafe { std::slice::from_raw_parts_mut(self.pointer, HALF) };
        let place = &mut memory[offset..][..bytes.len()];
        place.copy_from_slice(bytes);
        place
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        self.context.record_err(self.context.bind_to_thread());
        // SAFETY: it came from `malloc_host` and is freed once; `Staging` has waited for its copies.
        self.context.record_err(unsafe { result::free_host(self.pointer.cast()) });
    }
}

/// Whose turn it is, and how full that half is.
#[derive(Debug, Default)]
struct Turns {
    half: usize,
    used: usize,
}

/// Where the next bytes go.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    half: usize,
    offset: usize,
    bytes: usize,
    /// Whether the half was used before, up to its end, so that its copies must have run.
    wait: bool,
}

impl Turns {
    /// A place for some of `bytes` bytes, at least one, in halves of `size` bytes.
    fn place(&mut self, bytes: usize, size: usize) -> Place {
        let wait = self.used == size;
        if wait {
            (self.half, self.used) = (1 - self.half, 0);
        }
        let (half, offset) = (self.half, self.used);
        let bytes = bytes.min(size - offset);
        // What follows starts at a multiple of 64 bytes, as direct memory access likes it.
        self.used = (offset + bytes).next_multiple_of(64).min(size);
        Place { half, offset, bytes, wait }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_uploads_share_a_half_and_long_ones_alternate() {
        let mut turns = Turns::default();
        let mut place = |bytes| {
            let Place { half, offset, bytes, wait } = turns.place(bytes, 256);
            (half, offset, bytes, wait)
        };
        assert_eq!(place(10), (0, 0, 10, false));
        assert_eq!(place(64), (0, 64, 64, false));
        assert_eq!(place(1000), (0, 128, 128, false));
        assert_eq!(place(872), (1, 0, 256, true));
        assert_eq!(place(616), (0, 0, 256, true));
        assert_eq!(place(200), (1, 0, 200, true));
        assert_eq!(place(1), (0, 0, 1, true), "the rest of the half is too short to align");
    }

    #[test]
    fn bytes_in_flight_are_never_written_over() {
        // The bytes of each half that may still be read by copies.
        let mut in_flight = [[false; 512]; 2];
        let mut turns = Turns::default();
        let mut random = 1_u64;
        for _ in 0..10_000 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let mut bytes = (random >> 33) as usize % 1500;
            while bytes > 0 {
                let place = turns.place(bytes, 512);
                if place.wait {
                    in_flight[place.half] = [false; 512];
                }
                let range = &mut in_flight[place.half][place.offset..][..place.bytes];
                assert!(place.bytes > 0 && range.iter().all(|byte| !byte));
                range.fill(true);
                bytes -= place.bytes;
            }
        }
    }
}
