//! Scaled sums: one to eight terms, each length.

use lowland_core::Op;
use lowland_core::op::ScaledSum;

use super::{Case, LENGTHS, Random};

/// The scales of the four-term combination of ZeroSNet, and more to fill up with.
const SCALES: [f64; ScaledSum::MAX_TERMS] =
    [1.0 / 3.0, 5.0 / 9.0, 1.0 / 9.0, 16.0 / 9.0, -1.5, 0.0, 1.0, 0.25];

pub(super) fn cases(random: &mut Random) -> Vec<Case> {
    let mut cases = Vec::new();
    let terms = (1..=ScaledSum::MAX_TERMS).map(|terms| (97, terms));
    for (len, terms) in terms.chain(LENGTHS.map(|len| (len, 4))) {
        let op = ScaledSum::new(len, &SCALES[..terms]).expect("1 to 8 terms");
        cases.push(Case::random(Op::ScaledSum(op), random));
    }
    cases
}
