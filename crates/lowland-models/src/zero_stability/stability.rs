//! What the characteristic roots of a scheme say of it.

use std::fmt;

use super::polynomial::{Found, Polynomial};

/// How far from 1 a modulus may be and still lie on the unit circle: far more than rounding, far less
/// than coefficients are written with.
const ON_CIRCLE: f64 = 1e-10;

/// A characteristic root.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Root {
    /// The real part.
    pub re: f64,
    /// The imaginary part.
    pub im: f64,
    /// How often it occurs.
    pub multiplicity: usize,
}

impl Root {
    /// The distance from 0.
    #[must_use]
    pub fn modulus(&self) -> f64 {
        self.re.hypot(self.im)
    }

    /// Whether it meets the root condition: inside the unit circle, or simple on it.
    #[must_use]
    pub fn is_stable(&self) -> bool {
        let beyond = self.modulus() - 1.0;
        beyond < -ON_CIRCLE || beyond <= ON_CIRCLE && self.multiplicity == 1
    }
}

impl From<Found> for Root {
    fn from(Found { at, multiplicity }: Found) -> Self {
        Root { re: at.re, im: at.im, multiplicity }
    }
}

/// The characteristic roots of a [`Scheme`](super::Scheme), and what follows from them.
#[derive(Clone, Debug, PartialEq)]
pub struct Stability {
    /// All different roots, the largest modulus first.
    pub roots: Vec<Root>,
    /// Whether 1 is a root (the a_i sum to 1) and b0, if given, fits: the scheme then follows its
    /// differential equation to first order.
    pub consistent: bool,
    /// Whether all roots meet the root condition; see [`Root::is_stable`].
    pub zero_stable: bool,
    /// The largest modulus but for that of one root 1: how fast a disturbance dies out. 0 where 1 is
    /// the only root, `None` where it is none.
    pub parasitic_radius: Option<f64>,
    /// The largest modulus of all.
    pub largest: f64,
}

impl Stability {
    /// The analysis of a polynomial; `b0_fits` is the second condition of consistency.
    pub(super) fn of(polynomial: &Polynomial, b0_fits: bool) -> Self {
        let principal = polynomial.degree() > 0 && polynomial.vanishes_at(1.0);
        let rest = if principal { &polynomial.divided_by(1.0) } else { polynomial };
        let mut roots: Vec<Root> = rest.roots().into_iter().map(Root::from).collect();
        let parasitic_radius = principal.then(|| roots.first().map_or(0.0, Root::modulus));
        if principal {
            // A parasitic root at 1 makes the principal one a multiple root.
            let is_one = |root: &&mut Root| (root.re - 1.0).hypot(root.im) <= ON_CIRCLE;
            match roots.iter_mut().find(is_one) {
                Some(root) => root.multiplicity += 1,
                None => roots.push(Root { re: 1.0, im: 0.0, multiplicity: 1 }),
            }
            roots.sort_by(|a, b| b.modulus().total_cmp(&a.modulus()));
        }
        Stability {
            consistent: principal && b0_fits,
            zero_stable: roots.iter().all(Root::is_stable),
            parasitic_radius,
            largest: roots.first().map_or(0.0, Root::modulus),
            roots,
        }
    }
}

impl fmt::Display for Stability {
    /// One phrase: "zero-stable, parasitic radius 0.333", or "unstable, largest root 1.839,
    /// inconsistent".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Stability { largest, .. } = *self;
        match self.parasitic_radius {
            Some(radius) if self.zero_stable => {
                write!(f, "zero-stable, parasitic radius {radius:.3}")?
            }
            _ if self.zero_stable => write!(f, "zero-stable, largest root {largest:.3}")?,
            _ => write!(f, "unstable, largest root {largest:.3}")?,
        }
        let on_circle =
            |root: &&Root| !root.is_stable() && (root.modulus() - 1.0).abs() <= ON_CIRCLE;
        if let Some(root) = self.roots.iter().find(on_circle)
            && largest <= 1.0 + ON_CIRCLE
        {
            write!(f, " of multiplicity {}", root.multiplicity)?;
        }
        if self.consistent { Ok(()) } else { write!(f, ", inconsistent") }
    }
}

