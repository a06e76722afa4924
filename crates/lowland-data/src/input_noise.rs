//! Noise on the pixels of test images, to measure how much of it a network bears.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::random::CounterRng;

/// What the noise is drawn from, before it is multiplied by its strength.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoiseKind {
    /// The standard normal distribution.
    Normal,
    /// The uniform distribution on `[0, 1)`, which on average makes an image brighter.
    Uniform,
    /// 1, everywhere.
    Constant,
}

/// Noise on the input: `clamp(x + strength * z, 0, 1)` for every value `x` in 0..1 of an image,
/// before normalisation.
///
/// The robustness test of L. Chen, L. Jin and M. Shang, "Zero Stability Well Predicts Performance
/// of Convolutional Neural Networks", AAAI 2022, arXiv 2206.13100. Uniform noise
/// is taken to be on `[0, 1)`, as `torch.rand` draws it.
///
/// The random numbers are [`CounterRng::new`]`(seed, Purpose::InputNoise, 0, sample)`: a sample
/// gets the same noise in every epoch, so that two networks are tested on the same images. Values
/// take the draws in the order of the image: uniform noise one each, normal noise two for every two
/// values.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputNoise {
    /// What is added.
    pub kind: NoiseKind,
    /// By what it is multiplied, in units of the full range of a pixel; 0 or more.
    #[serde(default = "usual_strength")]
    pub strength: f64,
}

fn usual_strength() -> f64 {
    0.1
}

impl InputNoise {
    /// Noise of the usual strength, 0.1.
    pub fn new(kind: NoiseKind) -> InputNoise {
        InputNoise { kind, strength: usual_strength() }
    }

    /// Refuses a strength that is negative or not finite.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub fn check(&self) -> Result<()> {
        if !(self.strength.is_finite() && self.strength >= 0.0) {
            let advice = "it must be 0 or more, in units of the full range of a pixel";
            return Err(Error::invalid("noise strength", self.strength, advice));
        }
        Ok(())
    }

    /// Writes the noisy `image` (`[H, W, C]` bytes) into `out` (`[H, W, C]`, values in 0..1); the
    /// lengths must be equal.
    pub fn apply(&self, image: &[u8], out: &mut [f32], rng: &mut CounterRng) {
        let noisy =
            |byte: u8, z: f64| (f64::from(byte) / 255.0 + self.strength * z).clamp(0.0, 1.0) as f32;
        match self.kind {
            NoiseKind::Normal => {
                for (out, image) in out.chunks_mut(2).zip(image.chunks(2)) {
                    for ((out, &byte), z) in out.iter_mut().zip(image).zip(rng.normal_pair()) {
                        *out = noisy(byte, z);
                    }
                }
            }
            NoiseKind::Uniform => {
                for (out, &byte) in out.iter_mut().zip(image) {
                    *out = noisy(byte, rng.unit());
                }
            }
            NoiseKind::Constant => {
                for (out, &byte) in out.iter_mut().zip(image) {
                    *out = noisy(byte, 1.0);
                }
            }
        }
    }
}
