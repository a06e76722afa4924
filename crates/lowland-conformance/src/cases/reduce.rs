//! Reductions over every set of axes, over nothing, over much, with ties and NaNs.

use lowland_core::op::{Reduce, ReduceKind};
use lowland_core::{Op, Shape};

use super::{Case, Random, Tolerance, forward, shape};
use crate::oracle::OracleValue;

/// Shapes, and the axes over which they are reduced.
const REDUCTIONS: [(&[usize], &[usize]); 18] = [
    (&[], &[]),
    (&[1], &[0]),
    (&[33], &[0]),
    (&[70_001], &[0]),
    (&[1, 5, 1], &[0, 2]),
    (&[700, 10], &[1]),
    (&[700, 10], &[0]),
    (&[3, 257], &[1]),
    (&[2, 9, 7, 16], &[0, 1, 2]),
    (&[2, 9, 7, 17], &[1, 2]),
    (&[2, 9, 7, 5], &[3]),
    (&[64, 16, 16, 16], &[0, 1, 2]),
    (&[2, 3, 2, 3, 2, 3], &[1, 3, 5]),
    (&[0, 5], &[1]),
    (&[1, 1, 1], &[0, 1, 2]),
    (&[0, 0], &[]),
    (&[5, 0, 3], &[2]),
    (&[1 << 40, 1 << 40, 0], &[0]),
];

/// Sums over nothing, whose results are 0. Beside an extent of 0, others may be beyond counting.
const NOTHINGS: [(&[usize], &[usize]); 6] = [
    (&[0], &[0]),
    (&[0, 5], &[0]),
    (&[5, 0, 300], &[1]),
    (&[3, 0, 2, 4], &[1, 3]),
    (&[1 << 40, 1 << 40, 0], &[0, 1, 2]),
    (&[1 << 40, 4, 1 << 40, 0], &[0, 2, 3]),
];

pub(super) fn cases(random: &mut Random) -> Vec<Case> {
    let mut cases = Vec::new();
    let subsets = (0..8usize).map(|set| (0..3).filter(|axis| set >> axis & 1 > 0).collect());
    let subsets: Vec<Vec<usize>> = subsets.collect();
    for kind in ReduceKind::ALL {
        for axes in &subsets {
            cases.extend(case(kind, shape(&[3, 5, 4]), axes, random));
        }
        for (from, axes) in REDUCTIONS {
            cases.extend(case(kind, shape(from), axes, random));
        }
    }
    for (from, axes) in NOTHINGS {
        let op = Op::Reduce(reduce(ReduceKind::Sum, shape(from), axes));
        let case = Case::random(op, random).within(Tolerance::Exact);
        cases.push(case.note("sums over nothing"));
    }
    cases.push(long());
    cases.extend(maxima(random));
    cases
}

fn reduce(kind: ReduceKind, from: Shape, axes: &[usize]) -> Reduce {
    Reduce::new(kind, from, axes).expect("axes of the shape")
}

fn case(kind: ReduceKind, from: Shape, axes: &[usize], random: &mut Random) -> Vec<Case> {
    let op = reduce(kind, from, axes);
    let x = random.floats(from.len());
    if kind == ReduceKind::Max {
        return max(op, x, random).to_vec();
    }
    vec![Case::new(Op::Reduce(op), vec![x.into()]).terms(op.count())]
}

/// A maximum and its gradient.
fn max(op: Reduce, x: Vec<f64>, random: &mut Random) -> [Case; 2] {
    let x: OracleValue = x.into();
    let y = forward(Op::Reduce(op), std::slice::from_ref(&x)).remove(0);
    let dy = random.floats(y.len());
    let grad = vec![x.clone(), y.into(), dy.into()];
    let cases = [Case::new(Op::Reduce(op), vec![x]), Case::new(Op::ReduceMaxGrad(op), grad)];
    cases.map(|case| case.within(Tolerance::Exact))
}

fn maxima(random: &mut Random) -> Vec<Case> {
    let mut cases = Vec::new();
    for axes in [&[0][..], &[1], &[2], &[0, 2], &[0, 1, 2]] {
        let op = reduce(ReduceKind::Max, shape(&[4, 5, 16]), axes);
        let ties = random.ties(op.from.len());
        cases.extend(max(op, ties, random).map(|case| case.note("ties")));
    }
    let op = reduce(ReduceKind::Max, shape(&[5, 3]), &[1]);
    let (nan, infinite) = (f64::NAN, f64::INFINITY);
    let special = vec![
        1.0, nan, 2.0, nan, 5.0, nan, -infinite, -infinite, -infinite, infinite, 1.0, nan, -3.0,
        infinite, infinite,
    ];
    cases.extend(max(op, special, random).map(|case| case.note("NaNs and infinities")));
    cases
}

/// A sum in which adding one after the other, in `f32`, loses the third digit.
fn long() -> Case {
    let op = reduce(ReduceKind::Sum, shape(&[1 << 18]), &[0]);
    let case = Case::new(Op::Reduce(op), vec![vec![0.1; 1 << 18].into()]);
    case.terms(1024).note("a long sum of equal terms: pairwise or blocked")
}
