//! The calls that every backend is put through: one file an op, of the same name as in the core.

mod accumulate;
mod batch_norm;
mod binary;
mod broadcast;
mod clip_norm;
mod conv2d;
mod cross_entropy;
mod fill;
mod matmul;
mod measure;
mod permute;
mod pool2d;
mod random;
mod reduce;
mod scaled_sum;
mod slice;
mod softmax;
mod step;
mod tolerance;
mod transform;
mod unary;

use lowland_core::{Op, Shape};

use crate::oracle::{self, OracleValue};
use random::Random;

pub use tolerance::Tolerance;

/// One call: an op with operands, and how far its results may be from the oracle's.
#[derive(Clone, Debug)]
pub struct Case {
    /// What is computed.
    pub op: Op,
    /// The inputs, in full precision; a backend is given them rounded to its type.
    pub inputs: Vec<OracleValue>,
    /// What is in the outputs that the op reads as well as writes; empty for all others.
    pub before: Vec<Vec<f64>>,
    /// What is allowed, one entry an output.
    pub tolerances: Vec<Tolerance>,
    /// What is special about the operands, for messages.
    pub note: &'static str,
}

impl Case {
    /// A call whose results may be off by a few roundings of the largest of them.
    #[must_use]
    pub fn new(op: Op, inputs: Vec<OracleValue>) -> Self {
        let outputs = op.operands().outputs.len();
        let tolerances = vec![Tolerance::Largest { terms: 1, floor: 0.0 }; outputs];
        Case { op, inputs, before: Vec::new(), tolerances, note: "" }
    }

    /// A call on random floats in -1..1, moved by a little, so that no sum cancels.
    fn random(op: Op, random: &mut Random) -> Self {
        let inputs = op.operands().inputs.iter().map(|x| random.floats(x.len).into()).collect();
        Self::new(op, inputs)
    }

    /// This call, where every element of every output is a sum of so many terms.
    fn terms(mut self, terms: usize) -> Self {
        self.tolerances.fill(Tolerance::Largest { terms, floor: 0.0 });
        self
    }

    /// This call with the same tolerance for every output.
    fn within(mut self, tolerance: Tolerance) -> Self {
        self.tolerances.fill(tolerance);
        self
    }

    /// This call with a word on what is special about it.
    fn note(mut self, note: &'static str) -> Self {
        self.note = note;
        self
    }
}

/// Every case, in the order of the ops in the core.
#[must_use]
pub fn all() -> Vec<Case> {
    let files: [fn(&mut Random) -> Vec<Case>; 19] = [
        conv2d::cases,
        matmul::cases,
        unary::cases,
        binary::cases,
        scaled_sum::cases,
        accumulate::cases,
        reduce::cases,
        broadcast::cases,
        pool2d::cases,
        batch_norm::cases,
        softmax::cases,
        cross_entropy::cases,
        slice::cases,
        permute::cases,
        fill::cases,
        step::cases,
        transform::cases,
        clip_norm::cases,
        measure::cases,
    ];
    files.iter().zip(1..).flat_map(|(cases, seed)| cases(&mut Random::new(seed))).collect()
}

/// The outputs of a forward op, for gradients that take them.
fn forward(op: Op, inputs: &[OracleValue]) -> Vec<Vec<f64>> {
    oracle::run(&op, inputs, &[])
}

/// Extents of element-wise calls: one, odd ones about the widths of vector registers, and enough to
/// be shared among threads.
const LENGTHS: [usize; 10] = [0, 1, 3, 7, 8, 15, 16, 33, 1000, 70_001];

fn shape(extents: &[usize]) -> Shape {
    Shape::new(extents)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// Of each op, whether it is tried with an empty operand, and the least elements of the largest
    /// operand where there is none. The loss is refused over nothing.
    #[test]
    fn every_op_is_tried_on_nothing_and_on_single_elements() {
        let mut ops: BTreeMap<&str, (bool, usize)> = BTreeMap::new();
        for case in all() {
            let operands = case.op.operands();
            let lengths =
                operands.inputs.iter().chain(&operands.outputs).map(|operand| operand.len);
            let (empty, least) = ops.entry(case.op.name()).or_insert((false, usize::MAX));
            *empty |= lengths.clone().any(|len| len == 0);
            if !lengths.clone().any(|len| len == 0) {
                *least = lengths.max().unwrap_or(0).min(*least);
            }
        }
        for (op, (empty, least)) in ops {
            assert_eq!(empty, !op.ends_with("cross-entropy"), "{op} on nothing");
            // Statistics of a batch are of two values at least.
            let by_batch = op.contains("batch norm") && !op.contains("inference");
            let fewest = if by_batch || op.contains("statistics") { 2 } else { 1 };
            assert_eq!(least, fewest, "{op} on single elements");
        }
    }
}
