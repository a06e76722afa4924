//! Fills: each length, values that are no power of two, and the special ones.

use lowland_core::Op;
use lowland_core::op::Fill;

use super::{Case, LENGTHS, Random, Tolerance};

pub(super) fn cases(_: &mut Random) -> Vec<Case> {
    let values = [0.1, 0.0, -3.7, f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
    let lengths = LENGTHS.into_iter().zip(values.into_iter().cycle());
    let case = |(len, value)| Case::new(Op::Fill(Fill { len, value }), vec![]);
    lengths.map(case).map(|case| case.within(Tolerance::Exact)).collect()
}
