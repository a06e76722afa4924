//! Matrix products: all four transpositions of sizes about those of register and cache blocks.

use lowland_core::Op;
use lowland_core::op::MatMul;

use super::{Case, Random};

/// m, k, n.
const SIZES: [[usize; 3]; 18] = [
    [1, 1, 1],
    [1, 7, 1],
    [5, 1, 3],
    [1, 64, 10],
    [3, 5, 7],
    [8, 8, 8],
    [17, 33, 9],
    [33, 16, 65],
    [128, 64, 10],
    [100, 300, 50],
    [256, 64, 257],
    [2, 1100, 3],
    [0, 4, 5],
    [4, 5, 0],
    [4, 0, 5],
    [0, 0, 0],
    [0, 0, 3],
    [1, 0, 1],
];

pub(super) fn cases(random: &mut Random) -> Vec<Case> {
    let mut cases = Vec::new();
    for [m, k, n] in SIZES {
        for transposed in 0..4 {
            let (transpose_a, transpose_b) = (transposed & 1 > 0, transposed & 2 > 0);
            let op = Op::MatMul(MatMul { m, k, n, transpose_a, transpose_b });
            cases.push(Case::random(op, random).terms(k));
        }
    }
    cases
}
