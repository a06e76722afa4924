//! Benchmarks of everything in Lowland that has a speed goal, by criterion:
//!
//! ```text
//! cargo bench -p lowland-benches                    all of them
//! cargo bench -p lowland-benches --bench ops conv   the convolutions
//! ```
//!
//! `LOWLAND_THREADS` sets the number of threads, 2 by default. Machines drift: compare runs that were
//! made one after the other, by their medians.

mod bound;
mod images;
mod ops;
mod optimizers;
mod steps;
#[cfg(test)]
mod testing;

pub use bound::Bound;
pub use images::images;
pub use ops::{NamedOp, ops};
pub use optimizers::{FlatOptimizer, methods};
pub use steps::Network;

/// The number of threads to measure with.
#[must_use]
pub fn threads() -> usize {
    std::env::var("LOWLAND_THREADS").ok().and_then(|n| n.parse().ok()).unwrap_or(2)
}

/// Numbers without a pattern that arithmetic could profit from, in -1..1.
#[must_use]
pub fn values(len: usize) -> Vec<f32> {
    (0..len).map(|i| (i as f32 * 0.618_034).fract() * 2.0 - 1.0).collect()
}
