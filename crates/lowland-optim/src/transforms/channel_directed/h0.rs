//! The re-weighted L2 metric.

use super::{Columns, Metric, mean, mean_product};

/// H0: `<u, v> = mean(u) mean(v) + lambda mean((u - mean(u)) (v - mean(v)))`.
///
/// The gradient is `mean(g) + (g - mean(g)) / lambda`. With lambda = 1 it is the identity; a larger
/// lambda damps the deviation of a channel from the mean of all.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ReweightedL2 {
    /// The weight of deviations from the mean, above 0.
    pub lambda: f64,
}

impl Metric for ReweightedL2 {
    fn name(&self) -> &'static str {
        "h0"
    }

    fn product(&self, u: &[f64], v: &[f64]) -> f64 {
        let constants = mean(u) * mean(v);
        constants + self.lambda * (mean_product(u, v) - constants)
    }

    fn numbers(&self, _: usize) -> Vec<f64> {
        vec![self.lambda, 1.0 / self.lambda]
    }

    #[inline(always)]
    fn solve(&self, _: &[f64], columns: &mut Columns) {
        for x in columns.as_flattened_mut() {
            *x /= self.lambda;
        }
    }
}
