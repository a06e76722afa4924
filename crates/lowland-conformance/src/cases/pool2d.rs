//! Pooling: overlapping windows, padding, whole images, ties, NaNs.

use lowland_core::Op;
use lowland_core::op::{Pool2d, PoolKind};

use super::{Case, Random, Tolerance, shape};

/// The input, the window, strides and padding.
type Windows = ([usize; 4], [usize; 2], [usize; 2], [usize; 2]);

const WINDOWS: [Windows; 19] = [
    ([1, 1, 1, 1], [1, 1], [1, 1], [0, 0]),
    ([2, 8, 8, 16], [2, 2], [2, 2], [0, 0]),
    ([2, 9, 7, 5], [2, 2], [2, 2], [0, 0]),
    ([2, 9, 7, 5], [3, 3], [2, 2], [1, 1]),
    ([1, 8, 8, 17], [3, 3], [1, 1], [1, 1]),
    ([2, 7, 9, 3], [3, 2], [1, 3], [1, 0]),
    ([2, 7, 9, 3], [2, 4], [3, 1], [1, 2]),
    ([1, 1, 33, 4], [1, 5], [1, 2], [0, 2]),
    ([1, 33, 1, 4], [5, 1], [2, 1], [2, 0]),
    ([2, 5, 5, 3], [2, 2], [3, 3], [0, 0]),
    ([0, 6, 6, 4], [2, 2], [2, 2], [0, 0]),
    ([2, 6, 6, 0], [2, 2], [2, 2], [0, 0]),
    ([0, 1, 1, 0], [1, 1], [1, 1], [0, 0]),
    ([0, 1 << 40, 1 << 40, 3], [2, 2], [2, 2], [1, 1]),
    // Whole images: global pooling.
    ([3, 8, 8, 64], [8, 8], [8, 8], [0, 0]),
    ([2, 4, 4, 32], [4, 4], [1, 1], [0, 0]),
    ([1, 5, 3, 7], [5, 3], [1, 1], [0, 0]),
    ([1, 1, 1, 9], [3, 3], [2, 2], [1, 1]),
    ([16, 16, 16, 16], [3, 3], [2, 2], [1, 1]),
];

pub(super) fn cases(random: &mut Random) -> Vec<Case> {
    let mut cases = Vec::new();
    for kind in PoolKind::ALL {
        for windows in WINDOWS {
            let op = pool(kind, windows);
            // All below 0, so that padding taken for zeros would show as the maximum.
            let x = random.between(-2.0, -0.1, op.x().len());
            cases.extend(both(op, x, random));
        }
    }
    for windows in [WINDOWS[1], WINDOWS[3], WINDOWS[4], WINDOWS[14]] {
        let op = pool(PoolKind::Max, windows);
        let ties = random.ties(op.x().len());
        cases.extend(both(op, ties, random).map(|case| case.note("ties")));
    }
    let op = pool(PoolKind::Max, ([1, 2, 6, 1], [2, 2], [1, 2], [0, 0]));
    let (nan, infinite) = (f64::NAN, f64::INFINITY);
    let special = vec![
        1.0, nan, -infinite, -infinite, infinite, nan, nan, 3.0, -infinite, -infinite, 2.0, 1.0,
    ];
    cases.extend(both(op, special, random).map(|case| case.note("NaNs and infinities")));
    cases
}

fn pool(kind: PoolKind, (x, kernel, stride, padding): Windows) -> Pool2d {
    Pool2d::new(kind, shape(&x), kernel, stride, padding).expect("windows inside the padded image")
}

/// The op and its gradient.
fn both(op: Pool2d, x: Vec<f64>, random: &mut Random) -> [Case; 2] {
    let dy = random.floats(op.y().len());
    let [y, grad] = [Op::Pool2d(op), Op::Pool2dGrad(op)];
    let forward = Case::new(y, vec![x.clone().into()]);
    let terms = op.kernel[0] * op.kernel[1];
    match op.kind {
        PoolKind::Max => {
            let grad = Case::new(grad, vec![x.into(), dy.into()]);
            [forward.within(Tolerance::Exact), grad.terms(terms)]
        }
        _ => [forward.terms(terms), Case::new(grad, vec![dy.into()]).terms(terms)],
    }
}
