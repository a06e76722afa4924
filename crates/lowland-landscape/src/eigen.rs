//! The largest or smallest eigenvalues of an operator.

use crate::error::{check_least, check_not_negative};
use crate::lanczos::{Breakdown, Krylov, lanczos};
use crate::random::{Purpose, normal};
use crate::tridiagonal::{Eigen, eigen};
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
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Search {
    /// The end of the spectrum.
    pub end: End,
    /// How many eigenvalues, at least 1.
    pub count: usize,
    /// Lanczos steps, one product each, at least `count`; more than the dimension are not taken.
    pub steps: usize,
    /// No more steps are taken once the residual of each eigenvalue is at most this part of it; 0 takes
    /// all steps. An eigenvalue that the iteration has not met by then is missed, as one may be that is
    /// repeated.
    pub tolerance: f64,
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
/// [`Error::TooFew`](crate::Error::TooFew) for a count of 0, no rows, or fewer steps than eigenvalues,
/// [`Error::Negative`](crate::Error::Negative) for the tolerance; else as [`Operator::apply`].
pub fn eigenpairs(operator: &mut (impl Operator + ?Sized), search: &Search) -> Result<Eigenpairs> {
    let Search { count, steps, tolerance, seed, .. } = *search;
    let n = operator.dimension();
    check_least("parameters", 1, n)?;
    check_least("eigenvalues", 1, count)?;
    check_least("Lanczos steps", count, steps)?;
    check_not_negative("the tolerance", tolerance)?;
    let start = normal(seed, Purpose::Start, 0, n);
    let enough = |krylov: &Krylov| {
        let count = count.min(n);
        if tolerance == 0.0 || krylov.basis.len() < count {
            return Ok(false);
        }
        let found = Ends::of(krylov, search)?;
        Ok(found.pairs().all(|(value, residual, _)| residual <= tolerance * value.abs()))
    };
    let krylov = lanczos(operator, start, steps, Breakdown::Restart { seed }, enough)?;
    let found = Ends::of(&krylov, search)?;
    let vector = |s: &Vec<f64>| {
        let mut v = vec![0.0; n];
        for (q, &s) in krylov.basis.iter().zip(s) {
            add_scaled(&mut v, s, q);
        }
        v
    };
    Ok(Eigenpairs {
        values: found.pairs().map(|(value, ..)| value).collect(),
        vectors: found.pairs().map(|(.., s)| vector(s)).collect(),
        residuals: found.pairs().map(|(_, residual, _)| residual).collect(),
        products: krylov.basis.len(),
    })
}

/// The eigenvalues of T at an end, from the end inwards.
struct Ends {
    ritz: Eigen,
    order: Vec<usize>,
    last: f64,
}

impl Ends {
    fn of(krylov: &Krylov, search: &Search) -> Result<Ends> {
        let ritz = eigen(&krylov.diagonal, &krylov.beside)?;
        let mut order: Vec<usize> = (0..ritz.values.len()).collect();
        order.sort_by(|&a, &b| match search.end {
            End::Top => ritz.values[b].total_cmp(&ritz.values[a]),
            End::Bottom => ritz.values[a].total_cmp(&ritz.values[b]),
        });
        order.truncate(search.count);
        Ok(Ends { ritz, order, last: krylov.last })
    }

    /// Each eigenvalue with its residual, and its eigenvector s of T.
    fn pairs(&self) -> impl Iterator<Item = (f64, f64, &Vec<f64>)> {
        self.order.iter().map(|&i| {
            let s = &self.ritz.vectors[i];
            (self.ritz.values[i], (self.last * s[s.len() - 1]).abs(), s)
        })
    }
}
