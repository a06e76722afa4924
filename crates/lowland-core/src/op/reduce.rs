//! Sums, means and maxima over axes.

use super::{Operand, Operands, changed};
use crate::{Error, Result, Shape};

/// Which reduction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ReduceKind {
    /// The sum.
    Sum,
    /// The arithmetic mean.
    Mean,
    /// The maximum; a NaN among the elements is the result. Its gradient goes to the first element,
    /// in row-major order, that has it.
    Max,
}

impl ReduceKind {
    /// Every kind, for tests and tables.
    pub const ALL: [ReduceKind; 3] = [ReduceKind::Sum, ReduceKind::Mean, ReduceKind::Max];

    /// The name in messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            ReduceKind::Sum => "sum",
            ReduceKind::Mean => "mean",
            ReduceKind::Max => "max",
        }
    }
}

/// A reduction over some axes, which stay with extent 1.
///
/// Forward: input `x`; output `y`.
/// Gradient of a maximum: inputs `x`, `y`, `dy`; output `dx`. (The gradient of a sum or a mean is a
/// [`Broadcast`](super::Broadcast).)
///
/// # Numerics
/// Elements are added in an order given by the shape alone, in pairwise or blocked fashion: the
/// error of a sum of n floats grows at most like that of its longest block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reduce {
    /// Which reduction.
    pub kind: ReduceKind,
    /// The shape of `x`.
    pub from: Shape,
    /// The shape of `y`: that of `x`, with extent 1 on the axes reduced.
    pub to: Shape,
}

impl Reduce {
    /// The reduction of a shape over some axes.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an axis that the shape does not have, and for a mean or a maximum
    /// over nothing.
    pub fn new(kind: ReduceKind, from: Shape, axes: &[usize]) -> Result<Self> {
        let mut extents = from.extents().to_vec();
        for &axis in axes {
            let extent = extents
                .get_mut(axis)
                .ok_or_else(|| Error::invalid(kind.name(), format!("{from} has no axis {axis}")))?;
            *extent = 1;
        }
        let op = Reduce { kind, from, to: Shape::new(&extents) };
        op.validate()?;
        Ok(op)
    }

    /// Whether the results are something, and the shapes still those of a reduction.
    pub(super) fn validate(&self) -> Result<()> {
        let Reduce { kind, from, to } = self;
        let mut axes = from.extents().iter().zip(to.extents());
        if from.rank() != to.rank() || !axes.all(|(from, to)| to == from || *to == 1) {
            return Err(changed(kind.name(), self));
        }
        if *kind != ReduceKind::Sum && from.is_empty() && !to.is_empty() {
            return Err(Error::invalid(kind.name(), format!("over nothing: the shape is {from}")));
        }
        Ok(())
    }

    /// The sum that undoes a broadcast from `to` to `from`: over the axes that were stretched.
    ///
    /// # Errors
    /// [`Error::Shapes`] where `to` does not broadcast to `from`.
    pub fn sum_to(from: Shape, to: Shape) -> Result<Self> {
        if to.broadcast(&from) != Some(from) {
            return Err(Error::shapes("sum", from, to, "the second must broadcast to the first"));
        }
        Ok(Reduce { kind: ReduceKind::Sum, from, to: to.padded_to(from.rank()) })
    }

    /// How many elements go into one result.
    #[must_use]
    pub fn count(&self) -> usize {
        self.from.len() / self.to.len().max(1)
    }

    /// Whether this is what the gradient of a maximum is of.
    pub(super) fn validate_max_grad(&self) -> Result<()> {
        if self.kind == ReduceKind::Max {
            return Ok(());
        }
        let message = format!("is not that of a {}, which is a broadcast", self.kind.name());
        Err(Error::invalid("gradient of max", message))
    }

    pub(super) fn operands(&self) -> Operands {
        Operands {
            inputs: vec![Operand::read("x", self.from.len())],
            outputs: vec![Operand::write("y", self.to.len())],
        }
    }

    pub(super) fn max_grad_operands(&self) -> Operands {
        Operands {
            inputs: vec![
                Operand::read("x", self.from.len()),
                Operand::read("y", self.to.len()),
                Operand::read("dy", self.to.len()),
            ],
            outputs: vec![Operand::write("dx", self.from.len())],
        }
    }
}
