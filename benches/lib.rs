//! Benchmarks of everything in Lowland that has a speed goal, by criterion:
//!
//! ```text
//! cargo bench -p lowland-benches                    all of them
//! cargo bench -p lowland-benches --bench ops conv   the convolutions
//! ```
//!
//! `LOWLAND_THREADS` sets the number of threads, 2 by default. Machines drift: compare runs that were
//! made one after the other, by their medians.

use lowland_core::Shape;
use lowland_core::op::Conv2d;

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

/// The convolutions of a ResNet-20 on a batch of 128 images of 32x32, each with its name.
///
/// # Panics
/// Never: the shapes fit.
#[must_use]
pub fn resnet20_convolutions() -> Vec<(&'static str, Conv2d)> {
    let conv = |size: usize, from: usize, to: usize, kernel: usize, stride: usize| {
        let (x, w) =
            (Shape::from([128, size, size, from]), Shape::from([to, from, kernel, kernel]));
        Conv2d::new(x, w, [stride; 2], [kernel / 2; 2], 1).expect("the shapes fit")
    };
    vec![
        ("3to16_32px", conv(32, 3, 16, 3, 1)),
        ("16to16_32px", conv(32, 16, 16, 3, 1)),
        ("16to32_stride2", conv(32, 16, 32, 3, 2)),
        ("32to32_16px", conv(16, 32, 32, 3, 1)),
        ("32to64_stride2", conv(16, 32, 64, 3, 2)),
        ("64to64_8px", conv(8, 64, 64, 3, 1)),
        ("32to64_1x1_stride2", conv(16, 32, 64, 1, 2)),
    ]
}
