//! The density of the eigenvalues of an operator, by stochastic Lanczos quadrature.

use crate::error::{check_least, check_positive};
use crate::lanczos::{Breakdown, lanczos};
use crate::random::{Purpose, signs};
use crate::tridiagonal::eigen;
use crate::{Operator, Result};

/// Nodes and weights: for each probe, a small set of numbers that stands for the spectrum.
#[derive(Clone, Debug, PartialEq)]
pub struct Quadrature {
    /// Of each probe, eigenvalues of its tridiagonal matrix and their weights, which add up to 1;
    /// eigenvalues grow.
    pub probes: Vec<Vec<(f64, f64)>>,
}

/// A density on a grid of equally spaced eigenvalues.
#[derive(Clone, Debug, PartialEq)]
pub struct Density {
    /// The eigenvalues.
    pub grid: Vec<f64>,
    /// The share of eigenvalues per unit at each: the mean over probes. Its integral is 1.
    pub density: Vec<f64>,
}

/// The quadrature of the spectral density with `steps` Lanczos steps from each of `probes` vectors of
/// random signs; weights are the squared first components of the eigenvectors of T.
///
/// Source: Ubaru, Chen and Saad 2017, "Fast Estimation of tr(f(A)) via Stochastic Lanczos Quadrature",
/// algorithm 1; for losses, Ghorbani, Krishnan and Xiao 2019, "An Investigation into Neural Net
/// Optimization via Hessian Eigenvalue Density", section 2, with normal vectors.
///
/// # Errors
/// [`Error::TooFew`](crate::Error::TooFew) for no probes, steps or rows; else as [`Operator::apply`].
pub fn quadrature(
    operator: &mut (impl Operator + ?Sized),
    probes: usize,
    steps: usize,
    seed: u64,
) -> Result<Quadrature> {
    let n = operator.dimension();
    check_least("parameters", 1, n)?;
    check_least("probes", 1, probes)?;
    check_least("Lanczos steps", 1, steps)?;
    let probes = (0..probes as u64).map(|probe| {
        let start = signs(seed, Purpose::Density, probe, n);
        let krylov = lanczos(operator, start, steps, Breakdown::Stop, |_| Ok(false))?;
        let ritz = eigen(&krylov.diagonal, &krylov.beside)?;
        let weights = ritz.vectors.iter().map(|v| v[0] * v[0]);
        let mut nodes: Vec<(f64, f64)> = ritz.values.iter().copied().zip(weights).collect();
        nodes.sort_by(|a, b| a.0.total_cmp(&b.0));
        Ok(nodes)
    });
    Ok(Quadrature { probes: probes.collect::<Result<_>>()? })
}

impl Quadrature {
    /// The mean of a function over the spectrum, `tr f(A) / n`: over probes and nodes,
    /// the mean of `Σ weight · f(node)` (Ubaru et al. 2017, algorithm 1).
    pub fn mean_of(&self, f: impl Fn(f64) -> f64) -> f64 {
        let of_probe = |nodes: &Vec<(f64, f64)>| nodes.iter().map(|(x, w)| w * f(*x)).sum::<f64>();
        self.probes.iter().map(of_probe).sum::<f64>() / self.probes.len() as f64
    }

    /// The smallest and the largest node.
    #[must_use]
    pub fn range(&self) -> (f64, f64) {
        let nodes = self.probes.iter().flatten();
        nodes.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), (x, _)| {
            (low.min(*x), high.max(*x))
        })
    }

    /// The density `Σ weight · N(t; node, sigma²)`, a mean over probes, on `points` eigenvalues t from
    /// five `sigma` below the smallest node to five above the largest (Ghorbani et al. 2019, section
    /// 2). A hundredth of the width of [`Quadrature::range`] is a common `sigma`.
    ///
    /// # Errors
    /// [`Error::TooFew`](crate::Error::TooFew) for fewer than 2 points,
    /// [`Error::NotPositive`](crate::Error::NotPositive) for a `sigma` that is not.
    pub fn density(&self, sigma: f64, points: usize) -> Result<Density> {
        check_positive("sigma", sigma)?;
        check_least("grid points", 2, points)?;
        let (low, high) = self.range();
        let (low, width) = (low - 5.0 * sigma, high - low + 10.0 * sigma);
        let grid: Vec<f64> =
            (0..points).map(|i| low + width * i as f64 / (points - 1) as f64).collect();
        let peak = 1.0 / (sigma * (2.0 * std::f64::consts::PI).sqrt());
        let at = |t: &f64| {
            self.mean_of(|x| {
                let z = (t - x) / sigma;
                peak * (-0.5 * z * z).exp()
            })
        };
        let density = grid.iter().map(at).collect();
        Ok(Density { grid, density })
    }
}
