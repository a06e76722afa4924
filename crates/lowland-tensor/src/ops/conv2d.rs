//! Two-dimensional convolution.

use lowland_core::op::{Conv2d, Op};
use lowland_core::{Result, Shape};

use super::{WithStatistics, run, run_all};
use crate::Tensor;
use crate::tape::{Gradient, Rule};

impl Tensor {
    /// The convolution of `[N, H, W, I]` with weights `w`, `[O, I / groups, kh, kw]`, over an image
    /// padded by zeros: `[N, H', W', O]` with `H' = (H + 2 ph - kh) / sh + 1`, rounded down. It has
    /// no bias; add one of shape `[O]`.
    ///
    /// Derivative: that of the input is the convolution's transpose, applied to the gradient; that
    /// of the weight correlates the input with the gradient. Each is computed only where it is
    /// wanted, and the input is kept only for the weight's, the weight only for the input's.
    ///
    /// # Errors
    /// As [`Conv2d::new`] and [`lowland_core::Backend::run`].
    ///
    /// ```
    /// use lowland_tensor::{DType, Tensor};
    /// # let device: lowland_tensor::Device = std::sync::Arc::new(lowland_cpu::Cpu::new(1));
    /// let x = Tensor::full(&device, [1, 4, 4, 1], DType::F32, 1.0)?;
    /// let w = Tensor::full(&device, [1, 1, 3, 3], DType::F32, 1.0)?;
    /// let y = x.conv2d(&w, [2, 2], [1, 1], 1)?;
    /// assert_eq!(y.to_vec::<f32>()?, [4.0, 6.0, 6.0, 9.0]);
    /// # Ok::<(), lowland_tensor::Error>(())
    /// ```
    pub fn conv2d(
        &self,
        w: &Tensor,
        stride: [usize; 2],
        padding: [usize; 2],
        groups: usize,
    ) -> Result<Tensor> {
        let op = Conv2d::new(self.shape(), w.shape(), stride, padding, groups)?;
        let y = run(&Op::Conv2d(op), &[self, w], op.y())?;
        Ok(y.recorded(&[self, w], || Conv2dRule::new(op, self, w)))
    }

    /// [`Tensor::conv2d`] with the mean and variance of each output channel, taken while the output
    /// is at hand, for a normalisation that follows.
    ///
    /// # Errors
    /// As [`Tensor::conv2d`]; [`Error::Invalid`](lowland_core::Error::Invalid) for fewer than two
    /// values per channel; [`Error::Unsupported`](lowland_core::Error::Unsupported) where the backend
    /// lacks the op.
    pub fn conv2d_with_statistics(
        &self,
        w: &Tensor,
        stride: [usize; 2],
        padding: [usize; 2],
        groups: usize,
    ) -> Result<WithStatistics> {
        let op = Conv2d::new(self.shape(), w.shape(), stride, padding, groups)?;
        let channels = Shape::from([op.out_channels]);
        let shapes = [op.y(), channels, channels];
        let [y, mean, var] = run_all(&Op::Conv2dStatistics(op), &[self, w], shapes)?;
        let x = y.recorded(&[self, w], || Conv2dRule::new(op, self, w));
        Ok(WithStatistics { x, mean, var })
    }
}

struct Conv2dRule {
    op: Conv2d,
    /// Kept where the weight is tracked.
    x: Option<Tensor>,
    /// Kept where the input is tracked.
    w: Option<Tensor>,
}

impl Conv2dRule {
    fn new(op: Conv2d, x: &Tensor, w: &Tensor) -> Self {
        Conv2dRule {
            op,
            x: w.is_tracked().then(|| x.detach()),
            w: x.is_tracked().then(|| w.detach()),
        }
    }
}

impl Rule for Conv2dRule {
    fn backward(&self, dy: Gradient) -> Result<Vec<Option<Gradient>>> {
        let dy = dy.tensor();
        let dx = |w| run(&Op::Conv2dGradInput(self.op), &[dy, w], self.op.x()).map(Gradient::fresh);
        let dw =
            |x| run(&Op::Conv2dGradWeight(self.op), &[x, dy], self.op.w()).map(Gradient::fresh);
        Ok(vec![self.w.as_ref().map(dx).transpose()?, self.x.as_ref().map(dw).transpose()?])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{check, values};

    #[test]
    fn derivatives_agree_with_differences() {
        // x, w, stride, padding, groups
        let cases = [
            ([2, 5, 4, 3], [2, 3, 3, 3], [1, 1], [1, 1], 1),
            ([1, 7, 5, 2], [3, 2, 3, 3], [2, 2], [1, 1], 1),
            ([2, 5, 5, 3], [4, 3, 1, 1], [2, 2], [0, 0], 1),
            ([1, 4, 5, 1], [1, 1, 1, 1], [1, 1], [0, 0], 1),
            ([1, 1, 1, 3], [2, 3, 3, 3], [1, 1], [1, 1], 1),
            ([1, 6, 4, 4], [6, 2, 3, 3], [1, 1], [1, 1], 2),
            ([2, 4, 3, 3], [3, 1, 3, 3], [1, 1], [1, 1], 3),
            ([1, 6, 5, 2], [2, 2, 5, 3], [3, 1], [2, 0], 1),
        ];
        for (x, w, stride, padding, groups) in cases {
            check(&[values(x, 1), values(w, 2)], |t| t[0].conv2d(&t[1], stride, padding, groups));
        }
    }

    #[test]
    fn a_residual_branch_adds_to_its_input() {
        check(&[values([1, 4, 3, 2], 1), values([2, 2, 3, 3], 2)], |t| {
            t[0].conv2d(&t[1], [1, 1], [1, 1], 1)?.add(&t[0])
        });
    }

    #[test]
    fn one_tensor_can_be_image_and_weight() {
        check(&[values([3, 3, 3, 3], 1)], |t| t[0].conv2d(&t[0], [1, 1], [1, 1], 1));
    }

    #[test]
    fn only_what_is_wanted_is_kept_and_computed() {
        let (x, w) = (values([1, 3, 3, 1], 1), values([1, 1, 3, 3], 2));
        let op = Conv2d::new(x.shape(), w.shape(), [1, 1], [1, 1], 1).unwrap();
        let dy = || Gradient::fresh(x.clone());
        let rule = Conv2dRule { op, x: Some(x.clone()), w: None };
        let first_layer = rule.backward(dy()).unwrap();
        assert!(first_layer[0].is_none());
        assert_eq!(first_layer[1].as_ref().unwrap().tensor().shape(), Shape::from([1, 1, 3, 3]));
        let frozen = Conv2dRule { op, x: None, w: Some(w) }.backward(dy()).unwrap();
        assert!(frozen[0].is_some() && frozen[1].is_none());
    }
}
