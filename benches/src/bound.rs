//! An op with something to work on.

use lowland_core::op::{Kind, Op, Operand, UnaryKind};
use lowland_core::{Backend, Buffer, DType, Result};

use crate::values;

/// An op with f32 operands of its own sizes on a device.
#[derive(Debug)]
pub struct Bound {
    op: Op,
    inputs: Vec<Buffer>,
    outputs: Vec<Buffer>,
}

impl Bound {
    /// Inputs are numbers in -1..1, or in 0..1 where the op takes no others, labels are 3, and outputs
    /// begin as zeros.
    ///
    /// # Errors
    /// As [`Backend::allocate`].
    pub fn new(device: &dyn Backend, op: &Op) -> Result<Self> {
        let operands = op.operands();
        let input = |operand: &Operand| match operand.kind {
            Kind::Float if positive(op, operand) => {
                device.buffer_from(&values(operand.len).iter().map(|x| x.abs()).collect::<Vec<_>>())
            }
            Kind::Float => device.buffer_from(&values(operand.len)),
            Kind::Label => device.buffer_from(&vec![3u32; operand.len]),
        };
        let output = |operand: &Operand| device.filled(operand.len, DType::F32, 0.0);
        Ok(Bound {
            op: op.clone(),
            inputs: operands.inputs.iter().map(input).collect::<Result<_>>()?,
            outputs: operands.outputs.iter().map(output).collect::<Result<_>>()?,
        })
    }

    /// Runs it on the device that it was made on.
    ///
    /// # Errors
    /// As [`Backend::run`].
    pub fn run(&self, device: &dyn Backend) -> Result<()> {
        let (inputs, outputs): (Vec<_>, Vec<_>) =
            (self.inputs.iter().collect(), self.outputs.iter().collect());
        device.run(&self.op, &inputs, &outputs)
    }
}

/// Whether an operand below zero would make NaN of the result, which no training computes.
fn positive(op: &Op, operand: &Operand) -> bool {
    let logarithm =
        matches!(op, Op::Unary(unary) | Op::UnaryGrad(unary) if unary.kind == UnaryKind::Log);
    logarithm || operand.name == "var"
}
