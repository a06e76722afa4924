//! Mean and standard deviation per channel, and the table that normalises bytes with them.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::split::Split;

/// Mean and standard deviation per channel, in units of the full range (a byte of 255 is 1.0).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChannelStats {
    /// Mean per channel, `[C]`.
    pub mean: Vec<f32>,
    /// Standard deviation per channel, `[C]`.
    pub std: Vec<f32>,
}

impl ChannelStats {
    /// The usual constants of the CIFAR-10 training split.
    pub fn cifar10() -> ChannelStats {
        ChannelStats { mean: vec![0.4914, 0.4822, 0.4465], std: vec![0.2470, 0.2435, 0.2616] }
    }

    /// The usual constants of the CIFAR-100 training split.
    pub fn cifar100() -> ChannelStats {
        ChannelStats { mean: vec![0.5071, 0.4867, 0.4408], std: vec![0.2675, 0.2565, 0.2761] }
    }

    /// Mean 0 and deviation 1: normalising with it only scales bytes to 0..1.
    pub fn identity(channels: usize) -> ChannelStats {
        ChannelStats { mean: vec![0.0; channels], std: vec![1.0; channels] }
    }

    /// Measures all pixels of a split (population deviation, divided by the number of pixels).
    ///
    /// The sums are exact integers, so the result does not depend on any order. A channel that
    /// never changes gets the deviation 1, so that it can be normalised.
    pub fn measure(split: &Split) -> ChannelStats {
        let channels = split.shape()[2];
        let mut histogram = vec![[0u64; 256]; channels];
        for pixel in split.images().chunks_exact(channels) {
            for (counts, &byte) in histogram.iter_mut().zip(pixel) {
                counts[usize::from(byte)] += 1;
            }
        }
        let (mean, std) = histogram.iter().map(mean_and_std).unzip();
        ChannelStats { mean, std }
    }

    /// Refuses a wrong number of channels, a deviation that is not positive, and anything not
    /// finite.
    pub(crate) fn check(&self, channels: usize) -> Result<()> {
        // The least and the largest pixel, normalised: numbers that f32 can hold.
        let ends = |(&mean, &std): (&f32, &f32)| [0.0, 1.0].map(|x| normalised(x, mean, std));
        let finite = self.mean.iter().zip(&self.std).flat_map(ends).all(f32::is_finite);
        if self.mean.len() != channels
            || self.std.len() != channels
            || !finite
            || self.std.iter().any(|&s| s <= 0.0)
        {
            let advice = format!(
                "give {channels} finite means and {channels} positive deviations, one a channel, \
                 neither so small nor so large that a pixel becomes infinite"
            );
            return Err(Error::invalid("normalise", format!("{self:?}"), advice));
        }
        Ok(())
    }
}

/// Mean and deviation of the bytes counted in a histogram, in units of 255.
fn mean_and_std(histogram: &[u64; 256]) -> (f32, f32) {
    let (mut n, mut sum, mut squares) = (0u128, 0u128, 0u128);
    for (byte, &count) in (0u128..).zip(histogram) {
        n += u128::from(count);
        sum += byte * u128::from(count);
        squares += byte * byte * u128::from(count);
    }
    if n == 0 {
        return (0.0, 1.0);
    }
    // n * squares - sum^2 is n^2 times the variance, exact in integers: no cancellation.
    let spread = ((n * squares - sum * sum) as f64).sqrt() / n as f64 / 255.0;
    let mean = sum as f64 / n as f64 / 255.0;
    (mean as f32, if spread > 0.0 { spread as f32 } else { 1.0 })
}

/// `(x - mean) / std` for every value and channel, where `x` is a byte divided by 255, or already in
/// that range. It is computed in f64 and rounded once to f32; for bytes, once for all images.
#[derive(Clone, Debug)]
pub struct Normaliser {
    stats: ChannelStats,
    tables: Vec<[f32; 256]>,
}

impl Normaliser {
    /// The tables for images of `channels` channels.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the statistics are of another number of channels, or a deviation is
    /// not positive.
    pub fn new(stats: &ChannelStats, channels: usize) -> Result<Normaliser> {
        stats.check(channels)?;
        let table = |(&mean, &std): (&f32, &f32)| {
            std::array::from_fn(|byte| normalised(byte as f64 / 255.0, mean, std))
        };
        let tables = stats.mean.iter().zip(&stats.std).map(table).collect();
        Ok(Normaliser { stats: stats.clone(), tables })
    }

