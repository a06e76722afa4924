//! Operands that do not fit: each must be refused with the right error, and nothing written.

use std::sync::Arc;

use lowland_core::op::Kind;
use lowland_core::{Backend, Buffer, DType, Error, Result, Storage};

use super::call::Contents;
use super::report::{Check, Log};
use super::{FLOATS, Named, call_name};
use crate::cases::Case;
use crate::values::Values;

/// Memory that no backend made.
#[derive(Debug)]
struct Nowhere;

impl Storage for Nowhere {}

/// A buffer that no backend made.
pub(super) fn foreign(len: usize, dtype: DType) -> Buffer {
    Buffer::new(Arc::new(Nowhere), dtype, len)
}

/// One check for each op and float type, on the op's smallest case without an empty operand.
pub(super) fn checks(cases: &[Case]) -> Vec<Named<'_>> {
    let len = |case: &Case| {
        let operands = case.op.operands();
        let lengths: Vec<usize> =
            operands.inputs.iter().chain(&operands.outputs).map(|operand| operand.len).collect();
        (!lengths.contains(&0)).then(|| lengths.iter().sum::<usize>())
    };
    let mut smallest: Vec<(usize, &Case)> = Vec::new();
    for (len, case) in cases.iter().filter_map(|case| Some((len(case)?, case))) {
        match smallest.iter_mut().find(|(_, other)| other.op.name() == case.op.name()) {
            Some(found) if len < found.0 => *found = (len, case),
            Some(_) => {}
            None => smallest.push((len, case)),
        }
    }
    let mut checks: Vec<Named<'_>> = Vec::new();
    for (_, case) in smallest {
        for dtype in FLOATS {
            let name = format!("{}: {}", case.op.name(), call_name(case, dtype));
            checks.push((name, Box::new(move |backend, log| misuse(backend, case, dtype, log))));
        }
    }
    checks
}

/// A call that must be refused.
struct Attempt {
    what: String,
    want: Check,
    inputs: Vec<Buffer>,
    outputs: Vec<Buffer>,
}

/// Whether an error is what a check wants to see.
pub(super) fn fits(check: Check, error: &Error) -> bool {
    match check {
        Check::Arity => matches!(error, Error::Arity { .. }),
        Check::Operand => matches!(error, Error::Operand { .. }),
        Check::Overlap => matches!(error, Error::Overlap { .. }),
        Check::Foreign => matches!(error, Error::ForeignBuffer { .. }),
        Check::Label => matches!(error, Error::Label { .. }),
        Check::OutOfMemory => matches!(error, Error::OutOfMemory { .. }),
        _ => false,
    }
}

fn misuse(backend: &dyn Backend, case: &Case, dtype: DType, log: &mut Log<'_>) {
    if !backend.supports(&case.op, dtype) {
        return log.unsupported();
    }
    let Some(attempts) = log.works("operands", attempts(backend, case, dtype)) else { return };
    for attempt in attempts {
        refuse(backend, case, &attempt, log);
    }
}

/// Makes a call that must be refused.
fn refuse(backend: &dyn Backend, case: &Case, attempt: &Attempt, log: &mut Log<'_>) {
    let buffers = || attempt.inputs.iter().chain(&attempt.outputs);
    // Foreign memory cannot be read back; None stands for it.
    let contents = || buffers().map(|buffer| contents(backend, buffer).ok()).collect::<Vec<_>>();
    let before = contents();
    let inputs: Vec<&Buffer> = attempt.inputs.iter().collect();
    let outputs: Vec<&Buffer> = attempt.outputs.iter().collect();
    let what = &attempt.what;
    match backend.run(&case.op, &inputs, &outputs) {
        Err(error) if fits(attempt.want, &error) => {}
        Err(error) => log.fail(attempt.want, format!("{what}: got another error: {error}")),
        Ok(()) => log.fail(attempt.want, format!("{what}: was not refused")),
    }
    for (before, after) in before.iter().flatten().zip(contents().iter().flatten()) {
        let untouched = before.first_difference(after).is_none();
        log.require(untouched, Check::Refused, format!("{what}: memory was written to"));
    }
}

/// What is in a buffer.
pub(super) fn contents(backend: &dyn Backend, buffer: &Buffer) -> Result<Values> {
    let mut values = Values::marked(buffer.dtype(), buffer.len());
    backend.download(buffer, values.host_mut())?;
    Ok(values)
}

