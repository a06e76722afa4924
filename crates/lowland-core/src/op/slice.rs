//! Strided blocks of a tensor, out of it and into zeros.

use super::{Operand, Operands, changed};
use crate::{Error, Result, Shape};

/// The block of a tensor at `start + step·index` on each axis.
///
/// [`Op::Slice`](super::Op::Slice): input `x` of shape `whole`; output `y` of shape `block`.
/// [`Op::Embed`](super::Op::Embed), its transpose: input `x` of shape `block`; output `y` of shape
/// `whole`, zero outside the block. Zero-padding is an embed with steps of 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Slice {
    /// The shape of the whole tensor.
    pub whole: Shape,
    /// The shape of the block.
    pub block: Shape,
    /// The first index of the block on each axis.
    pub start: [usize; Shape::MAX_RANK],
    /// The distance between neighbours of the block on each axis.
    pub step: [usize; Shape::MAX_RANK],
}

impl Slice {
    /// The block of shape `block` in `whole`, from `start` in steps of `step`, one entry an axis.
    ///
    /// # Errors
    /// [`Error::Shapes`] where ranks differ or the block reaches outside, [`Error::Invalid`] for a
    /// step of 0.
    pub fn new(whole: Shape, block: Shape, start: &[usize], step: &[usize]) -> Result<Self> {
        let op = "slice";
        let rank = whole.rank();
        if block.rank() != rank || start.len() != rank || step.len() != rank {
            return Err(Error::shapes(op, whole, block, "ranks differ"));
        }
        if step.contains(&0) {
            return Err(Error::invalid(op, "steps must be at least 1"));
        }
        for axis in 0..rank {
            let last = block[axis]
                .checked_sub(1)
                .and_then(|n| n.checked_mul(step[axis]))
                .and_then(|n| n.checked_add(start[axis]));
            if block[axis] > 0 && last.is_none_or(|last| last >= whole[axis]) {
                return Err(Error::shapes(
                    op,
                    whole,
                    block,
                    format!("from {start:?} in steps of {step:?} it leaves axis {axis}"),
                ));
            }
        }
        let mut slice = Slice { whole, block, start: [0; 6], step: [1; 6] };
        slice.start[..rank].copy_from_slice(start);
        slice.step[..rank].copy_from_slice(step);
        Ok(slice)
    }

    /// Whether the block still is inside.
    pub(super) fn validate(&self) -> Result<()> {
        let rank = self.whole.rank();
        let again = Self::new(self.whole, self.block, &self.start[..rank], &self.step[..rank])?;
        if again == *self { Ok(()) } else { Err(changed("slice", self)) }
    }

    pub(super) fn operands(&self) -> Operands {
        Operands {
            inputs: vec![Operand::read("x", self.whole.len())],
            outputs: vec![Operand::write("y", self.block.len())],
        }
    }

    pub(super) fn embed_operands(&self) -> Operands {
        Operands {
            inputs: vec![Operand::read("x", self.block.len())],
            outputs: vec![Operand::write("y", self.whole.len())],
        }
    }
}
