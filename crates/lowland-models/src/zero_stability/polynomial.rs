//! The roots of a real polynomial, with their multiplicities.

use super::complex::Complex;

/// `z^n + c_{n-1} z^{n-1} + ... + c_0`, as `c_0 .. c_{n-1}`, all finite.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Polynomial {
    lower: Vec<f64>,
}

/// A root and how often it occurs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Found {
    pub(super) at: Complex,
    pub(super) multiplicity: usize,
}

/// Rounds of the simultaneous iteration. A simple root takes about ten; near an m-fold root an error
/// shrinks by (m - 1) / m a round until rounding ends it.
const ROUNDS: usize = 500;

/// Roots this close, relative to 1 + |z|, may be one multiple root. Its m computed places lie about
/// 1e-16^(1/m) apart, so larger distances are tried first, for larger m.
const NEAR: [f64; 8] = [3e-2, 1e-2, 3e-3, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7];

/// How many times the rounding error of its terms a polynomial may be off at a root. The coefficients
/// themselves come rounded.
const ROUNDING: f64 = 32.0 * f64::EPSILON;

impl Polynomial {
    pub(super) fn new(lower: Vec<f64>) -> Self {
        Polynomial { lower }
    }

    pub(super) fn degree(&self) -> usize {
        self.lower.len()
    }

    /// Whether `z` is a root, to the rounding of the coefficients.
    pub(super) fn vanishes_at(&self, z: f64) -> bool {
        self.vanishes(0, z.into())
    }

    /// This polynomial divided by `z - root`, for one of its real roots.
    pub(super) fn divided_by(&self, root: f64) -> Polynomial {
        let mut carry = 1.0;
        let mut lower = Vec::with_capacity(self.degree());
        for c in self.lower.iter().rev() {
            lower.push(carry);
            carry = c + root * carry;
        }
        // The first quotient is the leading 1.
        lower.reverse();
        lower.pop();
        Polynomial { lower }
    }

    /// All roots, the largest first.
    pub(super) fn roots(&self) -> Vec<Found> {
        let zeros = self.lower.iter().take_while(|c| **c == 0.0).count();
        let rest = Polynomial { lower: self.lower[zeros..].to_vec() };
        let mut found = rest.grouped(rest.simultaneous());
        if zeros > 0 {
            found.push(Found { at: Complex::ZERO, multiplicity: zeros });
        }
        found.sort_by(|a, b| {
            let by_modulus = b.at.modulus().total_cmp(&a.at.modulus());
            by_modulus.then(b.at.re.total_cmp(&a.at.re)).then(b.at.im.total_cmp(&a.at.im))
        });
        found
    }

    /// The value of a derivative at a point, and the sum of its terms' magnitudes there.
    fn derivative(&self, order: usize, z: Complex) -> (Complex, f64) {
        let (mut value, mut magnitude) = (Complex::ZERO, 0.0);
        for power in (order..=self.degree()).rev() {
            let c = self.lower.get(power).unwrap_or(&1.0);
            let factor = ((power - order + 1)..=power).fold(1.0, |product, n| product * n as f64);
            value = value * z + (c * factor).into();
            magnitude = magnitude * z.modulus() + (c * factor).abs();
        }
        (value, magnitude)
    }

    fn vanishes(&self, order: usize, z: Complex) -> bool {
        let (value, magnitude) = self.derivative(order, z);
        value.modulus() <= ROUNDING * (self.degree() + 1) as f64 * magnitude
    }

