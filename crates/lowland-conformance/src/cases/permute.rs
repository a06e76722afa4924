//! Every order of three axes, the doors between image layouts, and matrices about block sizes.

use lowland_core::Op;
use lowland_core::op::Permute;

use super::{Case, Random, Tolerance, shape};

const ORDERS: [(&[usize], &[usize]); 25] = [
    (&[3, 5, 7], &[0, 1, 2]),
    (&[3, 5, 7], &[0, 2, 1]),
    (&[3, 5, 7], &[1, 0, 2]),
    (&[3, 5, 7], &[1, 2, 0]),
    (&[3, 5, 7], &[2, 0, 1]),
    (&[3, 5, 7], &[2, 1, 0]),
    (&[], &[]),
    (&[9], &[0]),
    (&[1, 9], &[1, 0]),
    (&[33, 17], &[1, 0]),
    (&[64, 64], &[1, 0]),
    (&[257, 300], &[1, 0]),
    (&[2, 3, 9, 7], &[0, 2, 3, 1]),
    (&[2, 9, 7, 3], &[0, 3, 1, 2]),
    (&[3, 16, 5, 4], &[0, 2, 3, 1]),
    (&[16, 8, 3, 3], &[2, 3, 1, 0]),
    (&[16, 8, 3, 3], &[0, 2, 3, 1]),
    (&[1, 4, 1, 5], &[3, 2, 1, 0]),
    (&[2, 3, 2, 1, 4, 3], &[5, 1, 4, 0, 3, 2]),
    (&[0, 4, 5], &[2, 0, 1]),
    (&[0], &[0]),
    (&[3, 0, 0, 2], &[3, 1, 0, 2]),
    (&[1], &[0]),
    (&[1, 1, 1], &[2, 0, 1]),
    (&[16, 3, 32, 32], &[0, 2, 3, 1]),
];

pub(super) fn cases(random: &mut Random) -> Vec<Case> {
    let case = |(from, order): (&[usize], &[usize])| {
        let op = Permute::new(shape(from), order).expect("an order of the axes");
        Case::random(Op::Permute(op), random).within(Tolerance::Exact)
    };
    ORDERS.into_iter().map(case).collect()
}
