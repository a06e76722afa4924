//! The coefficients of an explicit multistep scheme.

use super::polynomial::Polynomial;
use super::stability::Stability;
use crate::{Error, Result};

/// An explicit scheme `h_{n+1} = a_0 h_n + a_1 h_{n-1} + ... + a_{k-1} h_{n-k+1} + b_0 F(h_n)`.
///
/// Without `b_0` the scale of `F` is left open, as where `F` is learned: it cannot make the scheme
/// inconsistent.
#[derive(Clone, Debug, PartialEq)]
pub struct Scheme {
    a: Vec<f64>,
    b0: Option<f64>,
}

impl Scheme {
    /// The largest number of steps, k.
    pub const MAX_STEPS: usize = 16;

    /// The scheme with these coefficients of the states, the newest first.
    ///
    /// # Errors
    /// [`Error::Config`] of the field `coefficients` for no coefficient, for more than
    /// [`Scheme::MAX_STEPS`], and for one that is not finite.
    pub fn new(a: &[f64]) -> Result<Self> {
        if a.is_empty() || a.len() > Self::MAX_STEPS {
            let message = format!("{} steps; there can be 1 to {}", a.len(), Self::MAX_STEPS);
            return Err(Error::config("coefficients", message));
        }
        a.iter().try_for_each(|&a| finite(a))?;
        Ok(Scheme { a: a.to_vec(), b0: None })
    }

    /// This scheme with a coefficient of `F`.
    ///
    /// # Errors
    /// [`Error::Config`] of the field `coefficients` where it is not finite.
    pub fn with_b0(self, b0: f64) -> Result<Self> {
        finite(b0)?;
        Ok(Scheme { b0: Some(b0), ..self })
    }

    /// The three-step scheme of a ZeroSNet with parameter c: a0 = (3c+3)/(4c), a1 = -1/c,
    /// a2 = (c+1)/(4c), b0 = (3c-1)/(2c). Consistent for every c, zero-stable for c <= -1 and for
    /// c > 1/3 alone, and with the smallest parasitic radius, 1/3, at c = -9/5.
    ///
    /// # Errors
    /// [`Error::Config`] of the field `c` where it is 0 or not finite, or so small that the
    /// coefficients are not finite.
    pub fn from_c(c: f64) -> Result<Self> {
        let (a, b0) = coefficients_of(c);
        let usable = Scheme::new(&a).and_then(|scheme| scheme.with_b0(b0));
        usable.map_err(|_| {
            let message = format!("{c}; the coefficients divide by it, it can be any number but 0");
            Error::config("c", message)
        })
    }

    /// The one-step scheme of residual networks, `h + F(h)`: its only root is 1.
    #[must_use]
    pub fn resnet() -> Self {
        Scheme { a: vec![1.0], b0: Some(1.0) }
    }

    /// The two-step scheme of an LM-ResNet, `(1-k) h_n + k h_{n-1} + F(h_n)`, whose roots are 1 and -k:
    /// Lu et al. 2018, "Beyond Finite Layer Neural Networks" (arXiv 1710.10121). Its `F` takes in b0.
    ///
    /// # Errors
    /// [`Error::Config`] of the field `coefficients` where k is not finite.
    pub fn lm_resnet(k: f64) -> Result<Self> {
        Scheme::new(&[1.0 - k, k])
    }

    /// The coefficients of the states, the newest first.
    #[must_use]
    pub fn a(&self) -> &[f64] {
        &self.a
    }

    /// The coefficient of `F`, if it is set.
    #[must_use]
    pub fn b0(&self) -> Option<f64> {
        self.b0
    }

    /// The characteristic roots and what follows from them.
    #[must_use]
    pub fn analyse(&self) -> Stability {
        let lower = self.a.iter().rev().map(|a| -a).collect();
        Stability::of(&Polynomial::new(lower), self.reproduces_lines())
    }

    /// Whether b0 is rho'(1) = k - (k-1) a_0 - ... - a_{k-2}, so that a solution that is a straight
    /// line is followed exactly; coefficients may be written with six digits.
    fn reproduces_lines(&self) -> bool {
        let k = self.a.len();
        let products = self.a.iter().enumerate().map(|(i, a)| (k - 1 - i) as f64 * a);
        let slope = k as f64 - products.sum::<f64>();
        self.b0.is_none_or(|b0| (b0 - slope).abs() <= 1e-5 * (1.0 + b0.abs()))
    }
}

/// a0, a1 and a2, and b0 of a ZeroSNet with parameter c.
pub(crate) fn coefficients_of(c: f64) -> ([f64; 3], f64) {
    let a = [(3.0 * c + 3.0) / (4.0 * c), -1.0 / c, (c + 1.0) / (4.0 * c)];
    (a, (3.0 * c - 1.0) / (2.0 * c))
}

fn finite(coefficient: f64) -> Result<()> {
    if coefficient.is_finite() {
        return Ok(());
    }
    Err(Error::config("coefficients", format!("{coefficient}; all must be finite numbers")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c_gives_the_coefficients_of_the_paper() {
        let opt = Scheme::from_c(-1.8).unwrap();
        let expected = [1.0 / 3.0, 5.0 / 9.0, 1.0 / 9.0];
        for (got, expected) in opt.a().iter().zip(expected) {
            assert!((got - expected).abs() < 1e-15, "{opt:?}");
        }
        assert!((opt.b0().unwrap() - 16.0 / 9.0).abs() < 1e-15, "{opt:?}");
        assert_eq!(Scheme::from_c(1.0).unwrap().a(), [1.5, -1.0, 0.5]);
    }

    #[test]
    fn impossible_coefficients_are_named() {
        for c in [0.0, -0.0, f64::NAN, f64::INFINITY, 1e-310] {
            let error = Scheme::from_c(c).unwrap_err().to_string();
            assert!(error.starts_with("c: ") && error.ends_with("any number but 0"), "{error}");
        }
        let error = Scheme::new(&[1.0, f64::NAN]).unwrap_err().to_string();
        assert_eq!(error, "coefficients: NaN; all must be finite numbers");
        assert!(Scheme::resnet().with_b0(f64::INFINITY).is_err());
        let error = Scheme::new(&[]).unwrap_err().to_string();
        assert_eq!(error, "coefficients: 0 steps; there can be 1 to 16");
        assert!(Scheme::new(&[0.1; 17]).is_err() && Scheme::new(&[0.1; 16]).is_ok());
        assert!(Scheme::lm_resnet(f64::NAN).is_err());
    }

    #[test]
    fn consistency_needs_both_conditions() {
        let consistent = |a: &[f64], b0: Option<f64>| {
            let scheme = Scheme::new(a).unwrap();
            let scheme = b0.map_or(scheme.clone(), |b0| scheme.with_b0(b0).unwrap());
            scheme.analyse().consistent
        };
        assert!(consistent(&[1.0], Some(1.0)) && !consistent(&[1.0], Some(2.0)));
        assert!(consistent(&[0.0, 1.0], Some(2.0)) && !consistent(&[0.0, 1.0], Some(1.0)));
        assert!(consistent(&[0.0, 1.0], None) && !consistent(&[0.5], None));
        // Written with seven digits.
        assert!(consistent(&[0.3333333, 0.5555556, 0.1111111], Some(1.77777778)));
    }
}
