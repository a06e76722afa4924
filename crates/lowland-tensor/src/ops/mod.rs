//! Ops on tensors, one a file: the forward method, its derivative as a rule for the tape, and the
//! gradient check.

mod batch_norm;
mod binary;
mod broadcast;
mod conv2d;
mod cross_entropy;
mod matmul;
mod permute;
mod pool2d;
mod reduce;
mod reshape;
mod scaled_sum;
mod slice;
mod softmax;
mod unary;

use std::sync::Arc;

use lowland_core::op::Op;
use lowland_core::{Buffer, Error, Result, Shape};

use crate::Tensor;

pub use batch_norm::{BatchNormed, Then, WithStatistics};

/// Runs an op whose one output has this shape.
pub(crate) fn run(op: &Op, inputs: &[&Tensor], shape: Shape) -> Result<Tensor> {
    let [y] = run_all(op, inputs, [shape])?;
    Ok(y)
}

/// Runs an op on tensors of one device. The outputs have the type of the first input and no
/// history.
pub(crate) fn run_all<const N: usize>(
    op: &Op,
    inputs: &[&Tensor],
    shapes: [Shape; N],
) -> Result<[Tensor; N]> {
    let (device, dtype) = (inputs[0].device(), inputs[0].dtype());
    if inputs.iter().any(|input| !Arc::ptr_eq(input.device(), device)) {
        let backend = device.name().to_owned();
        return Err(Error::ForeignBuffer { op: op.name(), backend });
    }
    let mut outputs = Vec::with_capacity(N);
    for shape in shapes {
        outputs.push(Tensor::from_buffer(device, shape, device.allocate(shape.len(), dtype)?)?);
    }
    let reads: Vec<&Buffer> = inputs.iter().map(|tensor| tensor.buffer()).collect();
    let writes: Vec<&Buffer> = outputs.iter().map(Tensor::buffer).collect();
    device.run(op, &reads, &writes)?;
    Ok(outputs.try_into().expect("one output per shape"))
}

#[cfg(test)]
mod tests {
    use lowland_core::DType;

    use super::*;
    use crate::testing::{device, values};

    #[test]
    fn tensors_of_two_devices_do_not_mix() {
        let a = values([2], 0);
        let other: crate::Device = Arc::new(lowland_cpu::Cpu::new(1));
        let b = Tensor::full(&other, [2], DType::F64, 1.0).unwrap();
        let error = a.add(&b).unwrap_err().to_string();
        assert!(error.starts_with("add: a buffer belongs to another backend than cpu"), "{error}");
    }

    #[test]
    fn types_do_not_mix() {
        let device = device();
        let a = Tensor::full(&device, [2], DType::F32, 1.0).unwrap();
        let b = Tensor::full(&device, [2], DType::F64, 1.0).unwrap();
        let error = a.mul(&b).unwrap_err().to_string();
        assert_eq!(error, "mul: operand `b` needs 2 elements of f32, got 2 of f64");
        let labels = Tensor::from_slice(&device, [2], &[0u32, 1]).unwrap();
        assert!(matches!(labels.relu(), Err(Error::Operand { op: "relu", .. })));
    }
}
