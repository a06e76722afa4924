//! Initial values of parameters, drawn by name.

use lowland_core::Shape;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rand_distr::{Distribution, StandardNormal};

use crate::Fan;

/// How the initial values of a parameter are drawn.
///
/// # Random numbers
/// Values are a function of the seed, the parameter's name and the position in its row-major order,
/// and of nothing else: not of the other parameters, nor of the order in which layers are made, nor
/// of the element type (they are drawn in `f64` and rounded once). The generator is ChaCha8 with
/// this key of 32 bytes: the seed as u64 little-endian ‖ the 64-bit FNV-1a hash of the name's UTF-8
/// bytes, little-endian ‖ the ASCII bytes `lowland-init-v1` ‖ a zero byte.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Init {
    /// All values the same.
    Constant(f64),
    /// Normal with mean 0.
    Normal {
        /// The standard deviation.
        std: f64,
    },
    /// Uniform in `-bound..bound`.
    Uniform {
        /// The largest magnitude.
        bound: f64,
    },
    /// Uniform in `low..high`.
    Between {
        /// The smallest value.
        low: f64,
        /// The value that all stay below.
        high: f64,
    },
    /// Normal with mean 0 and variance 2 / fan: He et al. 2015, "Delving Deep into Rectifiers",
    /// equations 10 (fan-in) and 14 (fan-out).
    HeNormal(Fan),
    /// Uniform in ±sqrt(6 / ((1 + a²) fan-in)): the same variance behind a leaky ReLU of slope `a`.
    KaimingUniform {
        /// The slope of the leaky ReLU for negative inputs.
        a: f64,
    },
}

impl Init {
    /// What PyTorch gives weights of convolutions and linear layers: `kaiming_uniform` with
    /// a = sqrt(5), which is uniform in ±1 / sqrt(fan-in).
    #[must_use]
    pub fn torch_weight() -> Self {
        Init::KaimingUniform { a: 5f64.sqrt() }
    }

    /// What PyTorch gives the bias beside a weight: uniform in ±1 / sqrt(fan-in of the weight).
    #[must_use]
    pub fn torch_bias(weight: &Shape) -> Self {
        Init::Uniform { bound: 1.0 / (Fan::In.of(weight) as f64).sqrt() }
    }

    /// The initial values of the parameter with this name and shape, in row-major order.
    #[must_use]
    pub fn values(&self, seed: u64, name: &str, shape: &Shape) -> Vec<f64> {
        let mut rng = generator(seed, name);
        let normal = |std: f64, rng: &mut ChaCha8Rng| {
            (0..shape.len())
                .map(|_| {
                    let z: f64 = StandardNormal.sample(rng);
                    std * z
                })
                .collect()
        };
        let uniform = |bound: f64, rng: &mut ChaCha8Rng| {
            (0..shape.len()).map(|_| bound * (2.0 * rng.random::<f64>() - 1.0)).collect()
        };
        match *self {
            Init::Constant(value) => vec![value; shape.len()],
            Init::Normal { std } => normal(std, &mut rng),
            Init::Uniform { bound } => uniform(bound, &mut rng),
            Init::Between { low, high } => {
                let one = |_| low + (high - low) * rng.random::<f64>();
                (0..shape.len()).map(one).collect()
            }
            Init::HeNormal(fan) => normal((2.0 / fan.of(shape) as f64).sqrt(), &mut rng),
            Init::KaimingUniform { a } => {
                let fan = Fan::In.of(shape) as f64;
                uniform((6.0 / ((1.0 + a * a) * fan)).sqrt(), &mut rng)
            }
        }
    }
}

fn generator(seed: u64, name: &str) -> ChaCha8Rng {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    key[8..16].copy_from_slice(&fnv1a(name.as_bytes()).to_le_bytes());
    key[16..31].copy_from_slice(b"lowland-init-v1");
    ChaCha8Rng::from_seed(key)
}

/// The 64-bit FNV-1a hash.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean_and_var(values: &[f64]) -> (f64, f64) {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        (mean, values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / n)
    }

    /// Asserts mean 0 and this variance, each within five standard errors of `n` draws whose
    /// fourth moment is `kurtosis` times the squared variance.
    fn assert_moments(init: Init, shape: Shape, var: f64, kurtosis: f64) {
        let values = init.values(7, "w", &shape);
        let n = values.len() as f64;
        let (mean, got) = mean_and_var(&values);
        assert!(mean.abs() < 5.0 * (var / n).sqrt(), "{init:?}: mean {mean}");
        let bound = 5.0 * var * ((kurtosis - 1.0) / n).sqrt();
        assert!((got - var).abs() < bound, "{init:?}: variance {got}, expected {var}");
    }

    #[test]
    fn moments_are_as_defined() {
        let conv = Shape::from([64, 32, 3, 3]);
        let linear = Shape::from([100, 300]);
        assert_moments(Init::Normal { std: 0.3 }, linear, 0.09, 3.0);
        assert_moments(Init::Uniform { bound: 0.3 }, linear, 0.03, 1.8);
        let values = Init::Between { low: -0.1, high: 0.0 }.values(7, "k", &linear);
        assert!(values.iter().all(|v| (-0.1..0.0).contains(v)));
        let (mean, var) = mean_and_var(&values);
        assert!((mean + 0.05).abs() < 1e-3 && (var - 0.01 / 12.0).abs() < 2e-5, "{mean} {var}");
        assert_moments(Init::HeNormal(Fan::In), conv, 2.0 / 288.0, 3.0);
        assert_moments(Init::HeNormal(Fan::Out), conv, 2.0 / 576.0, 3.0);
        assert_moments(Init::KaimingUniform { a: 1.0 }, conv, 1.0 / 288.0, 1.8);
        assert_moments(Init::torch_weight(), linear, 1.0 / 900.0, 1.8);
        assert_eq!(Init::Constant(1.5).values(0, "w", &Shape::from([2])), [1.5, 1.5]);
    }

    #[test]
    fn uniform_values_stay_inside_their_bound_and_come_close_to_it() {
        let weight = Shape::from([50, 25, 2, 2]);
        for values in [
            Init::torch_weight().values(3, "w", &weight),
            Init::torch_bias(&weight).values(3, "b", &Shape::from([5000])),
        ] {
            let largest = values.iter().fold(0f64, |m, v| m.max(v.abs()));
            assert!(largest <= 0.1 && largest > 0.099, "{largest}");
        }
    }

    #[test]
    fn draws_depend_on_seed_name_and_position_alone() {
        let init = Init::HeNormal(Fan::In);
        let shape = Shape::from([4, 4]);
        let base = init.values(1, "fc.weight", &shape);
        assert_eq!(base, init.values(1, "fc.weight", &shape));
        assert_ne!(base, init.values(2, "fc.weight", &shape));
        assert_ne!(base, init.values(1, "fd.weight", &shape));
        // A longer tensor of the same fan starts with the same numbers.
        assert_eq!(base, init.values(1, "fc.weight", &Shape::from([8, 4]))[..16]);
    }

    /// Known answers of 64-bit FNV-1a: the offset basis, and "a" and "foobar" from its authors.
    #[test]
    fn the_hash_is_fnv1a() {
        assert_eq!(fnv1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a(b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fnv1a(b"foobar"), 0x8594_4171_f739_67e8);
    }
}
