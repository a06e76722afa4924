//! Repetition along each set of axes, with and without a factor.

use lowland_core::Op;
use lowland_core::op::Broadcast;

use super::{Case, Random, Tolerance, shape};

const PAIRS: [(&[usize], &[usize]); 18] = [
    (&[], &[]),
    (&[], &[7]),
    (&[1], &[33]),
    (&[5], &[5]),
    (&[5], &[3, 5]),
    (&[3, 1], &[3, 5]),
    (&[1, 1], &[3, 5]),
    (&[2, 1, 1, 16], &[2, 9, 7, 16]),
    (&[1, 1, 1, 17], &[2, 9, 7, 17]),
    (&[2, 9, 7, 1], &[2, 9, 7, 16]),
    (&[2, 1, 7, 1], &[2, 9, 7, 5]),
    (&[2, 1, 3, 1, 2, 1], &[2, 2, 3, 3, 2, 2]),
    (&[1, 5], &[0, 5]),
    (&[], &[0]),
    (&[0, 1], &[0, 5]),
    (&[1], &[1, 1, 1]),
    (&[1], &[70_001]),
    (&[257], &[300, 257]),
];

pub(super) fn cases(random: &mut Random) -> Vec<Case> {
    let mut cases = Vec::new();
    for (from, to) in PAIRS {
        for (scale, tolerance) in [(1.0, Tolerance::Exact), (-1.0 / 63.0, Tolerance::Element)] {
            let op = Broadcast::new(shape(from), shape(to), scale).expect("it broadcasts");
            cases.push(Case::random(Op::Broadcast(op), random).within(tolerance));
        }
    }
    cases
}
