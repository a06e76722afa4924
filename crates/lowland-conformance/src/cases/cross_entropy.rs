//! The loss of classification: with and without smoothing, for sure and hopeless predictions.

use lowland_core::Op;
use lowland_core::op::CrossEntropy;

use super::{Case, Random, Tolerance};

const SIZES: [[usize; 2]; 10] =
    [[1, 1], [1, 2], [2, 3], [7, 5], [8, 8], [33, 10], [5, 100], [3, 1000], [700, 10], [2, 5001]];

pub(super) fn cases(random: &mut Random) -> Vec<Case> {
    let mut cases = Vec::new();
    for smoothing in [0.0, 0.1, 0.75] {
        for [rows, classes] in SIZES {
            let op = CrossEntropy::new(rows, classes, smoothing).expect("a batch and classes");
            let logits = random.between(-4.0, 4.0, rows * classes);
            let mut labels = random.labels(classes, rows);
            labels[0] = classes as u32 - 1;
            cases.extend(both(op, logits, labels, 4.0));
        }
        let op = CrossEntropy::new(4, 3, smoothing).expect("a batch and classes");
        // Right, wrong, undecided and far off, each by a wide margin.
        let logits =
            vec![100.0, 0.0, 0.0, 100.0, 0.0, 0.0, 1e4, 1e4, 1e4, -1e4, -1e4 - 300.0, -1e4 - 2.0];
        let large = both(op, logits, vec![0, 1, 2, 1], 1e4);
        cases.extend(large.map(|case| case.note("large logits")));
    }
    cases
}

/// The loss and its gradient, for logits of this magnitude.
fn both(op: CrossEntropy, logits: Vec<f64>, labels: Vec<u32>, floor: f64) -> [Case; 2] {
    let tolerance = Tolerance::Largest { terms: op.rows + op.classes, floor };
    let [loss, grad] = [Op::CrossEntropy(op), Op::CrossEntropyGrad(op)];
    let mut inputs = vec![logits.into(), labels.into()];
    let loss = Case::new(loss, inputs.clone()).within(tolerance);
    inputs.push(vec![0.37].into());
    [loss, Case::new(grad, inputs).terms(op.classes)]
}
