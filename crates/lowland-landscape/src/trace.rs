//! The trace of an operator, from random signs.

use crate::error::{check_finite, check_least, check_length};
use crate::random::{Purpose, signs};
use crate::vector::dot;
use crate::{Operator, Result};

/// An estimate of a trace.
#[derive(Clone, Debug, PartialEq)]
pub struct Trace {
    /// The mean of the samples.
    pub mean: f64,
    /// The sample standard deviation over the square root of the number of samples.
    pub standard_error: f64,
    /// `zᵀ A z` of each probe z.
    pub samples: Vec<f64>,
}

/// The trace as the mean of `zᵀ A z` over vectors z of random signs: Hutchinson 1990, "A Stochastic
/// Estimator of the Trace of the Influence Matrix". The variance of a sample is `2 Σ_{i≠j} A_ij²`
/// (Avron and Toledo 2011, "Randomized Algorithms for Estimating the Trace", table 1): none where A
/// is diagonal.
///
/// Probe i depends on the seed and i alone, so that more probes go on where fewer have ended.
///
/// # Errors
/// [`Error::TooFew`](crate::Error::TooFew) for fewer than 2 probes, of which there is no error to be
/// told; else as [`Operator::apply`].
pub fn trace(operator: &mut (impl Operator + ?Sized), probes: usize, seed: u64) -> Result<Trace> {
    check_least("probes", 2, probes)?;
    let n = operator.dimension();
    let mut samples = Vec::with_capacity(probes);
    for probe in 0..probes as u64 {
        let z = signs(seed, Purpose::Trace, probe, n);
        let az = operator.apply(&z)?;
        check_length("the product", n, az.len())?;
        check_finite("the product", &az)?;
        samples.push(dot(&z, &az));
    }
    let count = probes as f64;
    let mean = samples.iter().sum::<f64>() / count;
    let squares: f64 = samples.iter().map(|s| (s - mean) * (s - mean)).sum();
    let standard_error = (squares / (count - 1.0) / count).sqrt();
    Ok(Trace { mean, standard_error, samples })
}
