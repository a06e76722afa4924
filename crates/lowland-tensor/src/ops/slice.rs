//! Strided blocks of a tensor, out of it and into zeros.

use lowland_core::op::{Op, Slice};
use lowland_core::{Error, Result, Shape};

use super::run;
use crate::Tensor;
use crate::tape::{Gradient, Rule};

impl Tensor {
    /// The block of shape `block` from `start` in steps of `step`, one entry an axis.
    ///
    /// Derivative: [`Tensor::embed`] of `dy`: 0 outside the block. Nothing is kept.
    ///
    /// # Errors
    /// As [`Slice::new`] and [`lowland_core::Backend::run`].
    ///
    /// ```
    /// use lowland_tensor::{Shape, Tensor};
    /// # let device: lowland_tensor::Device = std::sync::Arc::new(lowland_cpu::Cpu::new(1));
    /// let x = Tensor::from_slice(&device, [5], &[0.0f32, 1.0, 2.0, 3.0, 4.0])?;
    /// let every_other = x.slice(&[1], &[2], Shape::from([2]))?;
    /// assert_eq!(every_other.to_vec::<f32>()?, [1.0, 3.0]);
    /// # Ok::<(), lowland_tensor::Error>(())
    /// ```
    pub fn slice(&self, start: &[usize], step: &[usize], block: Shape) -> Result<Tensor> {
        let op = Slice::new(self.shape(), block, start, step)?;
        let y = run(&Op::Slice(op), &[self], block)?;
        Ok(y.recorded(&[self], || SliceRule { op }))
    }

    /// Zeros of shape `whole` with this tensor written into the block from `start` in steps of
    /// `step`, one entry an axis.
    ///
    /// Derivative: [`Tensor::slice`] of `dy`. Nothing is kept.
    ///
    /// # Errors
    /// As [`Slice::new`] and [`lowland_core::Backend::run`].
    pub fn embed(&self, whole: Shape, start: &[usize], step: &[usize]) -> Result<Tensor> {
        let op = Slice::new(whole, self.shape(), start, step)?;
        let y = run(&Op::Embed(op), &[self], whole)?;
        Ok(y.recorded(&[self], || EmbedRule { op }))
    }

    /// This tensor with channels of zeros, the last axis, put before and after its own.
    ///
    /// Derivative: `dy` without them. Nothing is kept.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a tensor without axes; else as [`lowland_core::Backend::run`].
    ///
    /// ```
    /// use lowland_tensor::Tensor;
    /// # let device: lowland_tensor::Device = std::sync::Arc::new(lowland_cpu::Cpu::new(1));
    /// let x = Tensor::from_slice(&device, [2, 1], &[1.0f32, 2.0])?;
    /// assert_eq!(x.pad_channels(1, 0)?.to_vec::<f32>()?, [0.0, 1.0, 0.0, 2.0]);
    /// # Ok::<(), lowland_tensor::Error>(())
    /// ```
    pub fn pad_channels(&self, before: usize, after: usize) -> Result<Tensor> {
        let rank = self.shape().rank();
        let mut extents = self.shape().extents().to_vec();
        let Some(channels) = extents.last_mut() else {
            return Err(Error::invalid("pad_channels", "needs at least one axis"));
        };
        *channels = channels.saturating_add(before).saturating_add(after);
        let mut start = [0; Shape::MAX_RANK];
        start[rank - 1] = before;
        self.embed(Shape::new(&extents), &start[..rank], &[1; Shape::MAX_RANK][..rank])
    }
}

struct SliceRule {
    op: Slice,
}

impl Rule for SliceRule {
    fn backward(&self, dy: Gradient) -> Result<Vec<Option<Gradient>>> {
        let dx = run(&Op::Embed(self.op), &[dy.tensor()], self.op.whole)?;
        Ok(vec![Some(Gradient::fresh(dx))])
    }
}

struct EmbedRule {
    op: Slice,
}

impl Rule for EmbedRule {
    fn backward(&self, dy: Gradient) -> Result<Vec<Option<Gradient>>> {
        let dx = run(&Op::Slice(self.op), &[dy.tensor()], self.op.block)?;
        Ok(vec![Some(Gradient::fresh(dx))])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{check, values};

    #[test]
    fn derivatives_agree_with_differences() {
        // whole, block, start, step
        type Case = (&'static [usize], &'static [usize], &'static [usize], &'static [usize]);
        let cases: [Case; 5] = [
            (&[7], &[3], &[1], &[2]),
            (&[3, 5], &[2, 2], &[0, 1], &[2, 3]),
            (&[2, 6, 5, 3], &[2, 3, 3, 3], &[0, 0, 0, 0], &[1, 2, 2, 1]),
            (&[1, 1], &[1, 1], &[0, 0], &[1, 1]),
            (&[], &[], &[], &[]),
        ];
        for (whole, block, start, step) in cases {
            check(&[values(whole, 1)], |t| t[0].slice(start, step, Shape::new(block)));
            check(&[values(block, 1)], |t| t[0].embed(Shape::new(whole), start, step));
        }
    }

    #[test]
    fn overlapping_slices_of_one_tensor() {
        check(&[values([5], 1)], |t| {
            let block = Shape::from([4]);
            t[0].slice(&[0], &[1], block)?.mul(&t[0].slice(&[1], &[1], block)?)
        });
    }

    #[test]
    fn a_shortcut_that_subsamples_and_pads() {
        check(&[values([2, 4, 4, 2], 1)], |t| {
            t[0].slice(&[0; 4], &[1, 2, 2, 1], Shape::from([2, 2, 2, 2]))?.pad_channels(1, 2)
        });
        assert!(values([], 1).pad_channels(1, 1).is_err());
    }
}
