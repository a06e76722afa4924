//! The classical Sobolev metric.

use super::{Columns, Ends, Metric, WIDTH, mean_product};
use crate::docs::{Entry, Hyper, Kind};

/// `<u, v> = mean(u v) + lambda * integral of u' v'`.
///
/// The gradient x solves `(I + s L) x = g` with `s = lambda n^2` and L the negative second difference.
///
/// - Neumann ends: a tridiagonal system, by elimination, whose pivots are computed once.
/// - Periodic ends: `I + s L = (s / r) (1 - r S) (1 - r S^-1)` with S the shift by one channel around
///   the circle and `r = exp(-2 asinh(1 / (2 sqrt(s))))`: one recursion up the channels and one down,
///   each of which starts with the value that it ends with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sobolev {
    /// The weight of the derivative, above 0.
    pub lambda: f64,
    /// What happens at the ends.
    pub ends: Ends,
}

impl Metric for Sobolev {
    fn name(&self) -> &'static str {
        "sobolev"
    }

    fn product(&self, u: &[f64], v: &[f64]) -> f64 {
        mean_product(u, v) + self.lambda * self.ends.dirichlet(u, v)
    }

    fn prepared_len(&self, n: usize) -> usize {
        match self.ends {
            Ends::Periodic => 0,
            Ends::Neumann => n,
        }
    }

    /// One over the pivots of the elimination. A pivot is `e_i + s`, the last one `e_(n-1)`, where
    /// `e_i` is what is left of 1 between the channels above: as sums of positive numbers they keep
    /// their digits for every s.
    fn prepare(&self, n: usize, prepared: &mut [f64]) {
        let s = self.stiffness(n);
        let mut rest = 1.0;
        for (i, inverse) in prepared.iter_mut().enumerate() {
            let pivot = if i + 1 < n { rest + s } else { rest };
            *inverse = 1.0 / pivot;
            rest = 1.0 + s * (rest / (rest + s));
        }
    }

    fn constants(&self) -> Vec<u32> {
        vec![self.ends.constant()]
    }

    fn numbers(&self, n: usize) -> Vec<f64> {
        match self.ends {
            Ends::Neumann => {
                let mut numbers = vec![self.stiffness(n); n + 1];
                self.prepare(n, &mut numbers[1..]);
                numbers
            }
            Ends::Periodic => {
                let Around { ratio, open, scale } = self.around(n);
                vec![ratio, open, 1.0 / open, scale]
            }
        }
    }

    fn needs_work_space(&self) -> bool {
        true
    }

    #[inline(always)]
    fn solve(&self, prepared: &[f64], columns: &mut Columns) {
        match self.ends {
            Ends::Neumann => {
                let s = self.stiffness(columns.len());
                let mut above = [0.0; WIDTH];
                for (row, inverse) in columns.iter_mut().zip(prepared) {
                    for (x, above) in row.iter_mut().zip(&mut above) {
                        *x = (*x + s * *above) * inverse;
                        *above = *x;
                    }
                }
                let mut below = [0.0; WIDTH];
                for (row, inverse) in columns.iter_mut().zip(prepared).rev() {
                    for (x, below) in row.iter_mut().zip(&mut below) {
                        *x += s * inverse * *below;
                        *below = *x;
                    }
                }
            }
            Ends::Periodic => {
                let Around { ratio, open, scale } = self.around(columns.len());
                recursion(columns, true, ratio, open, 1.0);
                recursion(columns, false, ratio, open, scale);
            }
        }
    }
}

impl Sobolev {
    fn stiffness(&self, n: usize) -> f64 {
        self.lambda * (n as f64) * (n as f64)
    }

    fn around(&self, n: usize) -> Around {
        let s = self.stiffness(n);
        let decay = -2.0 * (0.5 / s.sqrt()).asinh();
        let ratio = decay.exp();
        Around { ratio, open: -(decay * n as f64).exp_m1(), scale: ratio / s }
    }
}

/// The recursions around the circle of n channels: r, 1 - r^n, and r / s.
struct Around {
    ratio: f64,
    open: f64,
    scale: f64,
}

/// `y_i = ratio y_(i-1) + x_i` around the circle, from the first row to the last or from the last to
/// the first, and `x <- scale y`; `open` is 1 - ratio^n.
#[inline(always)]
fn recursion(columns: &mut Columns, upwards: bool, ratio: f64, open: f64, scale: f64) {
    let n = columns.len();
    let row = |i: usize| if upwards { i } else { n - 1 - i };
    let mut y = [0.0; WIDTH];
    for i in 0..n {
        y.iter_mut().zip(&columns[row(i)]).for_each(|(y, x)| *y = ratio * *y + x);
    }
    y.iter_mut().for_each(|y| *y /= open);
    for i in 0..n {
        for (x, y) in columns[row(i)].iter_mut().zip(&mut y) {
            *y = ratio * *y + *x;
            *x = scale * *y;
        }
    }
}

/// What a list of methods tells of it.
pub(crate) const DOC: Entry = Entry {
    kind: Kind::Metric,
    name: "sobolev",
    title: "classical Sobolev along channels",
    definition: "<u, v> = mean(u v) + lambda integral(u' v')\n\
                 g <- (1 - lambda d^2/dx^2)^-1 g",
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
