//! Random vectors that depend on a seed, a purpose and an index alone.
//!
//! The generator is ChaCha8 with this key of 32 bytes: the seed as u64 little-endian ‖ the index as
//! u64 little-endian ‖ the purpose in ASCII, filled up with zero bytes.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rand_distr::{Distribution, StandardNormal};

/// What a vector is drawn for. Two purposes share no numbers.
#[derive(Clone, Copy)]
pub(crate) enum Purpose {
    /// The first vector of a Lanczos iteration, and those after a breakdown.
    Start,
    /// The probes of a trace.
    Trace,
    /// The probes of a spectral density.
    Density,
    /// The directions of a loss surface.
    Direction,
    /// The first step of an ascent where the gradient is zero.
    Ascent,
}

impl Purpose {
    fn tag(self) -> &'static [u8] {
        match self {
            Purpose::Start => b"lowland-start-v1",
            Purpose::Trace => b"lowland-trace-v1",
            Purpose::Density => b"lowland-densi-v1",
            Purpose::Direction => b"lowland-direc-v1",
            Purpose::Ascent => b"lowland-ascen-v1",
        }
    }
}

fn generator(seed: u64, purpose: Purpose, index: u64) -> ChaCha8Rng {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    key[8..16].copy_from_slice(&index.to_le_bytes());
    key[16..].copy_from_slice(purpose.tag());
    ChaCha8Rng::from_seed(key)
}

/// Numbers from the standard normal distribution.
pub(crate) fn normal(seed: u64, purpose: Purpose, index: u64, len: usize) -> Vec<f64> {
    let mut rng = generator(seed, purpose, index);
    (0..len).map(|_| StandardNormal.sample(&mut rng)).collect()
}

/// Numbers that are 1 or -1, each with probability 1/2: Rademacher's distribution.
pub(crate) fn signs(seed: u64, purpose: Purpose, index: u64, len: usize) -> Vec<f64> {
    let mut rng = generator(seed, purpose, index);
    let mut bits = 0u64;
    let sign = |i: usize| {
        if i.is_multiple_of(64) {
            bits = rng.random();
        }
        if bits >> (i % 64) & 1 == 0 { 1.0 } else { -1.0 }
    };
    (0..len).map(sign).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_depend_on_seed_purpose_and_index_alone() {
        let base = signs(1, Purpose::Trace, 0, 200);
        assert_eq!(base, signs(1, Purpose::Trace, 0, 300)[..200]);
        assert_ne!(base, signs(2, Purpose::Trace, 0, 200));
        assert_ne!(base, signs(1, Purpose::Density, 0, 200));
        assert_ne!(base, signs(1, Purpose::Trace, 1, 200));
    }

    #[test]
    fn moments_are_those_of_the_distributions() {
        // Within five standard errors of 40,000 draws: 0.025 for the mean, 0.036 for the square.
        let signs = signs(3, Purpose::Trace, 0, 40_000);
        assert!(signs.iter().all(|s| s.abs() == 1.0));
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        assert!(mean(&signs).abs() < 0.025);
        let normal = normal(3, Purpose::Start, 0, 40_000);
        let squares: Vec<f64> = normal.iter().map(|v| v * v).collect();
        assert!(mean(&normal).abs() < 0.025 && (mean(&squares) - 1.0).abs() < 0.036);
    }
}
