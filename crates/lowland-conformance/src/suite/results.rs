//! One case in one float type: its results, their bits, and what is about them.

use std::ops::Range;

use lowland_core::op::TensorAt;
use lowland_core::{Backend, DType, Error, Op};

use super::Steps;
use super::call::{Call, Contents, Placement};
use super::report::{Check, Log};
use crate::cases::{Case, Tolerance};
use crate::oracle;
use crate::values::Values;

/// Each call is made once for the values, once more for the bits, and twice elsewhere in memory.
const PLACEMENTS: [(Placement, Check); 4] = [
    (Placement::Separate, Check::Values),
    (Placement::Separate, Check::Repeat),
    (Placement::Aligned, Check::Placement),
    (Placement::Odd, Check::Placement),
];

pub(super) fn check(
    backend: &dyn Backend,
    case: &Case,
    dtype: DType,
    steps: Steps,
    log: &mut Log<'_>,
) {
    let contents = Contents::of(case, dtype);
    if !backend.supports(&case.op, dtype) {
        log.unsupported();
        return refused(backend, case, &contents, log);
    }
    if backend.supports(&case.op, DType::U32) {
        log.fail(Check::Unsupported, "is said to be supported on u32, which are no floats");
    }
    let mut first: Option<Vec<Values>> = None;
    for (placement, check) in PLACEMENTS {
        let Some(call) = log.works("operands", Call::place(backend, &contents, placement)) else {
            return;
        };
        if log.works("run", call.run(&case.op)).is_none() {
            return;
        }
        let Some(after) = log.works("download", call.after()) else { return };
        after.disturbed.into_iter().for_each(|(check, message)| log.fail(check, message));
        match &first {
            None => {
                compare(case, dtype, steps, &contents, &after.outputs, log);
                untouched_elsewhere(&case.op, &contents.outputs, &after.outputs, log);
                first = Some(after.outputs);
            }
            Some(first) => same_bits(case, first, &after.outputs, check, placement, log),
        }
    }
}

/// A call that is not supported says so and writes nothing.
fn refused(backend: &dyn Backend, case: &Case, contents: &Contents, log: &mut Log<'_>) {
    let placed = Call::place(backend, contents, Placement::Separate);
    let Some(call) = log.works("operands", placed) else { return };
    match call.run(&case.op) {
        Err(Error::Unsupported { .. }) => {}
        Err(error) => log.fail(Check::Unsupported, format!("got another error: {error}")),
        Ok(()) => log.fail(Check::Unsupported, "is not supported, but runs"),
    }
    let Some(after) = log.works("download", call.after()) else { return };
    after.disturbed.into_iter().for_each(|(check, message)| log.fail(check, message));
    for (before, after) in contents.outputs.iter().zip(&after.outputs) {
        let untouched = before.first_difference(after).is_none();
        log.require(untouched, Check::Refused, "is not supported, but wrote to an output");
    }
}

/// What the oracle makes of operands that are rounded already.
fn want(case: &Case, dtype: DType, contents: &Contents) -> Vec<Vec<f64>> {
    let inputs: Vec<_> = contents.inputs.iter().map(Values::oracle).collect();
    let floats = |values: &Values| values.oracle().floats().to_vec();
    let before: Vec<_> = contents.outputs.iter().map(floats).collect();
    match &case.op {
        Op::Step(step) if dtype == DType::F32 => {
            oracle::step::forward::<f32>(step, inputs[0].floats(), &before)
        }
        Op::Measure(op) if dtype == DType::F32 => {
            let inputs: Vec<&[f64]> = inputs.iter().map(|values| values.floats()).collect();
            oracle::measure::forward::<f32>(op, &inputs)
        }
        op => oracle::run(op, &inputs, &before),
    }
}

fn compare(
    case: &Case,
    dtype: DType,
    steps: Steps,
    contents: &Contents,
    got: &[Values],
    log: &mut Log<'_>,
) {
    let operands = case.op.operands().outputs;
    for (number, want) in want(case, dtype, contents).iter().enumerate() {
        let by_rounding = matches!(case.op, Op::Step(_)) && steps == Steps::Rounding;
        let tolerance = match by_rounding {
            true => Tolerance::Largest { terms: 16, floor: 1.0 },
            false => case.tolerances[number],
        };
        // The oracle's results as the output's type would hold them: too large is infinite.
        let want = Values::floats(dtype, want);
        if let Some((check, message)) = worst(&want, &got[number], tolerance) {
            log.fail(check, format!("`{}`: {message}", operands[number].name));
        }
    }
}

/// The elements of an output that an op on parts of arenas may change; `None` for other outputs.
fn parts(op: &Op, output: usize) -> Option<Vec<Range<usize>>> {
    let tensors = |tensors: &[TensorAt]| {
        Some(tensors.iter().map(|t| t.offset..t.offset + t.shape.len()).collect())
    };
    match op {
        Op::Step(step) => {
            let range = |start: usize, len: usize| start..start + len;
            let segments = step.segments.iter();
            Some(match output {
                0 => segments.map(|s| range(s.param, s.len)).collect(),
                _ => segments.map(|s| range(s.state, s.len)).collect(),
            })
        }
        Op::Transform(op) => tensors(&op.tensors),
        Op::ClipNorm(op) if output == 0 => tensors(&op.tensors),
        _ => None,
    }
}