    /// Normalises `image` (`[H, W, C]`, values in 0..1) in place.
    pub fn apply_in_place(&self, image: &mut [f32]) {
        let ChannelStats { mean, std } = &self.stats;
        for pixel in image.chunks_exact_mut(mean.len()) {
            for ((value, &mean), &std) in pixel.iter_mut().zip(mean).zip(std) {
                *value = normalised(f64::from(*value), mean, std);
            }
        }
    }

    /// Normalises `image` (`[H, W, C]` bytes) into `out` (`[H, W, C]`); the lengths must be equal.
    pub fn apply(&self, image: &[u8], out: &mut [f32]) {
        // The two usual channel counts get a loop of fixed length, in which every bounds check
        // folds.
        match self.tables.as_slice() {
            [t] => fixed([t], image, out),
            [r, g, b] => fixed([r, g, b], image, out),
            tables => {
                let c = tables.len();
                for (out, pixel) in out.chunks_exact_mut(c).zip(image.chunks_exact(c)) {
                    for ((out, &byte), table) in out.iter_mut().zip(pixel).zip(tables) {
                        *out = table[usize::from(byte)];
                    }
                }
            }
        }
    }
}

fn normalised(value: f64, mean: f32, std: f32) -> f32 {
    ((value - f64::from(mean)) / f64::from(std)) as f32
}

fn fixed<const C: usize>(tables: [&[f32; 256]; C], image: &[u8], out: &mut [f32]) {
    let (out, _) = out.as_chunks_mut::<C>();
    let (image, _) = image.as_chunks::<C>();
    for (out, pixel) in out.iter_mut().zip(image) {
        for c in 0..C {
            out[c] = tables[c][usize::from(pixel[c])];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measures_known_numbers() -> Result<()> {
        // Channel 0: 0, 255 -> mean 0.5, deviation 0.5. Channel 1: constant 51 -> mean 0.2,
        // deviation set to 1.
        let split = Split::new([1, 2, 2], vec![0, 51, 255, 51], vec![0], 1)?;
        let stats = ChannelStats::measure(&split);
        assert_eq!(stats, ChannelStats { mean: vec![0.5, 0.2], std: vec![0.5, 1.0] });
        Ok(())
    }

    #[test]
    fn normalises_by_the_equation() -> Result<()> {
        let stats = ChannelStats::cifar10();
        let table = Normaliser::new(&stats, 3)?;
        let mut out = [0.0; 6];
        table.apply(&[0, 128, 255, 255, 1, 7], &mut out);
        let want: Vec<f32> = [(0, 0), (128, 1), (255, 2), (255, 0), (1, 1), (7, 2)]
            .iter()
            .map(|&(byte, c)| {
                ((f64::from(byte) / 255.0 - f64::from(stats.mean[c])) / f64::from(stats.std[c]))
                    as f32
            })
            .collect();
        assert_eq!(out.as_slice(), want);
        assert!((out[0] - -1.989_474).abs() < 1e-6);
        Ok(())
    }

    #[test]
    fn every_channel_count_gives_the_same_numbers() -> Result<()> {
        let bytes: Vec<u8> = (0..=255).collect();
        for c in [1, 2, 3, 4] {
            let stats = ChannelStats { mean: vec![0.25; c], std: vec![0.5; c] };
            let len = 256 / c * c;
            let mut out = vec![0.0; len];
            Normaliser::new(&stats, c)?.apply(&bytes[..len], &mut out);
            for (byte, v) in bytes.iter().zip(&out) {
                assert_eq!(*v, ((f64::from(*byte) / 255.0 - 0.25) / 0.5) as f32);
            }
            let mut values: Vec<f32> = bytes[..len].iter().map(|&b| f32::from(b) / 255.0).collect();
            Normaliser::new(&stats, c)?.apply_in_place(&mut values);
            assert!(values.iter().zip(&out).all(|(a, b)| (a - b).abs() < 1e-6));
        }
        Ok(())
    }

    #[test]
    fn refuses_wrong_statistics() {
        let zero = ChannelStats { mean: vec![0.0], std: vec![0.0] };
        let message = Normaliser::new(&zero, 1).map(|_| ()).unwrap_err().to_string();
        assert!(message.contains("positive deviations"), "{message}");
        assert!(Normaliser::new(&ChannelStats::cifar10(), 1).is_err());
        for (mean, std) in [(f32::NAN, 1.0), (0.5, f32::NAN), (0.5, 1e-39), (f32::MAX, 0.5)] {
            let stats = ChannelStats { mean: vec![mean], std: vec![std] };
            assert!(Normaliser::new(&stats, 1).is_err(), "{stats:?}");
        }
    }
}
