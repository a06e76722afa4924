//! The Lanczos iteration with full reorthogonalisation.

use crate::error::{check_finite, check_length};
use crate::random::{Purpose, normal};
use crate::vector::{add_scaled, dot, norm, scale};
use crate::{Error, Operator, Result};

/// Where an iteration ends whose next vector is zero.
#[derive(Clone, Copy)]
pub(crate) enum Breakdown {
    /// There: what was found is invariant, and holds all of the first vector.
    Stop,
    /// Goes on from a random vector, so that repeated eigenvalues are found as often as they are.
    Restart {
        /// The seed of that vector.
        seed: u64,
    },
}

/// A tridiagonal matrix T with `A Q = Q T + last q eᵀ`.
pub(crate) struct Krylov {
    /// The orthonormal columns of Q.
    pub(crate) basis: Vec<Vec<f64>>,
    /// The diagonal of T.
    pub(crate) diagonal: Vec<f64>,
    /// What is beside the diagonal of T.
    pub(crate) beside: Vec<f64>,
    /// The length of what is left.
    pub(crate) last: f64,
}

/// Runs at most `steps` steps from a vector, one product each, and fewer where what there is after a step
/// is `enough`: Lanczos 1950, as algorithm 10.1.1 of
/// Golub and Van Loan 2013, "Matrix Computations". Every vector is made orthogonal to all before it
/// twice ("twice is enough": Parlett 1998, "The Symmetric Eigenvalue Problem", section 6.9), so that no
/// eigenvalue is found again by rounding.
pub(crate) fn lanczos(
    operator: &mut (impl Operator + ?Sized),
    mut next: Vec<f64>,
    steps: usize,
    breakdown: Breakdown,
    enough: impl Fn(&Krylov) -> Result<bool>,
) -> Result<Krylov> {
    let n = operator.dimension();
    let length = norm(&next);
    if length == 0.0 {
        return Err(Error::NoDirection { what: "the first vector" });
    }
    scale(&mut next, 1.0 / length);
    let mut krylov = Krylov { basis: vec![], diagonal: vec![], beside: vec![], last: 0.0 };
    // An upper bound of |T| so far, which says what zero is.
    let mut size = 0f64;
    loop {
        let mut w = operator.apply(&next)?;
        check_length("the product", n, w.len())?;
        check_finite("the product", &w)?;
        krylov.diagonal.push(dot(&next, &w));
        size = size.max(norm(&w));
        krylov.basis.push(next);
        orthogonalise(&mut w, &krylov.basis);
        krylov.last = norm(&w);
        if krylov.basis.len() >= steps.min(n) || enough(&krylov)? {
            return Ok(krylov);
        }
        if krylov.last > n as f64 * f64::EPSILON * size {
            scale(&mut w, 1.0 / krylov.last);
            krylov.beside.push(krylov.last);
        } else {
            let Breakdown::Restart { seed } = breakdown else { return Ok(krylov) };
            w = normal(seed, Purpose::Start, krylov.basis.len() as u64, n);
            orthogonalise(&mut w, &krylov.basis);
            let length = norm(&w);
            scale(&mut w, 1.0 / length);
            krylov.beside.push(0.0);
        }
        next = w;
    }
}

/// Takes the part in the span of a basis off a vector, twice.
fn orthogonalise(w: &mut [f64], basis: &[Vec<f64>]) {
    for _ in 0..2 {
        for q in basis {
            let part = dot(q, w);
            add_scaled(w, -part, q);
        }
    }
}
