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
        let mut sorted: Vec<TensorAt> = tensors.to_vec();
        sorted.retain(|tensor| !tensor.shape.is_empty());
        sorted.sort_unstable_by_key(|tensor| tensor.offset);
        Self::check(op, &sorted, len)?;
        Ok(sorted.into())
    }

    /// Whether a table is one that [`TensorAt::table`] makes.
    pub(super) fn check(op: &'static str, table: &[TensorAt], len: usize) -> Result<()> {
        let invalid = |message: String| Err(Error::invalid(op, message));
        for tensor in table {
            let end = tensor.offset.checked_add(tensor.shape.len());
            if end.is_none_or(|end| end > len) {
                return invalid(format!("{tensor:?} leaves the arena of {len}"));
            }
            if tensor.shape.is_empty() {
                return invalid(format!("{tensor:?} is empty, but in the table"));
            }
        }
        match table.windows(2).find(|pair| pair[0].offset + pair[0].shape.len() > pair[1].offset) {
            Some(pair) => invalid(format!("{:?} and {:?} overlap", pair[0], pair[1])),
            None => Ok(()),
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
        Self::check_shapes(&*transform, tensors)?;
        let tensors = TensorAt::table("tensor transform", tensors, len)?;
        Ok(TransformTensors { transform, tensors, len })
    }

    fn check_shapes(transform: &dyn DynTransform, tensors: &[TensorAt]) -> Result<()> {
        match tensors.iter().find(|tensor| !transform.applies_to(&tensor.shape)) {
            Some(tensor) => {
                let message = format!("{} does not apply to {}", transform.name(), tensor.shape);
                Err(Error::invalid("tensor transform", message))
            }
            None => Ok(()),
        }
    }

    /// Whether the table still is one of this arena.
    pub(super) fn validate(&self) -> Result<()> {
        Self::check_shapes(&*self.transform, &self.tensors)?;
        TensorAt::check("tensor transform", &self.tensors, self.len)
    }

    pub(super) fn operands(&self) -> Operands {
        Operands { inputs: vec![], outputs: vec![Operand::update("tensors", self.len)] }
    }
}