#[cfg(test)]
mod tests {
    use crate::zero_stability::Scheme;

    #[track_caller]
    fn assert_says(scheme: &Scheme, text: &str) {
        assert_eq!(scheme.analyse().to_string(), text);
    }

    #[test]
    fn one_phrase_says_it() {
        let c = |c| Scheme::from_c(c).unwrap();
        assert_says(&c(-1.8), "zero-stable, parasitic radius 0.333");
        assert_says(&c(1.0), "zero-stable, parasitic radius 0.707");
        // 1, -1 and 0: simple on the circle.
        assert_says(&c(-1.0), "zero-stable, parasitic radius 1.000");
        assert_says(&c(1.0 / 3.0), "unstable, largest root 1.000 of multiplicity 3");
        assert_says(&c(-0.5), "unstable, largest root 1.883");
        assert_says(&Scheme::resnet(), "zero-stable, parasitic radius 0.000");
        assert_says(&Scheme::lm_resnet(-0.25).unwrap(), "zero-stable, parasitic radius 0.250");
        assert_says(
            &Scheme::lm_resnet(-1.0).unwrap(),
            "unstable, largest root 1.000 of multiplicity 2",
        );
        assert_says(&Scheme::new(&[0.5]).unwrap(), "zero-stable, largest root 0.500, inconsistent");
    }

    #[test]
    fn double_roots_are_exact() {
        for scheme in [
            Scheme::from_c(-1.8).unwrap(),
            Scheme::new(&[1.0 / 3.0, 5.0 / 9.0, 1.0 / 9.0]).unwrap(),
        ] {
            let stability = scheme.analyse();
            assert_eq!(stability.roots.len(), 2, "{stability:?}");
            assert_eq!(stability.roots[1].multiplicity, 2);
            assert!((stability.roots[1].re + 1.0 / 3.0).abs() < 1e-14, "{stability:?}");
        }
    }

    /// At c = 1/3 + d the parasitic roots are about 1 ± sqrt(-9 d / 2), with
    /// modulus² = a2 = 1 - 9 d / 4.
    #[test]
    fn the_edges_of_the_stable_region_are_sharp() {
        let stable = |c: f64| Scheme::from_c(c).unwrap().analyse().zero_stable;
        for d in [1e-3, 1e-6, 1e-9] {
            assert!(stable(1.0 / 3.0 + d) && !stable(1.0 / 3.0 - d), "{d}");
            assert!(stable(-1.0 - d) && !stable(-1.0 + d), "{d}");
        }
    }

    /// The backward differentiation formulas, whose left side is that of a scheme of k steps, are
    /// zero-stable up to order 6 and not at 7 (Hairer, Norsett and Wanner, section III.3).
    #[test]
    fn the_seventh_difference_formula_is_the_first_unstable_one() {
        for k in 1..=7usize {
            // The sum over j of (1 - 1/z)^j / j, as coefficients of z^-i.
            let mut coefficients = vec![0.0; k + 1];
            for j in 1..=k {
                let mut binomial = 1.0;
                for (i, c) in coefficients.iter_mut().enumerate().take(j + 1) {
                    let sign = if i % 2 == 0 { 1.0 } else { -1.0 };
                    *c += sign * binomial / j as f64;
                    binomial *= (j - i) as f64 / (i + 1) as f64;
                }
            }
            let a: Vec<f64> = coefficients[1..].iter().map(|c| -c / coefficients[0]).collect();
            let stability = Scheme::new(&a).unwrap().analyse();
            assert!(stability.consistent, "{k}");
            assert_eq!(stability.zero_stable, k <= 6, "{k}: {stability:?}");
        }
    }
}
