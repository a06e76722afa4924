//! The eigenvalues and eigenvectors of a symmetric tridiagonal matrix, by implicit QL.

use crate::{Error, Result};

/// Sweeps for one eigenvalue. Two or three are common.
const SWEEPS: usize = 60;

/// Eigenvalues in no order, and the eigenvector of each, of length 1.
pub(crate) struct Eigen {
    pub(crate) values: Vec<f64>,
    pub(crate) vectors: Vec<Vec<f64>>,
}

/// Diagonalises the matrix with this diagonal and this line below and above it, which is one shorter:
/// `imtql2` of Dubrulle, Martin and Wilkinson 1968, "The Implicit QL Algorithm",
/// Numerische Mathematik 12.
pub(crate) fn eigen(diagonal: &[f64], beside: &[f64]) -> Result<Eigen> {
    let n = diagonal.len();
    let mut matrix = Tridiagonal {
        d: diagonal.to_vec(),
        e: beside.iter().copied().chain([0.0]).collect(),
        rows: (0..n).map(|i| (0..n).map(|j| f64::from(i == j)).collect()).collect(),
    };
    for l in 0..n {
        let mut sweeps = 0;
        loop {
            let m = matrix.end_of_block(l);
            if m == l {
                break;
            }
            if sweeps == SWEEPS {
                return Err(Error::NotSettled { row: l, sweeps });
            }
            sweeps += 1;
            matrix.sweep(l, m);
        }
    }
    Ok(Eigen { values: matrix.d, vectors: matrix.rows })
}

struct Tridiagonal {
    d: Vec<f64>,
    e: Vec<f64>,
    /// Row i becomes the eigenvector of `d[i]`.
    rows: Vec<Vec<f64>>,
}

impl Tridiagonal {
    /// The last row that is still coupled to row `l`.
    fn end_of_block(&self, l: usize) -> usize {
        let negligible = |m: &usize| {
            let scale = self.d[*m].abs() + self.d[m + 1].abs();
            self.e[*m].abs() <= (f64::EPSILON * scale).max(f64::MIN_POSITIVE)
        };
        let last = self.d.len() - 1;
        (l..last).find(negligible).unwrap_or(last)
    }

    /// One sweep of rotations over rows `l..=m`, from below, with Wilkinson's shift.
    fn sweep(&mut self, l: usize, m: usize) {
        let Tridiagonal { d, e, rows } = self;
        let ratio = (d[l + 1] - d[l]) / (2.0 * e[l]);
        let mut g = d[m] - d[l] + e[l] / (ratio + ratio.hypot(1.0).copysign(ratio));
        let (mut s, mut c, mut p) = (1.0, 1.0, 0.0);
        for i in (l..m).rev() {
            let (f, b) = (s * e[i], c * e[i]);
            let r = f.hypot(g);
            e[i + 1] = r;
            if r == 0.0 {
                // The block fell apart: the next sweep is of the smaller one.
                d[i + 1] -= p;
                e[m] = 0.0;
                return;
            }
            (s, c) = (f / r, g / r);
            g = d[i + 1] - p;
            let t = (d[i] - g) * s + 2.0 * c * b;
            p = s * t;
            d[i + 1] = g + p;
            g = c * t - b;
            let (above, below) = rows.split_at_mut(i + 1);
            for (x, y) in above[i].iter_mut().zip(&mut below[0]) {
                (*x, *y) = (c * *x - s * *y, s * *x + c * *y);
            }
        }
        d[l] -= p;
        e[l] = g;
        e[m] = 0.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vector::dot;

    /// The second difference of n points has eigenvalues 2 - 2 cos(k π / (n + 1)).
    #[test]
    fn eigenvalues_of_the_second_difference_are_known() {
        let n = 40;
        let Eigen { mut values, vectors } = eigen(&vec![2.0; n], &vec![-1.0; n - 1]).unwrap();
        for (i, v) in vectors.iter().enumerate() {
            assert!((dot(v, v) - 1.0).abs() < 1e-13);
            for (k, &x) in v.iter().enumerate() {
                let left = if k > 0 { v[k - 1] } else { 0.0 };
                let right = v.get(k + 1).copied().unwrap_or(0.0);
                assert!((2.0 * x - left - right - values[i] * x).abs() < 1e-13);
            }
        }
        values.sort_by(f64::total_cmp);
        for (k, value) in values.iter().enumerate() {
            let angle = (k + 1) as f64 * std::f64::consts::PI / (n + 1) as f64;
            assert!((value - (2.0 - 2.0 * angle.cos())).abs() < 1e-13, "{k}: {value}");
        }
    }

    #[test]
    fn small_and_decoupled_matrices_are_diagonalised() {
        assert_eq!(eigen(&[3.0], &[]).unwrap().values, [3.0]);
        assert_eq!(eigen(&[3.0, -1.0, 2.0], &[0.0, 0.0]).unwrap().values, [3.0, -1.0, 2.0]);
        let mut swap = eigen(&[0.0, 0.0], &[1.0]).unwrap().values;
        swap.sort_by(f64::total_cmp);
        assert!((swap[0] + 1.0).abs() < 1e-15 && (swap[1] - 1.0).abs() < 1e-15);
        assert!(eigen(&[0.0, f64::NAN, 1.0], &[1.0, 1.0]).is_err());
    }
}
