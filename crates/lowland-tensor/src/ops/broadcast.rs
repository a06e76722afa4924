//! Repetition along axes, and the sum that is its transpose.

use lowland_core::op::{Broadcast, Op, Reduce};
use lowland_core::{Result, Shape};

use super::run;
use crate::Tensor;
use crate::tape::{Gradient, Rule};

impl Tensor {
    /// This tensor, repeated along the axes where it has extent 1 or none, as NumPy's
    /// `broadcast_to`. (Arithmetic broadcasts by itself.)
    ///
    /// Derivative: the sum of `dy` over the axes that were stretched. Nothing is kept.
    ///
    /// # Errors
    /// As [`Broadcast::new`] and [`lowland_core::Backend::run`].
    pub fn broadcast_to(&self, shape: impl Into<Shape>) -> Result<Tensor> {
        let op = Broadcast::new(self.shape(), shape.into(), 1.0)?;
        let y = run(&Op::Broadcast(op), &[self], op.to)?;
        Ok(y.recorded(&[self], || BroadcastRule { from: self.shape() }))
    }
}

struct BroadcastRule {
    from: Shape,
}

impl Rule for BroadcastRule {
    fn backward(&self, dy: Gradient) -> Result<Vec<Option<Gradient>>> {
        Ok(vec![Some(sum_to(dy, self.from)?)])
    }
}

/// The gradient of a tensor of this shape that was broadcast, from that of the result. Where
/// nothing was stretched it is the same memory.
pub(super) fn sum_to(dy: Gradient, shape: Shape) -> Result<Gradient> {
    let from = dy.tensor().shape();
    let op = Reduce::sum_to(from, shape)?;
    if op.to == from {
        return Ok(dy.reshaped(shape));
    }
    let dx = run(&Op::Reduce(op), &[dy.tensor()], op.to)?;
    Ok(Gradient::fresh(dx).reshaped(shape))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{check, values};

    #[test]
    fn derivatives_agree_with_differences() {
        let cases: [(&[usize], &[usize]); 6] = [
            (&[3, 1], &[3, 5]),
            (&[5], &[2, 3, 5]),
            (&[], &[2, 2]),
            (&[1, 3, 1], &[2, 3, 4]),
            (&[3], &[1, 1, 3]),
            (&[2, 3], &[2, 3]),
        ];
        for (from, to) in cases {
            check(&[values(from, 1)], |t| t[0].broadcast_to(to));
            check(&[values(from, 1)], |t| t[0].broadcast_to(to)?.mul(&t[0]));
        }
    }

    #[test]
    fn values_are_repeated() {
        let x = Tensor::from_slice(&crate::testing::device(), [2, 1], &[1.0f32, 2.0]).unwrap();
        let y = x.broadcast_to([2, 3]).unwrap();
        assert_eq!(y.to_vec::<f32>().unwrap(), [1.0, 1.0, 1.0, 2.0, 2.0, 2.0]);
        assert!(y.broadcast_to([2, 1]).is_err());
    }
}
