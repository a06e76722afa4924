//! The re-weighted L2 metric.

use super::{Columns, Metric, mean, mean_product};
use crate::docs::{Entry, Hyper, Kind};

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

/// What a list of methods tells of it.
pub(crate) const DOC: Entry = Entry {
    kind: Kind::Metric,
    name: "h0",
    title: "re-weighted L2 along channels",
    definition: "<u, v> = mean(u) mean(v) + lambda mean((u - mean(u)) (v - mean(v)))\n\
                 g <- mean(g) + (g - mean(g)) / lambda",
    hyper: &[
        Hyper::new("lambda", "lambda", "", "weight of the deviation from the mean"),
        Hyper::new("axis", "", r#""output""#, "axis of the weight: output, input, height or width"),
        Hyper::new("linear", "", "false", "whether weights of linear layers are smoothed too"),
    ],
    state: &[],
    bytes: "8, of the chosen weights",
    source: "Lao et al., Channel-Directed Gradients for Optimization of Convolutional Neural Networks, 2020, arXiv 2008.10766",
};