    /// Approximations of all roots by the iteration of Aberth (1973) and Ehrlich (1967).
    fn simultaneous(&self) -> Vec<Complex> {
        let n = self.degree();
        // No root lies outside this circle (Fujiwara 1916).
        let largest = self.lower.iter().rev().zip(1..).map(|(c, i)| c.abs().powf(1.0 / i as f64));
        let radius = 2.0 * largest.fold(0.0, f64::max);
        // An angle that is no symmetry of a real polynomial.
        let start = |i: usize| 0.4 + std::f64::consts::TAU * i as f64 / n as f64;
        let mut roots: Vec<Complex> = (0..n).map(|i| Complex::polar(radius, start(i))).collect();
        for _ in 0..ROUNDS {
            let mut moved = false;
            for i in 0..n {
                if self.vanishes(0, roots[i]) {
                    continue;
                }
                let newton = self.derivative(0, roots[i]).0 / self.derivative(1, roots[i]).0;
                let others = roots.iter().enumerate().filter(|(j, _)| *j != i);
                let push = others.fold(Complex::ZERO, |sum, (_, other)| {
                    sum + Complex::from(1.0) / (roots[i] - *other)
                });
                let step = newton / (Complex::from(1.0) - newton * push);
                if step.modulus().is_finite() {
                    roots[i] = roots[i] - step;
                    moved |= step.modulus() > f64::EPSILON * roots[i].modulus();
                }
            }
            if !moved {
                break;
            }
        }
        roots
    }

    /// Simple and multiple roots from approximations: some that lie close together are one root where
    /// all its derivatives vanish, and are left apart where not.
    fn grouped(&self, mut rest: Vec<Complex>) -> Vec<Found> {
        let mut found = Vec::new();
        for near in NEAR {
            let mut apart = Vec::new();
            while let Some(first) = rest.pop() {
                let mut group = vec![first];
                // What is near any member belongs to the group.
                while let Some(i) =
                    rest.iter().position(|z| group.iter().any(|g| close(*g, *z, near)))
                {
                    group.push(rest.swap_remove(i));
                }
                match self.multiple(&group) {
                    Some(root) => found.push(root),
                    None => apart.extend(group),
                }
            }
            rest = apart;
        }
        let simple = |z| Found { at: on_the_axis(self.polished(0, z)), multiplicity: 1 };
        found.extend(rest.into_iter().map(simple));
        found
    }

    /// The one root that all of a group approximate, if there is one.
    fn multiple(&self, group: &[Complex]) -> Option<Found> {
        let m = group.len();
        if m < 2 {
            return None;
        }
        let sum = group.iter().fold(Complex::ZERO, |sum, z| sum + *z);
        // An m-fold root is a simple one of the derivative of order m - 1.
        let at = on_the_axis(self.polished(m - 1, sum / (m as f64).into()));
        (0..m - 1).all(|order| self.vanishes(order, at)).then_some(Found { at, multiplicity: m })
    }

    /// A simple root of a derivative from an approximation, by Newton's method.
    fn polished(&self, order: usize, mut z: Complex) -> Complex {
        for _ in 0..8 {
            let step = self.derivative(order, z).0 / self.derivative(order + 1, z).0;
            if !step.modulus().is_finite() {
                break;
            }
            z = z - step;
        }
        z
    }
}

fn close(a: Complex, b: Complex, near: f64) -> bool {
    (a - b).modulus() <= near * (1.0 + a.modulus())
}

