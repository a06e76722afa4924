//! The largest or smallest eigenvalues of an operator.

use crate::error::check_least;
use crate::lanczos::{Breakdown, lanczos};
use crate::random::{Purpose, normal};
use crate::tridiagonal::eigen;
use crate::vector::add_scaled;
use crate::{Operator, Result};

/// Which eigenvalues are looked for, by value and not by magnitude.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The largest, the largest first: how sharp a minimum is.
    Top,
    /// The smallest, the smallest first: whether it is a minimum.
    Bottom,
}

/// What is looked for, and how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Search {
    /// The end of the spectrum.
    pub end: End,
    /// How many eigenvalues, at least 1.
    pub count: usize,
    /// Lanczos steps, one product each, at least `count`; more than the dimension are not taken.
    pub steps: usize,
    /// The seed of the first vector.
    pub seed: u64,
}

/// Approximate eigenvalues and eigenvectors.
#[derive(Clone, Debug, PartialEq)]
pub struct Eigenpairs {
    /// The eigenvalues, from the end inwards.
    pub values: Vec<f64>,
    /// The eigenvector of each, of length 1.
    pub vectors: Vec<Vec<f64>>,
    /// `|A v - λ v|` of each as the iteration has it: some eigenvalue is no further from λ than this,
    /// up to the error of the products.
    pub residuals: Vec<f64>,
    /// The products that were taken.
    pub products: usize,
}

/// Eigenvalues at an end of the spectrum, by Lanczos with full reorthogonalisation (Golub and Van Loan
/// 2013, "Matrix Computations", section 10.1, with the residual `|last sᵢₘ|`, where s is the eigenvector
/// of T; of a loss, Yao et al. 2020, "PyHessian", section 3). Memory is `steps` vectors of `f64`.
///
/// Fewer than `count` come back where the dimension is smaller.
///
/// # Errors
/// [`Error::TooFew`](crate::Error::TooFew) for a count of 0, no rows, or fewer steps than eigenvalues;
/// else as [`Operator::apply`].
pub fn eigenpairs(operator: &mut (impl Operator + ?Sized), search: &Search) -> Result<Eigenpairs> {
    let Search { end, count, steps, seed } = *search;
    let n = operator.dimension();
    check_least("parameters", 1, n)?;
    check_least("eigenvalues", 1, count)?;
    check_least("Lanczos steps", count, steps)?;
    let start = normal(seed, Purpose::Start, 0, n);
    let krylov = lanczos(operator, start, steps, Breakdown::Restart { seed })?;
    let ritz = eigen(&krylov.diagonal, &krylov.beside)?;
    let m = krylov.basis.len();
    let mut order: Vec<usize> = (0..m).collect();
    order.sort_by(|&a, &b| match end {
        End::Top => ritz.values[b].total_cmp(&ritz.values[a]),
        End::Bottom => ritz.values[a].total_cmp(&ritz.values[b]),
    });
    order.truncate(count);
    let vector = |i: &usize| {
        let mut v = vec![0.0; n];
        for (q, &s) in krylov.basis.iter().zip(&ritz.vectors[*i]) {
            add_scaled(&mut v, s, q);
        }
        v
    };
    Ok(Eigenpairs {
        values: order.iter().map(|&i| ritz.values[i]).collect(),
        vectors: order.iter().map(vector).collect(),
        residuals: order.iter().map(|&i| (krylov.last * ritz.vectors[i][m - 1]).abs()).collect(),
        products: m,
    })
}
