//! What the tests share: matrices with known spectra, quadratics, and eigenvalues by Jacobi.

// Each test file uses a part.
#![allow(dead_code)]

use lowland_core::Shape;
use lowland_landscape::{Function, Operator, Result};

/// Fixed numbers in -1..1, different for each seed.
pub fn numbers(len: usize, seed: u64) -> Vec<f64> {
    lowland_models::Init::Uniform { bound: 1.0 }.values(seed, "test", &Shape::from([len]))
}

pub fn dot(x: &[f64], y: &[f64]) -> f64 {
    x.iter().zip(y).map(|(x, y)| x * y).sum()
}

pub fn norm(x: &[f64]) -> f64 {
    dot(x, x).sqrt()
}

pub fn distance(x: &[f64], y: &[f64]) -> f64 {
    assert_eq!(x.len(), y.len());
    x.iter().zip(y).map(|(x, y)| (x - y) * (x - y)).sum::<f64>().sqrt()
}

/// A symmetric matrix by its rows.
#[derive(Clone, Debug)]
pub struct Matrix(pub Vec<Vec<f64>>);

impl Matrix {
    pub fn diagonal(values: &[f64]) -> Self {
        let row =
            |i: usize| (0..values.len()).map(|j| if i == j { values[i] } else { 0.0 }).collect();
        Matrix((0..values.len()).map(row).collect())
    }

    /// A matrix with these eigenvalues and no zeros: the diagonal one, reflected on both sides.
    pub fn with_spectrum(values: &[f64]) -> Self {
        let n = values.len();
        let mut u = numbers(n, 9);
        let length = norm(&u);
        u.iter_mut().for_each(|u| *u /= length);
        let q = |i: usize, j: usize| f64::from(i == j) - 2.0 * u[i] * u[j];
        let at = |i: usize, j: usize| (0..n).map(|k| q(i, k) * values[k] * q(j, k)).sum();
        Matrix((0..n).map(|i| (0..n).map(|j| at(i, j)).collect()).collect())
    }

    pub fn times(&self, v: &[f64]) -> Vec<f64> {
        self.0.iter().map(|row| dot(row, v)).collect()
    }

    /// `wᵀ A w / 2 + b · w`.
    pub fn quadratic(
        &self,
        b: Vec<f64>,
    ) -> Function<impl FnMut(&[f64]) -> (f64, Vec<f64>) + use<>> {
        let a = self.clone();
        Function::new(b.len(), move |w: &[f64]| {
            let aw = a.times(w);
            let gradient = aw.iter().zip(&b).map(|(x, b)| x + b).collect();
            (dot(w, &aw) / 2.0 + dot(w, &b), gradient)
        })
    }

    /// The eigenvalues, the largest first, by Jacobi's rotations.
    pub fn eigenvalues(mut self) -> Vec<f64> {
        let a = &mut self.0;
        let n = a.len();
        for _ in 0..30 {
            for p in 0..n {
                for q in p + 1..n {
                    if a[p][q] == 0.0 {
                        continue;
                    }
                    let theta = (a[q][q] - a[p][p]) / (2.0 * a[p][q]);
                    let t = 1f64.copysign(theta) / (theta.abs() + theta.hypot(1.0));
                    let c = 1.0 / t.hypot(1.0);
                    let s = t * c;
                    for row in a.iter_mut() {
                        (row[p], row[q]) = (c * row[p] - s * row[q], s * row[p] + c * row[q]);
                    }
                    let (above, below) = a.split_at_mut(q);
                    for (x, y) in above[p].iter_mut().zip(&mut below[0]) {
                        (*x, *y) = (c * *x - s * *y, s * *x + c * *y);
                    }
                }
            }
        }
        let mut values: Vec<f64> = (0..n).map(|i| a[i][i]).collect();
        values.sort_by(|a, b| b.total_cmp(a));
        values
    }
}

impl Operator for Matrix {
    fn dimension(&self) -> usize {
        self.0.len()
    }

    fn apply(&mut self, v: &[f64]) -> Result<Vec<f64>> {
        Ok(self.times(v))
    }
}