/// A root of a real polynomial whose imaginary part is no more than rounding is real.
fn on_the_axis(z: Complex) -> Complex {
    if z.im.abs() <= 1e-14 * (1.0 + z.re.abs()) { z.re.into() } else { z }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The polynomial with these real roots.
    fn with_roots(roots: &[f64]) -> Polynomial {
        let mut all = vec![1.0];
        for root in roots {
            let mut next = vec![0.0; all.len() + 1];
            for (i, c) in all.iter().enumerate() {
                next[i + 1] += c;
                next[i] -= root * c;
            }
            all = next;
        }
        all.pop();
        Polynomial::new(all)
    }

    #[track_caller]
    fn assert_roots(polynomial: &Polynomial, expected: &[(f64, f64, usize)]) {
        let found = polynomial.roots();
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for (root, (re, im, multiplicity)) in found.iter().zip(expected) {
            let off = (root.at.re - re).hypot(root.at.im - im);
            assert!(off < 1e-12 && root.multiplicity == *multiplicity, "{found:?}");
        }
    }

    #[test]
    fn simple_roots_are_found() {
        assert_roots(&with_roots(&[]), &[]);
        assert_roots(&with_roots(&[-0.7]), &[(-0.7, 0.0, 1)]);
        let roots = [(3.0, 0.0, 1), (-2.0, 0.0, 1), (0.5, 0.0, 1), (0.25, 0.0, 1)];
        assert_roots(&with_roots(&[0.5, 3.0, 0.25, -2.0]), &roots);
        // z^4 - 1, and z^2 + 2 z + 5.
        let roots = [(1.0, 0.0, 1), (0.0, 1.0, 1), (0.0, -1.0, 1), (-1.0, 0.0, 1)];
        let found = Polynomial::new(vec![-1.0, 0.0, 0.0, 0.0]).roots();
        for (re, im, _) in roots {
            assert!(found.iter().any(|f| (f.at.re - re).hypot(f.at.im - im) < 1e-12), "{found:?}");
        }
        assert_roots(&Polynomial::new(vec![5.0, 2.0]), &[(-1.0, 2.0, 1), (-1.0, -2.0, 1)]);
    }

    #[test]
    fn multiple_roots_are_found_with_their_multiplicity() {
        assert_roots(&with_roots(&[1.0, 1.0, 1.0]), &[(1.0, 0.0, 3)]);
        assert_roots(&with_roots(&[1.0; 5]), &[(1.0, 0.0, 5)]);
        assert_roots(&with_roots(&[0.0, 0.0, 2.0]), &[(2.0, 0.0, 1), (0.0, 0.0, 2)]);
        let roots = [(-1.5, 0.0, 2), (1.0, 0.0, 1), (0.5, 0.0, 3)];
        assert_roots(&with_roots(&[0.5, -1.5, 0.5, 1.0, -1.5, 0.5]), &roots);
        // (z^2 + 1)^2
        let double = Polynomial::new(vec![1.0, 0.0, 2.0, 0.0]);
        assert_roots(&double, &[(0.0, 1.0, 2), (0.0, -1.0, 2)]);
    }

    #[test]
    fn roots_of_any_polynomial_multiply_to_its_last_coefficient() {
        let shape = |n: usize| lowland_core::Shape::from([n]);
        let draw = |seed| crate::Init::Uniform { bound: 2.0 }.values(seed, "c", &shape(8));
        for seed in 0..500 {
            let polynomial = Polynomial::new(draw(seed)[..1 + seed as usize % 8].to_vec());
            let found = polynomial.roots();
            let count: usize = found.iter().map(|root| root.multiplicity).sum();
            assert_eq!(count, polynomial.degree(), "{polynomial:?}: {found:?}");
            assert!(found.iter().all(|root| polynomial.vanishes(0, root.at)), "{polynomial:?}");
            let product = found.iter().fold(1.0, |product, root| product * root.at.modulus());
            let last = polynomial.lower[0].abs();
            assert!((product - last).abs() < 1e-9 * last, "{polynomial:?}: {found:?}");
        }
    }

    #[test]
    fn roots_that_are_only_close_stay_apart() {
        for gap in [1e-2, 1e-4, 1e-6] {
            let found = with_roots(&[1.0, 1.0 + gap]).roots();
            assert_eq!(found.len(), 2, "{gap}: {found:?}");
            let got = found[0].at.re - found[1].at.re;
            assert!((got - gap).abs() < 1e-3 * gap, "{gap}: {found:?}");
        }
    }

    #[test]
    fn a_known_root_is_divided_out() {
        let quotient = with_roots(&[1.0, -0.5, 0.25]).divided_by(1.0);
        assert_eq!(quotient, with_roots(&[-0.5, 0.25]));
        assert_eq!(with_roots(&[1.0]).divided_by(1.0).degree(), 0);
        assert!(with_roots(&[1.0, 0.3]).vanishes_at(1.0));
        assert!(!with_roots(&[1.0 + 1e-9, 0.3]).vanishes_at(1.0));
    }
}
