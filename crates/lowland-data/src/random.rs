//! Counter-based random numbers: every draw is a pure function of (seed, purpose, epoch, stream,
//! position).

use std::f64::consts::TAU;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// What random numbers are for. Different purposes never share a key, so that drawing more of one
/// kind does not move another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Augmenting one image; the stream is the sample's index in its split.
    Augment,
    /// Cutting a square out of one image; the stream is the sample's index in its split.
    Cutout,
    /// The order of an epoch; stream 0.
    Shuffle,
    /// Noise on the pixels of one image; epoch 0, the stream is the sample's index in its split.
    InputNoise,
    /// Replacing labels; epoch 0, stream 0.
    LabelNoise,
    /// Drawing a validation split; epoch 0, the stream is the class.
    Validation,
    /// Drawing a subset; epoch 0, the stream is the class.
    Subset,
}

impl Purpose {
    fn tag(self) -> [u8; 8] {
        *match self {
            Purpose::Augment => b"augment\0",
            Purpose::Cutout => b"cutout\0\0",
            Purpose::Shuffle => b"shuffle\0",
            Purpose::InputNoise => b"noise\0\0\0",
            Purpose::LabelNoise => b"labels\0\0",
            Purpose::Validation => b"validate",
            Purpose::Subset => b"subset\0\0",
        }
    }
}

/// A ChaCha8 generator that is set by counters, not by history.
///
/// The derivation is part of the contract, so that another program can draw the same numbers:
///
/// - key (32 bytes) = `seed` as u64 little-endian ‖ `epoch` as u64 little-endian ‖ the purpose's tag (8 ASCII
///   bytes, zero-padded: `augment`, `cutout`, `shuffle`, `noise`, `labels`, `validate`,
///   `subset`) ‖ 8 zero bytes;
/// - ChaCha's 64-bit stream number = `stream`, block counter 0;
/// - a draw is the next u64 of the key stream (two 32-bit words, the low one first);
/// - a number below n is the high half of the 128-bit product of a draw and n; its bias, below n / 2^64, is
///   beyond any measurement, and it always takes exactly one draw;
/// - a uniform number in 0..1 is the top 53 bits of one draw divided by 2^53; two normal ones are made of two
///   of those, u and v, by Box and Muller: r cos(2 pi v) and r sin(2 pi v), r = sqrt(-2 ln(1 - u)). Their
///   last bits depend on the system's logarithm and sine; those of all others do not depend on the machine.
#[derive(Clone, Debug)]
pub struct CounterRng(ChaCha8Rng);

impl CounterRng {
    /// The generator for one purpose, epoch and stream.
    pub fn new(seed: u64, purpose: Purpose, epoch: u64, stream: u64) -> CounterRng {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8..16].copy_from_slice(&epoch.to_le_bytes());
        key[16..24].copy_from_slice(&purpose.tag());
        let mut rng = ChaCha8Rng::from_seed(key);
        rng.set_stream(stream);
        CounterRng(rng)
    }

    /// The next draw, uniform over all u64.
    pub fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A uniform number in `0..n` from exactly one draw; 0 when `n` is 0.
    pub fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.next_u64()) * n as u128) >> 64) as usize
    }

    /// True with probability 1/2 (the top bit of one draw).
    pub fn coin(&mut self) -> bool {
        self.next_u64() >> 63 == 1
    }

    /// Uniform in `[0, 1)`, from exactly one draw.
    pub fn unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Two independent standard normal numbers, from exactly two draws.
    pub fn normal_pair(&mut self) -> [f64; 2] {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        let (sin, cos) = (TAU * self.unit()).sin_cos();
        [radius * cos, radius * sin]
    }

    /// Fisher-Yates from the last place down; `len - 1` draws.
    pub fn shuffle(&mut self, items: &mut [u32]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_a_function_of_the_counters_alone() {
        let draw =
            |seed, purpose, epoch, stream| CounterRng::new(seed, purpose, epoch, stream).next_u64();
        let base = draw(1, Purpose::Augment, 2, 3);
        assert_eq!(base, draw(1, Purpose::Augment, 2, 3));
        for other in [
            draw(2, Purpose::Augment, 2, 3),
            draw(1, Purpose::Shuffle, 2, 3),
            draw(1, Purpose::Augment, 3, 3),
            draw(1, Purpose::Augment, 2, 4),
        ] {
            assert_ne!(base, other);
        }
    }

    /// ChaCha8 with an all-zero key, counter and stream: the first key-stream bytes of the
    /// published test vector (draft-strombergson-chacha-test-vectors, TC1, 256-bit key, 8 rounds)
    /// are 3e00ef2f895f40d6.
    #[test]
    fn key_stream_is_standard_chacha8() {
        let mut rng = ChaCha8Rng::from_seed([0; 32]);
        assert_eq!(rng.next_u64().to_le_bytes(), [0x3e, 0x00, 0xef, 0x2f, 0x89, 0x5f, 0x40, 0xd6]);
    }

    #[test]
    fn below_stays_in_range_and_is_uniform() {
        let mut rng = CounterRng::new(7, Purpose::Subset, 0, 0);
        let mut counts = [0u32; 9];
        for _ in 0..90_000 {
            counts[rng.below(9)] += 1;
        }
        // Binomial(90000, 1/9): mean 10000, standard deviation 94.
        assert!(counts.iter().all(|&n| n.abs_diff(10_000) < 470), "{counts:?}");
        assert_eq!(rng.below(0), 0);
        assert_eq!(rng.below(1), 0);
    }

    /// Against the moments and two quantiles of the distributions.
    #[test]
    fn unit_and_normal_numbers_follow_their_distributions() {
        let mut rng = CounterRng::new(7, Purpose::InputNoise, 0, 0);
        let units: Vec<f64> = (0..100_000).map(|_| rng.unit()).collect();
        let normals: Vec<f64> = (0..50_000).flat_map(|_| rng.normal_pair()).collect();
        let mean =
            |values: &[f64], f: fn(f64) -> f64| values.iter().map(|&v| f(v)).sum::<f64>() / 1e5;
        assert!(units.iter().all(|u| (0.0..1.0).contains(u)));
        // Five standard errors each: of the uniform mean 9e-4; of the normal moments 3.2e-3,
        // 4.5e-3, 3.1e-2.
        assert!((mean(&units, |u| u) - 0.5).abs() < 4.6e-3);
        assert!((mean(&units, |u| u * u) - 1.0 / 3.0).abs() < 4.8e-3);
        assert!(mean(&normals, |z| z).abs() < 1.6e-2);
        assert!((mean(&normals, |z| z * z) - 1.0).abs() < 2.3e-2);
        assert!((mean(&normals, |z| z.powi(4)) - 3.0).abs() < 0.16);
        assert!((mean(&normals, |z| f64::from(z < 1.0)) - 0.841_345).abs() < 5.8e-3);
        assert!((mean(&normals, |z| f64::from(z < -2.0)) - 0.022_750).abs() < 2.4e-3);
        // The two of a pair do not go together: the mean product has the standard error 4.5e-3.
        let (pairs, _) = normals.as_chunks::<2>();
        let product = pairs.iter().map(|[a, b]| a * b).sum::<f64>() / 5e4;
        assert!(product.abs() < 2.3e-2, "{product}");
    }

    #[test]
    fn shuffle_is_a_permutation() {
        let mut items: Vec<u32> = (0..100).collect();
        CounterRng::new(0, Purpose::Shuffle, 0, 0).shuffle(&mut items);
        assert_ne!(items, (0..100).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..100).collect::<Vec<_>>());
    }
}
