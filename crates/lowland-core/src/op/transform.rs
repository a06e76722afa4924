//! Whole tensors of an arena transformed in place, as data.

use std::sync::Arc;

use super::{Operand, Operands};
use crate::transform::DynTransform;
use crate::{Error, Result, Shape};

/// A tensor in an arena.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TensorAt {
    /// Its first element.
    pub offset: usize,
    /// Its shape.
    pub shape: Shape,
}

impl TensorAt {
    /// Sorts a table by place, and checks that no tensor leaves the arena or overlaps another.
    pub(super) fn table(op: &'static str, tensors: &[TensorAt], len: usize) -> Result<Arc<[Self]>> {
        let invalid = |message: String| Err(Error::invalid(op, message));
        let mut sorted: Vec<TensorAt> = tensors.to_vec();
        sorted.retain(|tensor| !tensor.shape.is_empty());
        sorted.sort_unstable_by_key(|tensor| tensor.offset);
        for tensor in &sorted {
            let end = tensor.offset.checked_add(tensor.shape.len());
            if end.is_none_or(|end| end > len) {
                return invalid(format!("{tensor:?} leaves the arena of {len}"));
            }
        }
        match sorted.windows(2).find(|pair| pair[0].offset + pair[0].shape.len() > pair[1].offset) {
            Some(pair) => invalid(format!("{:?} and {:?} overlap", pair[0], pair[1])),
            None => Ok(sorted.into()),
        }
    }
}

/// A [`Transform`](crate::Transform) of some tensors of an arena, gradients or directions.
///
/// Outputs: `tensors`, read and written; what is in none of the tensors stays as it is.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TransformTensors {
    /// What is done to each.
    pub transform: Arc<dyn DynTransform>,
    /// The tensors, in ascending order, none of them empty.
    pub tensors: Arc<[TensorAt]>,
    /// Elements of the arena.
    pub len: usize,
}

impl TransformTensors {
    /// A transform of the tensors at these places, in any order.
    ///
    /// # Errors
    /// [`Error::Invalid`] where a tensor leaves the arena, overlaps another, or has a shape that
    /// the transform does not apply to.
    pub fn new(transform: Arc<dyn DynTransform>, tensors: &[TensorAt], len: usize) -> Result<Self> {
        if let Some(tensor) = tensors.iter().find(|tensor| !transform.applies_to(&tensor.shape)) {
            let message = format!("{} does not apply to {}", transform.name(), tensor.shape);
            return Err(Error::invalid("tensor transform", message));
        }
        let tensors = TensorAt::table("tensor transform", tensors, len)?;
        Ok(TransformTensors { transform, tensors, len })
    }

    pub(super) fn operands(&self) -> Operands {
        Operands { inputs: vec![], outputs: vec![Operand::update("tensors", self.len)] }
    }
}
