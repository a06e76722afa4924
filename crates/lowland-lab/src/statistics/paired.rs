//! Means over seeds, and differences of runs that share a seed.

use statrs::distribution::{ContinuousCDF, StudentsT};

use super::{Difference, Summary};

/// The confidence of intervals.
const CONFIDENCE: f64 = 0.95;

/// Differences whose spread is below this part of the numbers they are taken of are equal but for
/// rounding.
const ROUNDING: f64 = 1e-12;

/// Mean and standard deviation, with n - 1, of finite numbers; none without numbers.
///
/// ```
/// let summary = lowland_lab::statistics::summary(&[0.90, 0.92, 0.94]).unwrap();
/// assert_eq!(summary.n, 3);
/// assert!((summary.mean - 0.92).abs() < 1e-12 && (summary.sd.unwrap() - 0.02).abs() < 1e-12);
/// ```
#[must_use]
pub fn summary(values: &[f64]) -> Option<Summary> {
    let n = values.len();
    let mean = values.iter().sum::<f64>() / n as f64;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    let sd = (n > 1).then(|| (squares / (n as f64 - 1.0)).sqrt());
    (n > 0).then_some(Summary { n, mean, sd })
}

/// The mean difference of pairs `(a, b)` of finite numbers, a - b, with the 95 % confidence interval of
/// Student's t for n - 1 degrees of freedom and the two-sided p of the paired t test (Student 1908). It
/// is not corrected yet: `p_corrected` is `p`. None with fewer than two pairs.
///
/// Where all differences are equal there is no spread to hold the mean against, and t is 0/0 or infinite.
/// The interval is then that one number, and p is that of the exact sign test: 1 where the difference
/// is 0, and else `2^(1-n)`, the probability that n fair coins fall alike. Accuracies are fractions of a
/// few thousand images at most, so that three equal differences can well be chance: a p of 0 would claim
/// too much.
///
/// ```
/// use lowland_lab::statistics::difference;
///
/// let difference = difference(&[(0.92, 0.90), (0.93, 0.92), (0.94, 0.91)]).unwrap();
/// assert!((difference.mean - 0.02).abs() < 1e-12);
/// assert!((difference.p - 0.0742).abs() < 1e-4, "t is sqrt(12), with 2 degrees of freedom");
/// ```
#[must_use]
pub fn difference(pairs: &[(f64, f64)]) -> Option<Difference> {
    let differences: Vec<f64> = pairs.iter().map(|(a, b)| a - b).collect();
    let Summary { n, mean, sd } = summary(&differences)?;
    let largest = pairs.iter().fold(0.0f64, |max, (a, b)| max.max(a.abs()).max(b.abs()));
    if sd? <= ROUNDING * largest {
        let p = if mean.abs() <= ROUNDING * largest { 1.0 } else { 0.5f64.powf(n as f64 - 1.0) };
        return Some(Difference { n, mean, low: mean, high: mean, p, p_corrected: p });
    }
    let standard_error = sd? / (n as f64).sqrt();
    let student = StudentsT::new(0.0, 1.0, n as f64 - 1.0).ok()?;
    let p = (2.0 * student.sf((mean / standard_error).abs())).min(1.0);
    let half = student.inverse_cdf(0.5 + CONFIDENCE / 2.0) * standard_error;
    Some(Difference { n, mean, low: mean - half, high: mean + half, p, p_corrected: p })
}

/// The p of several tests, corrected so that the probability of one false difference or more among
/// them stays below the level (Holm 1979, "A Simple Sequentially Rejective Multiple Test Procedure"): the
/// i-th smallest of m, from 1, is multiplied by m + 1 - i, is at least the one before it, and at
/// most 1.
///
/// ```
/// assert_eq!(lowland_lab::statistics::holm(&[0.5, 0.25, 0.125]), [0.5, 0.5, 0.375]);
/// ```
#[must_use]
pub fn holm(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|&a, &b| p[a].total_cmp(&p[b]));
    let mut corrected = p.to_vec();
    let mut before = 0.0f64;
    for (i, &test) in order.iter().enumerate() {
        before = before.max((p.len() - i) as f64 * p[test]).min(1.0);
        corrected[test] = before;
    }
    corrected
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_number_has_no_spread_and_none_has_no_mean() {
        assert_eq!(summary(&[0.5]), Some(Summary { n: 1, mean: 0.5, sd: None }));
        assert_eq!(summary(&[]), None);
        assert_eq!(difference(&[(1.0, 2.0)]), None);
        assert_eq!(difference(&[]), None);
    }

    #[test]
    fn equal_differences_are_tested_by_their_signs() {
        let same = difference(&[(0.9, 0.9), (0.8, 0.8), (0.7, 0.7)]).unwrap();
        assert_eq!((same.mean, same.low, same.high, same.p), (0.0, 0.0, 0.0, 1.0));
        // 0.91 - 0.9 and 0.92 - 0.91 are equal but for rounding.
        let shifted = [(0.91, 0.9), (0.92, 0.91), (0.93, 0.92)];
        let shifted = difference(&shifted).unwrap();
        assert_eq!((shifted.n, shifted.p), (3, 0.25));
        assert_eq!((shifted.low, shifted.high), (shifted.mean, shifted.mean));
        assert_eq!(difference(&[(0.0, 0.0), (0.0, 0.0)]).unwrap().p, 1.0);
    }

    #[test]
    fn a_corrected_p_is_never_below_that_of_a_smaller_one_nor_above_1() {
        assert_eq!(holm(&[0.625, 0.125, 0.25, 0.125]), [0.625, 0.5, 0.5, 0.5]);
        assert_eq!(holm(&[0.75, 0.75]), [1.0, 1.0]);
        assert_eq!(holm(&[0.03]), [0.03]);
        assert!(holm(&[]).is_empty());
    }
}
