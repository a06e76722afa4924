//! Accumulation: factors of 0 and 1, a NaN behind a factor of 0, each length.

use lowland_core::Op;
use lowland_core::op::Accumulate;

use super::{Case, LENGTHS, Random, Tolerance};

pub(super) fn cases(random: &mut Random) -> Vec<Case> {
    let mut cases = Vec::new();
    let factors = [(1.0, 1.0), (0.1, 0.9), (-2.0, 0.5), (0.0, 1.0)];
    for (len, (a, b)) in LENGTHS.into_iter().zip(factors.into_iter().cycle()) {
        let mut case = Case::random(Op::Accumulate(Accumulate { len, a, b }), random);
        case.before = vec![random.floats(len)];
        cases.push(case);
    }
    for (a, tolerance) in [(1.0, Tolerance::Exact), (0.3, Tolerance::Element)] {
        let mut case = Case::random(Op::Accumulate(Accumulate { len: 37, a, b: 0.0 }), random);
        case.before = vec![vec![f64::NAN; 37]];
        cases.push(case.within(tolerance).note("y is NaN before, with a factor of 0"));
    }
    cases
}
