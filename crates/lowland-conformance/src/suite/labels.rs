//! Labels that are no class.

use lowland_core::op::CrossEntropy;
use lowland_core::{Backend, Error, Op};

use super::misuse::{buffer, contents};
use super::report::{Check, Log};
use super::{FLOATS, Named};
use crate::cases::Case;
use crate::values::Values;

/// One check for each of the ops that take labels.
pub(super) fn checks(cases: &[Case]) -> Vec<Named<'_>> {
    let op = CrossEntropy::new(5, 3, 0.1).expect("a batch and classes");
    [Op::CrossEntropy(op), Op::CrossEntropyGrad(op)]
        .into_iter()
        .filter(|op| cases.iter().any(|case| case.op.name() == op.name()))
        .map(|op| -> Named<'_> {
            (op.name().into(), Box::new(move |backend, log| out_of_range(backend, &op, log)))
        })
        .collect()
}

/// Batches, the first row in them whose label is no class, and that label.
const BATCHES: [([u32; 5], usize, u32); 4] = [
    ([3, 0, 1, 2, 0], 0, 3),
    ([0, 1, 2, 7, 9], 3, 7),
    ([0, 1, 2, 0, 3], 4, 3),
    ([0, u32::MAX, 2, 0, 3], 1, u32::MAX),
];

fn out_of_range(backend: &dyn Backend, op: &Op, log: &mut Log<'_>) {
    if !FLOATS.iter().any(|&dtype| backend.supports(op, dtype)) {
        return log.unsupported();
    }
    for dtype in FLOATS.into_iter().filter(|&dtype| backend.supports(op, dtype)) {
        for (labels, row, label) in BATCHES {
            let operands = op.operands();
            let marked = Values::marked(dtype, operands.outputs[0].len);
            let mut all = vec![Values::floats(dtype, &[0.5; 15]), Values::U32(labels.to_vec())];
            all.extend(operands.inputs.get(2).map(|_| Values::floats(dtype, &[1.0])));
            all.push(marked.clone());
            let buffers = all.iter().map(|values| buffer(backend, values));
            let buffers = buffers.collect::<lowland_core::Result<Vec<_>>>();
            let Some(buffers) = log.works("operands", buffers) else { return };
            let buffers: Vec<_> = buffers.iter().collect();
            let (outputs, inputs) =
                buffers.split_last().map_or((vec![], &[][..]), |(y, x)| (vec![*y], x));
            let what = format!("{dtype} labels {labels:?} of 3 classes");
            match backend.run(op, inputs, &outputs) {
                Err(Error::Label { row: r, label: l, classes: 3, .. })
                    if (r, l) == (row, label) => {}
                Err(error) => log.fail(Check::Label, format!("{what}: got {error}")),
                Ok(()) => log.fail(Check::Label, format!("{what}: was not refused")),
            }
            for output in outputs {
                let Some(after) = log.works("download", contents(backend, output)) else { return };
                let untouched = marked.first_difference(&after).is_none();
                log.require(untouched, Check::Refused, format!("{what}: an output was written to"));
            }
        }
    }
}
