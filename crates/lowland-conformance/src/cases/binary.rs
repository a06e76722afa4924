//! Arithmetic: equal shapes of each length, and every way in which an extent of 1 can stretch.

use lowland_core::Op;
use lowland_core::op::{Binary, BinaryKind};

use super::{Case, LENGTHS, Random, shape};

/// Pairs of shapes that broadcast.
const PAIRS: [(&[usize], &[usize]); 20] = [
    (&[], &[]),
    (&[], &[5]),
    (&[3, 5], &[]),
    (&[7, 5], &[5]),
    (&[5], &[7, 5]),
    (&[7, 1], &[7, 5]),
    (&[7, 1], &[1, 5]),
    (&[4, 1, 3], &[2, 1]),
    (&[2, 9, 7, 16], &[16]),
    (&[2, 9, 7, 16], &[2, 1, 1, 16]),
    (&[2, 9, 7, 16], &[2, 9, 7, 1]),
    (&[2, 1, 7, 1], &[1, 9, 1, 16]),
    (&[2, 1, 3, 1, 2, 1], &[1, 2, 1, 3, 1, 2]),
    (&[0, 5], &[5]),
    (&[0, 1], &[1, 5]),
    (&[0], &[1]),
    (&[], &[3, 0]),
    (&[2, 0, 3], &[0, 1]),
    (&[1, 1, 1, 1], &[1]),
    (&[300, 257], &[257]),
];

pub(super) fn cases(random: &mut Random) -> Vec<Case> {
    let mut cases = Vec::new();
    for kind in BinaryKind::ALL {
        for len in LENGTHS {
            cases.push(case(kind, &[len], &[len], random));
        }
        for (a, b) in PAIRS {
            cases.push(case(kind, a, b, random));
        }
    }
    let infinite = Binary::new(BinaryKind::Div, shape(&[3]), shape(&[])).expect("they broadcast");
    let inputs = vec![vec![1.0, -1.0, 0.0].into(), vec![0.0].into()];
    cases.push(Case::new(Op::Binary(infinite), inputs).note("division by 0"));
    cases
}

fn case(kind: BinaryKind, a: &[usize], b: &[usize], random: &mut Random) -> Case {
    let op = Binary::new(kind, shape(a), shape(b)).expect("they broadcast");
    let a = random.floats(op.a.len());
    // Not near 0, as it may be what is divided by.
    let b = random.off_zero(op.b.len());
    Case::new(Op::Binary(op), vec![a.into(), b.into()])
}
