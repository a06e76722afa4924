//! How a block adds up what it computes and the states before it.

use lowland_core::{Result, Shape};
use lowland_tensor::Tensor;

use super::super::family::{Coefficients, Family};
use crate::{Init, Param, Pass, Role, Scope};

/// The step from states to the next one.
#[derive(Debug)]
pub(super) enum Rule {
    /// `h_n + F`.
    Residual,
    /// `a0 h_n + a1 h_{n-1} + a2 h_{n-2} + b0 F`.
    Fixed { a: [f64; 3], b0: f64 },
    /// The same with the coefficients that belong to a trainable c.
    OfC(Param),
    /// `(1-k) h_n + k h_{n-1} + F` with a trainable k.
    OfK(Param),
}

impl Rule {
    /// Declares `c` or `k`, if any, for a block that adds this many states.
    pub(super) fn new(mut scope: Scope<'_>, family: Family, states: usize) -> Self {
        let mut scalar = |name, init| scope.param(name, Shape::from([1]), Role::Coefficient, init);
        match family {
            _ if states < 2 => Rule::Residual,
            Family::ZeroSNet(Coefficients::Fixed { a, b0 }) => Rule::Fixed { a, b0 },
            Family::ZeroSNet(Coefficients::Trainable { c }) => {
                Rule::OfC(scalar("c", Init::Constant(c)))
            }
            Family::LmResNet => Rule::OfK(scalar("k", Init::Between { low: -0.1, high: 0.0 })),
            Family::ResNet { .. } | Family::Plain | Family::PreActResNet => Rule::Residual,
        }
    }

    /// The next state from F and the states, the newest first, all of one shape.
    pub(super) fn next(&self, f: &Tensor, states: &[Tensor], pass: &Pass<'_>) -> Result<Tensor> {
        match (self, states) {
            (Rule::Fixed { a, b0 }, [h, h1, h2]) => {
                Tensor::scaled_sum(&[(f, *b0), (h, a[0]), (h1, a[1]), (h2, a[2])])
            }
            // All four coefficients are u + v / c: those of u, then those of v.
            (Rule::OfC(c), [h, h1, h2]) => {
                let u = Tensor::scaled_sum(&[(f, 1.5), (h, 0.75), (h2, 0.25)])?;
                let v = Tensor::scaled_sum(&[(f, -0.5), (h, 0.75), (h1, -1.0), (h2, 0.25)])?;
                u.add(&v.div(&pass.param(c)?)?)
            }
            (Rule::OfK(k), [h, h1]) => h.add(f)?.add(&h1.sub(h)?.mul(&pass.param(k)?)?),
            (_, [h, ..]) => h.add(f),
            (_, []) => Ok(f.clone()),
        }
    }
}
