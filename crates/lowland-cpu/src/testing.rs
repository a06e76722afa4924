//! Ops on numbers written down in tests.

use lowland_core::op::{Access, Kind};
use lowland_core::{Backend, Buffer, Op};

use crate::Cpu;
use crate::scalar::Scalar;

/// Asserts what an op gives, in both float types. Labels are written as floats.
pub(crate) fn assert_gives(op: Op, inputs: &[&[f64]], want: &[&[f64]]) {
    assert_updates(op, inputs, &[], want);
}

/// [`assert_gives`] for an op that reads its outputs, `before`.
pub(crate) fn assert_updates(op: Op, inputs: &[&[f64]], before: &[&[f64]], want: &[&[f64]]) {
    check::<f32>(&op, inputs, before, want, 2e-6);
    check::<f64>(&op, inputs, before, want, 1e-12);
}

fn check<T: Scalar>(op: &Op, inputs: &[&[f64]], before: &[&[f64]], want: &[&[f64]], tol: f64) {
    let cpu = Cpu::new(2);
    let backend: &dyn Backend = &cpu;
    let floats = |values: &[f64]| {
        let values: Vec<T> = values.iter().copied().map(T::of).collect();
        backend.buffer_from(&values).unwrap()
    };
    let operands = op.operands();
    let input = |(operand, values): (&lowland_core::op::Operand, &&[f64])| match operand.kind {
        Kind::Float => floats(values),
        Kind::Label => {
            let labels: Vec<u32> = values.iter().map(|&label| label as u32).collect();
            backend.buffer_from(&labels).unwrap()
        }
    };
    let inputs: Vec<Buffer> = operands.inputs.iter().zip(inputs).map(input).collect();
    let output = |(i, operand): (usize, &lowland_core::op::Operand)| match operand.access {
        Access::ReadWrite => floats(before[i]),
        _ => floats(&vec![f64::NAN; operand.len]),
    };
    let outputs: Vec<Buffer> = operands.outputs.iter().enumerate().map(output).collect();
    let [reads, writes] = [&inputs, &outputs].map(|all| all.iter().collect::<Vec<&Buffer>>());
    backend.run(op, &reads, &writes).unwrap();
    assert_eq!(outputs.len(), want.len());
    for ((operand, buffer), want) in operands.outputs.iter().zip(&outputs).zip(want) {
        let got = backend.to_vec::<T>(buffer).unwrap();
        assert_eq!(got.len(), want.len(), "{} of {}", operand.name, op.name());
        for (i, (got, &want)) in got.iter().map(|got| got.f64()).zip(*want).enumerate() {
            let close = got == want
                || got.is_nan() && want.is_nan()
                || (got - want).abs() <= tol * (1.0 + want.abs());
            let name = (op.name(), operand.name, T::DTYPE);
            assert!(close, "{name:?}, element {i}: {got}, not {want}");
        }
    }
}
