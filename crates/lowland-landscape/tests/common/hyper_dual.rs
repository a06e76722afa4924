//! Numbers with two infinitesimals, which carry exact second derivatives along (Fike and Alonso 2011).

use std::ops::{Add, Mul};

/// `v + a ε₁ + b ε₂ + ab ε₁ε₂`, where ε₁² = ε₂² = 0.
#[derive(Clone, Copy, Debug, Default)]
pub struct HyperDual {
    pub v: f64,
    pub a: f64,
    pub b: f64,
    pub ab: f64,
}

impl HyperDual {
    pub fn constant(v: f64) -> Self {
        HyperDual { v, ..Self::default() }
    }

    /// A function with these first and second derivatives here.
    fn chain(self, f: f64, first: f64, second: f64) -> Self {
        let HyperDual { a, b, ab, .. } = self;
        HyperDual { v: f, a: first * a, b: first * b, ab: first * ab + second * a * b }
    }

    pub fn tanh(self) -> Self {
        let t = self.v.tanh();
        let slope = 1.0 - t * t;
        self.chain(t, slope, -2.0 * t * slope)
    }

    pub fn exp(self) -> Self {
        let e = self.v.exp();
        self.chain(e, e, e)
    }

    pub fn ln(self) -> Self {
        self.chain(self.v.ln(), 1.0 / self.v, -1.0 / (self.v * self.v))
    }
}

impl Add for HyperDual {
    type Output = Self;

    fn add(self, o: Self) -> Self {
        HyperDual { v: self.v + o.v, a: self.a + o.a, b: self.b + o.b, ab: self.ab + o.ab }
    }
}

impl Mul for HyperDual {
    type Output = Self;

    fn mul(self, o: Self) -> Self {
        HyperDual {
            v: self.v * o.v,
            a: self.a * o.v + self.v * o.a,
            b: self.b * o.v + self.v * o.b,
            ab: self.ab * o.v + self.a * o.b + self.b * o.a + self.v * o.ab,
        }
    }
}
