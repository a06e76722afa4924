//! Seeded numbers for operands (SplitMix64: Steele, Lea and Flood 2014).

/// A generator; the same seed gives the same numbers everywhere.
#[derive(Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Random(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number in 0..1.
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A whole number below a bound.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    /// Numbers between two bounds.
    pub(crate) fn between(&mut self, low: f64, high: f64, len: usize) -> Vec<f64> {
        (0..len).map(|_| low + (high - low) * self.unit()).collect()
    }

    /// Numbers in -0.9..1.1.
    pub(crate) fn floats(&mut self, len: usize) -> Vec<f64> {
        self.between(-0.9, 1.1, len)
    }

    /// Numbers of either sign whose magnitude is in 0.1..2.
    pub(crate) fn off_zero(&mut self, len: usize) -> Vec<f64> {
        let magnitudes = self.between(0.1, 2.0, len);
        magnitudes.into_iter().map(|x| if self.next().is_multiple_of(2) { x } else { -x }).collect()
    }

    /// Whole numbers from 0 to 3, full of ties.
    pub(crate) fn ties(&mut self, len: usize) -> Vec<f64> {
        (0..len).map(|_| self.below(4) as f64).collect()
    }

    /// Labels below a number of classes.
    pub(crate) fn labels(&mut self, classes: usize, len: usize) -> Vec<u32> {
        (0..len).map(|_| self.below(classes) as u32).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_the_generator_and_in_their_bounds() {
        // The first outputs for seed 0 of the authors' C code.
        let mut random = Random::new(0);
        assert_eq!(random.next(), 0xe220_a839_7b1d_cdaf);
        assert_eq!(random.next(), 0x6e78_9e6a_a1b9_65f4);
        assert!(random.off_zero(1000).iter().all(|x| (0.1..2.0).contains(&x.abs())));
        let mean = random.between(2.0, 4.0, 10_000).iter().sum::<f64>() / 10_000.0;
        assert!((mean - 3.0).abs() < 0.02, "{mean}");
        assert!(random.labels(3, 100).iter().all(|&label| label < 3));
    }
}