/// Such an op leaves the rest as it is, to the bit, on every device.
fn untouched_elsewhere(op: &Op, before: &[Values], after: &[Values], log: &mut Log<'_>) {
    for (number, (before, after)) in before.iter().zip(after).enumerate() {
        let Some(parts) = parts(op, number) else { continue };
        let mut outside = vec![true; before.len()];
        parts.into_iter().for_each(|part| outside[part].fill(false));
        let changed = |&i: &usize| outside[i] && before.bits(i) != after.bits(i);
        if let Some(i) = (0..before.len()).find(changed) {
            let message = format!(
                "element {i} of output {number} is in none of the parts to change, but changed"
            );
            log.fail(Check::Neighbours, message);
        }
    }
}

/// The worst of the elements that are not within the tolerance.
fn worst(want: &Values, got: &Values, tolerance: Tolerance) -> Option<(Check, String)> {
    let len = want.len();
    let marks = Values::marked(got.dtype(), len);
    let unwritten: Vec<usize> = (0..len).filter(|&i| got.bits(i) == marks.bits(i)).collect();
    if let Some(first) = unwritten.first() {
        let count = unwritten.len();
        let message = format!("{count} of {len} elements are not written, the first is {first}");
        return Some((Check::Unwritten, message));
    }
    let finite = (0..len).map(|i| want.get(i).abs()).filter(|x| x.is_finite());
    let largest = finite.fold(0.0, f64::max);
    let off = |i: usize| {
        let (want, got) = (want.get(i), got.get(i));
        let (error, allowed) =
            ((want - got).abs(), tolerance.allowed(marks.dtype(), want, largest));
        let equal = want == got || want.is_nan() && got.is_nan();
        let near = want.is_finite() && error <= allowed;
        (!equal && !near).then_some((i, error, allowed))
    };
    let wrong: Vec<(usize, f64, f64)> = (0..len).filter_map(off).collect();
    let &(i, error, allowed) = wrong.iter().max_by(|a, b| a.1.total_cmp(&b.1))?;
    let message = format!(
        "{} of {len} elements are wrong, the worst is element {i}: got {:e}, want {:e}, off by \
         {error:.2e}, allowed {allowed:.2e}; the largest is {largest:.2e}",
        wrong.len(),
        got.get(i),
        want.get(i),
    );
    Some((Check::Values, message))
}

fn same_bits(
    case: &Case,
    first: &[Values],
    again: &[Values],
    check: Check,
    placement: Placement,
    log: &mut Log<'_>,
) {
    let operands = case.op.operands().outputs;
    for ((first, again), operand) in first.iter().zip(again).zip(operands) {
        let differs = |&i: &usize| {
            let both_nan = first.get(i).is_nan() && again.get(i).is_nan();
            first.bits(i) != again.bits(i) && !both_nan
        };
        if let Some(i) = (0..first.len()).find(differs) {
            let (first, again) = (first.get(i), again.get(i));
            let message = format!(
                "`{}`: element {i} was {first:e}, then {again:e} with operands {placement:?}",
                operand.name
            );
            log.fail(check, message);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(want: &[f64], got: &[f64], tolerance: Tolerance) -> Option<Check> {
        let values = |x| Values::floats(DType::F64, x);
        worst(&values(want), &values(got), tolerance).map(|(check, _)| check)
    }

    #[test]
    fn special_numbers_are_equal_to_themselves_alone() {
        let (nan, inf) = (f64::NAN, f64::INFINITY);
        for tolerance in [Tolerance::Exact, Tolerance::Element] {
            assert_eq!(verdict(&[nan, inf, 0.0], &[nan, inf, -0.0], tolerance), None);
            for (want, got) in [(nan, 1.0), (1.0, nan), (inf, -inf), (inf, 1e300), (1e300, inf)] {
                assert_eq!(verdict(&[want], &[got], tolerance), Some(Check::Values));
            }
        }
    }

    #[test]
    fn tolerances_by_the_element_and_by_the_largest() {
        let (want, got) = ([1.0, 1e-6], [1.0, 1.1e-6]);
        let largest = |floor| Tolerance::Largest { terms: 1, floor };
        assert_eq!(verdict(&want, &got, Tolerance::Element), Some(Check::Values));
        assert_eq!(verdict(&want, &got, largest(0.0)), Some(Check::Values));
        assert_eq!(verdict(&want, &got, largest(1e6)), None);
        assert_eq!(verdict(&[1.0], &[1.0 + 1e-15], Tolerance::Exact), Some(Check::Values));
        let rounded = [1.0 + 5e-13];
        assert_eq!(verdict(&[1.0], &rounded, Tolerance::Element), None);
        assert_eq!(verdict(&[1.0], &[1.0 + 5e-12], Tolerance::Element), Some(Check::Values));
    }

    #[test]
    fn a_mark_that_is_left_is_unwritten_even_where_a_nan_is_right() {
        let marked = Values::marked(DType::F64, 1);
        let found = worst(&Values::floats(DType::F64, &[f64::NAN]), &marked, Tolerance::Exact);
        assert_eq!(found.map(|(check, _)| check), Some(Check::Unwritten));
    }
}
