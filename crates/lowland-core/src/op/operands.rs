//! What an op takes and gives, and the check that every backend makes before it touches memory.

use crate::{Buffer, DType, Error, Op, Result};

/// What the elements of an operand are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Floats, of the type that the whole call has.
    Float,
    /// Class labels, [`DType::U32`].
    Label,
}

/// What an op does to an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// It only reads it: every input.
    Read,
    /// It writes every element, whatever was there.
    Write,
    /// It reads what was there and changes it.
    ReadWrite,
}

/// One operand of an op.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operand {
    /// What it is called in messages.
    pub name: &'static str,
    /// Its number of elements.
    pub len: usize,
    /// What its elements are.
    pub kind: Kind,
    /// What is done to it.
    pub access: Access,
}

impl Operand {
    /// Floats that are read.
    pub(crate) fn read(name: &'static str, len: usize) -> Self {
        Operand { name, len, kind: Kind::Float, access: Access::Read }
    }

    /// Labels that are read.
    pub(crate) fn labels(name: &'static str, len: usize) -> Self {
        Operand { name, len, kind: Kind::Label, access: Access::Read }
    }

    /// Floats that are written.
    pub(crate) fn write(name: &'static str, len: usize) -> Self {
        Operand { name, len, kind: Kind::Float, access: Access::Write }
    }

    /// Floats that are read and changed.
    pub(crate) fn update(name: &'static str, len: usize) -> Self {
        Operand { name, len, kind: Kind::Float, access: Access::ReadWrite }
    }
}

/// The operands of an op, in the order in which [`Backend::run`](crate::Backend::run) takes them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operands {
    /// What it reads.
    pub inputs: Vec<Operand>,
    /// What it writes.
    pub outputs: Vec<Operand>,
}

impl Op {
    /// Checks the op, whose fields anyone may have set, and the buffers of a call: their number,
    /// lengths and types, and that no output overlaps another operand. Returns the float type of
    /// the call.
    ///
    /// # Errors
    /// [`Error::Invalid`] for batch statistics of fewer than two values, for the gradient of a maximum
    /// with a reduction that is none, and, as [`Error::Shapes`], for fields that the op's constructor
    /// would not have made of each other; [`Error::Arity`], [`Error::Operand`] or [`Error::Overlap`].
    pub fn check(&self, inputs: &[&Buffer], outputs: &[&Buffer]) -> Result<DType> {
        self.validate()?;
        let op = self.name();
        let want = self.operands();
        for (side, want, got) in [
            ("inputs", want.inputs.len(), inputs.len()),
            ("outputs", want.outputs.len(), outputs.len()),
        ] {
            if want != got {
                return Err(Error::Arity { op, side, want, got });
            }
        }
        let all = || {
            let inputs = want.inputs.iter().zip(inputs.iter().copied());
            inputs.chain(want.outputs.iter().zip(outputs.iter().copied()))
        };
        let float = all()
            .find(|(operand, _)| operand.kind == Kind::Float)
            .map_or(DType::F32, |(_, buffer)| buffer.dtype());
        for (operand, buffer) in all() {
            let want = match operand.kind {
                Kind::Label => DType::U32,
                Kind::Float if float.is_float() => float,
                Kind::Float => DType::F32,
            };
            if buffer.dtype() != want || buffer.len() != operand.len {
                return Err(Error::Operand {
                    op,
                    operand: operand.name,
                    want_len: operand.len,
                    want: want.name(),
                    len: buffer.len(),
                    dtype: buffer.dtype(),
                });
            }
        }
        for (i, (output, buffer)) in want.outputs.iter().zip(outputs).enumerate() {
            for (side, others, buffers) in
                [("input", &want.inputs[..], inputs), ("output", &want.outputs[..i], outputs)]
            {
                let mut others = others.iter().zip(buffers).enumerate();
                if let Some((k, (other, _))) = others.find(|(_, (_, b))| buffer.overlaps(b)) {
                    let output = format!("output {i} (`{}`)", output.name);
                    let other = format!("{side} {k} (`{}`)", other.name);
                    return Err(Error::Overlap { op, output, other });
                }
            }
        }
        Ok(float)
    }
}
