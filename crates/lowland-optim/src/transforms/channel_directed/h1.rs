//! The Sobolev metric that is split by the mean.

use super::tile::take_means;
use super::{Columns, Ends, Metric, WIDTH, mean};
use crate::docs::{Entry, Hyper, Kind};

/// H1: `<u, v> = mean(u) mean(v) + lambda * integral of u' v'`.
///
/// The gradient is `mean(g) + x / lambda` with `-x'' = g - mean(g)` and mean(x) = 0: two prefix sums.
/// With d the differences of neighbours, `d_i = d_(-1) - (g_0 + .. + g_i) / n^2`, where d_(-1) is 0
/// for Neumann ends, and makes the differences around the circle sum up to 0 for periodic ones.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MeanSplitSobolev {
    /// The weight of the derivative, above 0.
    pub lambda: f64,
    /// What happens at the ends.
    pub ends: Ends,
}

impl MeanSplitSobolev {
    #[inline(always)]
    fn scale(&self, n: f64) -> f64 {
        1.0 / (self.lambda * n * n)
    }
}

impl Metric for MeanSplitSobolev {
    fn name(&self) -> &'static str {
        "h1"
    }

    fn product(&self, u: &[f64], v: &[f64]) -> f64 {
        mean(u) * mean(v) + self.lambda * self.ends.dirichlet(u, v)
    }

    fn constants(&self) -> Vec<u32> {
        vec![self.ends.constant()]
    }

    fn numbers(&self, n: usize) -> Vec<f64> {
        vec![self.scale(n as f64)]
    }

    #[inline(always)]
    fn solve(&self, _: &[f64], columns: &mut Columns) {
        let n = columns.len() as f64;
        let (mut prefix, mut total) = ([0.0; WIDTH], [0.0; WIDTH]);
        for row in &mut *columns {
            for ((g, prefix), total) in row.iter_mut().zip(&mut prefix).zip(&mut total) {
                *prefix += *g;
                *total += *prefix;
                *g = *prefix;
            }
        }
        let closing = match self.ends {
            Ends::Periodic => total.map(|total| total / n),
            Ends::Neumann => [0.0; WIDTH],
        };
        let scale = self.scale(n);
        let mut x = [0.0; WIDTH];
        for row in &mut *columns {
            for ((prefix, x), closing) in row.iter_mut().zip(&mut x).zip(closing) {
                let next = *x + scale * (closing - *prefix);
                *prefix = *x;
                *x = next;
            }
        }
        take_means(columns);
    }
}

/// What a list of methods tells of it.
pub(crate) const DOC: Entry = Entry {
    kind: Kind::Metric,
    name: "h1",
    title: "Sobolev along channels, split by the mean",
    definition: "<u, v> = mean(u) mean(v) + lambda integral(u' v')\n\
                 g <- mean(g) + x / lambda with -x'' = g - mean(g), mean(x) = 0",
    hyper: &[
        Hyper::new("lambda", "lambda", "", "weight of the derivative"),
        Hyper::new("ends", "", r#""periodic""#, "periodic or neumann"),
        Hyper::new("axis", "", r#""output""#, "axis of the weight: output, input, height or width"),
        Hyper::new("linear", "", "false", "whether weights of linear layers are smoothed too"),
    ],
    state: &[],
    bytes: "8, of the chosen weights",
    source: "Lao et al., Channel-Directed Gradients for Optimization of Convolutional Neural Networks, 2020, arXiv 2008.10766",
};
