//! Softmax: one class and thousands, and logits that would overflow an exponential.

use lowland_core::Op;
use lowland_core::op::Softmax;

use super::{Case, Random, Tolerance, forward};
use crate::oracle::OracleValue;

const SIZES: [[usize; 2]; 13] = [
    [0, 0],
    [0, 10],
    [4, 0],
    [1, 1],
    [1, 2],
    [3, 1],
    [5, 7],
    [4, 8],
    [33, 10],
    [16, 100],
    [2, 1000],
    [700, 10],
    [3, 5001],
];

pub(super) fn cases(random: &mut Random) -> Vec<Case> {
    let mut cases = Vec::new();
    for log in [false, true] {
        for [rows, columns] in SIZES {
            let x = random.between(-4.0, 4.0, rows * columns);
            cases.extend(both(Softmax { rows, columns, log }, x, random));
        }
        let x = vec![1000.0, 1000.5, -1000.0, 1e4, 1e4 - 2.0, 9.0, -1e4, -1e4, -1e4 + 1.0];
        let [large, grad] = both(Softmax { rows: 3, columns: 3, log }, x, random);
        cases.extend([large, grad].map(|case| case.note("large logits")));
    }
    let masked = vec![1.0, f64::NEG_INFINITY, 2.0, 0.5];
    let op = Op::Softmax(Softmax { rows: 1, columns: 4, log: false });
    cases.push(Case::new(op, vec![masked.into()]).note("a logit of minus infinity"));
    cases
}

/// The op and its gradient on the same logits.
fn both(op: Softmax, x: Vec<f64>, random: &mut Random) -> [Case; 2] {
    let x: OracleValue = x.into();
    let y = forward(Op::Softmax(op), std::slice::from_ref(&x)).remove(0);
    let dy = random.floats(y.len());
    // A logarithm of 0 is as exact as the logits are.
    let tolerance = Tolerance::Largest { terms: op.columns, floor: f64::from(u8::from(op.log)) };
    [
        Case::new(Op::Softmax(op), vec![x]).within(tolerance),
        Case::new(Op::SoftmaxGrad(op), vec![y.into(), dy.into()]).terms(op.columns),
    ]
}
