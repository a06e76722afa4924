//! Allocation: alignment, separation, reuse, exhaustion, and the count of it all.

use lowland_core::{ALIGNMENT_BYTES, Backend, Buffer, DType, MemoryStats, Result};

use super::Named;
use super::misuse::{buffer, contents, fits};
use super::report::{Check, Log};
use crate::values::Values;

pub(super) fn checks<'a>() -> Vec<Named<'a>> {
    type Check = fn(&dyn Backend, &mut Log<'_>);
    let checks: [(&str, Check); 6] = [
        ("empty buffers", empty),
        ("alignment", alignment),
        ("separation", separation),
        ("slices keep memory alive", kept_alive),
        ("count and reuse", count),
        ("exhaustion", exhaustion),
    ];
    checks.into_iter().map(|(name, check)| (name.into(), Box::new(check) as Box<_>)).collect()
}

fn empty(backend: &dyn Backend, log: &mut Log<'_>) {
    for dtype in [DType::F32, DType::F64, DType::U32] {
        let Some(buffer) = log.works("allocate", backend.allocate(0, dtype)) else { return };
        let right = buffer.is_empty() && buffer.dtype() == dtype;
        log.require(right, Check::Allocation, format!("asked for 0 of {dtype}, got {buffer:?}"));
    }
}

fn alignment(backend: &dyn Backend, log: &mut Log<'_>) {
    let mut alive = Vec::new();
    for (len, dtype) in [(1, DType::F32), (3, DType::F64), (5, DType::U32), (1000, DType::F32)] {
        let Some(buffer) = log.works("allocate", backend.allocate(len, dtype)) else { return };
        let aligned = (buffer.offset() * dtype.size()).is_multiple_of(ALIGNMENT_BYTES);
        let right = aligned && buffer.len() == len && buffer.dtype() == dtype;
        log.require(
            right,
            Check::Allocation,
            format!("asked for {len} of {dtype}, got {buffer:?}"),
        );
        alive.push(buffer);
    }
}

/// Writes to one allocation do not show in another.
fn separation(backend: &dyn Backend, log: &mut Log<'_>) {
    let values = |i: usize| Values::floats(DType::F32, &vec![i as f64; 1 + 13 * i]);
    let buffers: Result<Vec<Buffer>> = (0..40).map(|i| buffer(backend, &values(i))).collect();
    let Some(buffers) = log.works("upload", buffers) else { return };
    for (i, buffer) in buffers.iter().enumerate() {
        let Some(found) = log.works("download", contents(backend, buffer)) else { return };
        let same = values(i).first_difference(&found).is_none();
        log.require(same, Check::Allocation, format!("allocation {i} of 40 shares memory"));
    }
}

/// Memory is not handed out again while a slice of it is held.
fn kept_alive(backend: &dyn Backend, log: &mut Log<'_>) {
    let values = Values::floats(DType::F32, &[0.25; 1000]);
    let Some(whole) = log.works("upload", buffer(backend, &values)) else { return };
    let Some(slice) = log.works("slice", whole.slice(400, 100)) else { return };
    drop(whole);
    let Some(_other) = log.works("upload", buffer(backend, &Values::marked(DType::F32, 1000)))
    else {
        return;
    };
    let Some(found) = log.works("download", contents(backend, &slice)) else { return };
    let same = values.range(400, 100).first_difference(&found).is_none();
    log.require(same, Check::Allocation, "memory was handed out while a slice of it was held");
}

fn stats(backend: &dyn Backend, log: &mut Log<'_>) -> MemoryStats {
    log.works("sync", backend.sync());
    backend.memory()
}

fn count(backend: &dyn Backend, log: &mut Log<'_>) {
    let sizes = [(1000, DType::F32), (77, DType::F64), (123, DType::U32), (1000, DType::F32)];
    let bytes: usize = sizes.iter().map(|(len, dtype)| len * dtype.size()).sum();
    let round = || sizes.map(|(len, dtype)| backend.allocate(len, dtype));
    let before = stats(backend, log);
    let held = round();
    let during = stats(backend, log);
    let grown = during.bytes_in_use.saturating_sub(before.bytes_in_use);
    let message = format!("{bytes} bytes were allocated, the count grew by {grown}");
    log.require(grown >= bytes, Check::Memory, message);
    let ordered = during.bytes_in_use <= during.bytes_held.min(during.peak_bytes_in_use);
    log.require(
        ordered,
        Check::Memory,
        format!("more in use than held or at the peak: {during:?}"),
    );
    drop(held);
    let after = stats(backend, log);
    let back = after.bytes_in_use == before.bytes_in_use;
    log.require(back, Check::Memory, format!("in use before {before:?}, after a drop {after:?}"));
    drop(round());
    let again = stats(backend, log);
    let reused = again.fresh_allocations == after.fresh_allocations;
    let message = format!("the same sizes once more needed fresh memory: {after:?}, {again:?}");
    log.require(reused, Check::Memory, message);
}

/// More than any machine has is an error, and harms nothing.
fn exhaustion(backend: &dyn Backend, log: &mut Log<'_>) {
    let before = stats(backend, log);
    for (len, dtype) in [(usize::MAX, DType::F32), (1 << 60, DType::F64), (1 << 58, DType::U32)] {
        match backend.allocate(len, dtype) {
            Err(error) if fits(Check::OutOfMemory, &error) => {}
            Err(error) => log.fail(Check::OutOfMemory, format!("got another error: {error}")),
            Ok(_) => log.fail(Check::OutOfMemory, format!("{len} elements were handed out")),
        }
    }
    let after = stats(backend, log);
    let same = after.bytes_in_use == before.bytes_in_use;
    log.require(same, Check::Memory, format!("refusals were counted: {before:?}, {after:?}"));
    log.works("allocation after a refusal", backend.allocate(10, DType::F32));
}