/// A new buffer with these contents.
pub(super) fn buffer(backend: &dyn Backend, values: &Values) -> Result<Buffer> {
    let buffer = backend.allocate(values.len(), values.dtype())?;
    backend.upload(values.host(), &buffer)?;
    Ok(buffer)
}

/// Every way in which a call can be wrong.
fn attempts(backend: &dyn Backend, case: &Case, dtype: DType) -> Result<Vec<Attempt>> {
    let contents = Contents::of(case, dtype);
    let filled = |all: &[Values]| -> Result<Vec<Buffer>> {
        all.iter().map(|values| buffer(backend, values)).collect()
    };
    let right = [filled(&contents.inputs)?, filled(&contents.outputs)?];
    let mut attempts = Vec::new();
    let mut attempt = |what: String, want: Check, [inputs, outputs]: [Vec<Buffer>; 2]| {
        attempts.push(Attempt { what, want, inputs, outputs });
    };
    for (side, name) in ["input", "output"].into_iter().enumerate() {
        let mut more = right.clone();
        more[side].push(buffer(backend, &Values::marked(dtype, 3))?);
        attempt(format!("one {name} too many"), Check::Arity, more);
        let mut fewer = right.clone();
        if fewer[side].pop().is_some() {
            attempt(format!("one {name} too few"), Check::Arity, fewer);
        }
    }
    let operands = case.op.operands();
    let kinds = [operands.inputs, operands.outputs];
    let floats = kinds.iter().flatten().filter(|operand| operand.kind == Kind::Float).count();
    for side in 0..2 {
        for (i, operand) in kinds[side].iter().enumerate() {
            let own = &right[side][i];
            let mut swapped = |what: &str, want: Check, new: Buffer| {
                let mut buffers = right.clone();
                buffers[side][i] = new;
                attempt(format!("`{}` {what}", operand.name), want, buffers);
            };
            let marked = |dtype, len| buffer(backend, &Values::marked(dtype, len));
            let len = own.len();
            swapped("one element too long", Check::Operand, marked(own.dtype(), len + 1)?);
            swapped("one element too short", Check::Operand, marked(own.dtype(), len - 1)?);
            swapped("of another backend", Check::Foreign, foreign(len, own.dtype()));
            let (other, name) = match (operand.kind, dtype) {
                (Kind::Label, _) => (DType::F32, "of floats"),
                (Kind::Float, DType::F32) if floats > 1 => (DType::F64, "of another float type"),
                (Kind::Float, _) if floats > 1 => (DType::F32, "of another float type"),
                (Kind::Float, _) => (DType::U32, "of labels"),
            };
            swapped(name, Check::Operand, marked(other, len)?);
        }
    }
    overlaps(backend, &contents, &right, &mut attempt)?;
    Ok(attempts)
}

/// Each output over each other operand of the same type: by one element, and whole.
fn overlaps(
    backend: &dyn Backend,
    contents: &Contents,
    right: &[Vec<Buffer>; 2],
    attempt: &mut impl FnMut(String, Check, [Vec<Buffer>; 2]),
) -> Result<()> {
    for (o, output) in contents.outputs.iter().enumerate() {
        let inputs = contents.inputs.iter().enumerate().map(|(i, values)| (0, i, values));
        let outputs = contents.outputs[..o].iter().enumerate().map(|(i, values)| (1, i, values));
        for (side, i, other) in inputs.chain(outputs) {
            if other.dtype() != output.dtype() {
                continue;
            }
            let name = ["input", "output"][side];
            // The other operand, then the output from its last element on.
            let (start, len) = (other.len() - 1, output.len());
            let mut values = Values::marked(output.dtype(), start + len);
            values.write(start, output.host())?;
            values.write(0, other.host())?;
            let arena = buffer(backend, &values)?;
            let mut buffers = right.clone();
            buffers[side][i] = arena.slice(0, other.len())?;
            buffers[1][o] = arena.slice(start, len)?;
            let what = format!("output {o} begins with the last element of {name} {i}");
            attempt(what, Check::Overlap, buffers);
            if other.len() == len {
                let mut buffers = right.clone();
                buffers[1][o] = right[side][i].clone();
                attempt(format!("output {o} is {name} {i}"), Check::Overlap, buffers);
            }
        }
    }
    Ok(())
}
