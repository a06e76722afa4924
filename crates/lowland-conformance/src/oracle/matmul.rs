//! Matrix products, of matrices or their transposes.

use lowland_core::op::MatMul;

pub(super) fn forward(op: &MatMul, a: &[f64], b: &[f64]) -> Vec<f64> {
    let a_at = |i, l| if op.transpose_a { a[l * op.m + i] } else { a[i * op.k + l] };
    let b_at = |l, j| if op.transpose_b { b[j * op.k + l] } else { b[l * op.n + j] };
    let mut y = Vec::new();
    for i in 0..op.m {
        for j in 0..op.n {
            y.push((0..op.k).map(|l| a_at(i, l) * b_at(l, j)).fold(0.0, |sum, term| sum + term));
        }
    }
    y
}
