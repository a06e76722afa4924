//! Axes in another order.

use super::{Operand, Operands, changed};
use crate::{Error, Result, Shape};

/// `y`, whose axis `k` is axis `order[k]` of `x`, as `torch.permute`. `[N, C, H, W]` becomes `[N, H,
/// W, C]` by `[0, 2, 3, 1]`.
///
/// Inputs: `x`. Outputs: `y`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Permute {
    /// The shape of `x`.
    pub from: Shape,
    /// The shape of `y`.
    pub to: Shape,
    order: [usize; Shape::MAX_RANK],
}

impl Permute {
    /// The permutation of a shape.
    ///
    /// # Errors
    /// [`Error::Invalid`] where `order` does not name each axis once.
    pub fn new(from: Shape, order: &[usize]) -> Result<Self> {
        let mut seen = [false; Shape::MAX_RANK];
        for &axis in order {
            if axis < from.rank() {
                seen[axis] = true;
            }
        }
        if order.len() != from.rank() || !seen[..from.rank()].iter().all(|&s| s) {
            return Err(Error::invalid(
                "permute",
                format!("the order {order:?} does not name each axis of {from} once"),
            ));
        }
        let extents: Vec<usize> = order.iter().map(|&axis| from[axis]).collect();
        let mut padded = [0; Shape::MAX_RANK];
        padded[..order.len()].copy_from_slice(order);
        Ok(Permute { from, to: Shape::new(&extents), order: padded })
    }

    /// Whether `y` still has the shape that the order makes of that of `x`.
    pub(super) fn validate(&self) -> Result<()> {
        let mut axes = self.order().iter().zip(self.to.extents());
        let same = axes.all(|(&axis, &to)| self.from.extents().get(axis) == Some(&to));
        if same && self.from.rank() == self.to.rank() {
            Ok(())
        } else {
            Err(changed("permute", self))
        }
    }

    /// For each axis of `y`, the axis of `x` that it is.
    #[must_use]
    pub fn order(&self) -> &[usize] {
        &self.order[..self.from.rank()]
    }

    /// The permutation that undoes this one.
    #[must_use]
    pub fn inverse(&self) -> Permute {
        let mut order = [0; Shape::MAX_RANK];
        for (k, &axis) in self.order().iter().enumerate() {
            order[axis] = k;
        }
        Permute { from: self.to, to: self.from, order }
    }

    pub(super) fn operands(&self) -> Operands {
        Operands {
            inputs: vec![Operand::read("x", self.from.len())],
            outputs: vec![Operand::write("y", self.to.len())],
        }
    }
}
