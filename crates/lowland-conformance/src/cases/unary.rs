//! Functions of each element: each length, the edges of their domains, and their kinks.

use lowland_core::Op;
use lowland_core::op::{DerivativeFrom, Unary, UnaryKind};

use super::{Case, LENGTHS, Random, Tolerance, forward};
use crate::oracle::OracleValue;

const INFINITE: f64 = f64::INFINITY;

pub(super) fn cases(random: &mut Random) -> Vec<Case> {
    let mut cases = Vec::new();
    for kind in UnaryKind::ALL {
        // Arguments as far from the kink and from the zero of the logarithm as rounding is small.
        for len in LENGTHS {
            let mut x = random.off_zero(len);
            if kind == UnaryKind::Log {
                x.iter_mut().for_each(|x| *x = 1.5 + x.abs());
            }
            cases.push(of(kind, x.clone()));
            cases.push(grad_of(kind, x, random));
        }
        let x = random.off_zero(5);
        cases.push(without_the_other(
            kind,
            grad_of(kind, x.iter().map(|x| x.abs()).collect(), random),
        ));
        let edges = vec![
            0.0,
            -0.0,
            1.0,
            -1.0,
            1e-30,
            -1e-30,
            1e-6,
            -1e-6,
            80.0,
            -80.0,
            1e30,
            -1e30,
            INFINITE,
            -INFINITE,
            f64::NAN,
            0.5,
            -0.5,
            10.0,
            -10.0,
        ];
        cases.push(of(kind, edges).note("edges of the domain"));
    }
    for kind in [UnaryKind::Relu, UnaryKind::SignedLog, UnaryKind::Atan, UnaryKind::Tanh] {
        let x = vec![0.0, -0.0, 1.0, -1.0, 0.0, 20.0, -20.0];
        cases.push(grad_of(kind, x, random).note("derivative at 0"));
    }
    cases
}

fn of(kind: UnaryKind, x: Vec<f64>) -> Case {
    let op = Op::Unary(Unary { kind, len: x.len() });
    let tolerance = if kind == UnaryKind::Relu { Tolerance::Exact } else { Tolerance::Element };
    Case::new(op, vec![x.into()]).within(tolerance)
}

fn grad_of(kind: UnaryKind, x: Vec<f64>, random: &mut Random) -> Case {
    let unary = Unary { kind, len: x.len() };
    let dy = random.floats(x.len());
    let x: OracleValue = x.into();
    let y = forward(Op::Unary(unary), std::slice::from_ref(&x)).remove(0);
    Case::new(Op::UnaryGrad(unary), vec![x, y.into(), dy.into()])
}

/// The same, with nothing but NaNs in the one of `x` and `y` that is not to be read.
fn without_the_other(kind: UnaryKind, mut case: Case) -> Case {
    let other = match kind.derivative_from() {
        DerivativeFrom::Input => 1,
        DerivativeFrom::Output => 0,
    };
    let len = case.inputs[other].floats().len();
    case.inputs[other] = vec![f64::NAN; len].into();
    case.note("the other of x and y is not there")
}
