//! Averages and maxima over windows.

use lowland_core::op::{Op, Pool2d, PoolKind};
use lowland_core::{Error, Result};

use super::run;
use crate::Tensor;
use crate::tape::{Gradient, Rule};

impl Tensor {
    /// The mean over windows of `[N, H, W, C]`: `[N, H', W', C]`. Padding counts as zeros, as
    /// PyTorch does by default.
    ///
    /// Derivative: `dy` divided by the window's size, to each pixel of the window. Nothing is kept.
    ///
    /// # Errors
    /// As [`Pool2d::new`] and [`lowland_core::Backend::run`].
    pub fn avg_pool2d(
        &self,
        kernel: [usize; 2],
        stride: [usize; 2],
        padding: [usize; 2],
    ) -> Result<Tensor> {
        self.pool2d(PoolKind::Average, kernel, stride, padding)
    }

    /// The maximum over the part of each window that is inside the image, of `[N, H, W, C]`: `[N,
    /// H', W', C]`. NaN wins.
    ///
    /// Derivative: `dy` to the pixel that is the maximum; of several that are equal, the first in
    /// row-major order gets all of it.
    ///
    /// # Errors
    /// As [`Pool2d::new`] and [`lowland_core::Backend::run`].
    ///
    /// ```
    /// use lowland_tensor::Tensor;
    /// # let device: lowland_tensor::Device = std::sync::Arc::new(lowland_cpu::Cpu::new(1));
    /// let x = Tensor::from_slice(&device, [1, 2, 2, 1], &[1.0f32, 7.0, 7.0, 2.0])?.tracked();
    /// let gradients = x.max_pool2d([2, 2], [2, 2], [0, 0])?.sum_all()?.backward()?;
    /// assert_eq!(gradients.get(&x).unwrap().to_vec::<f32>()?, [0.0, 1.0, 0.0, 0.0]);
    /// # Ok::<(), lowland_tensor::Error>(())
    /// ```
    pub fn max_pool2d(
        &self,
        kernel: [usize; 2],
        stride: [usize; 2],
        padding: [usize; 2],
    ) -> Result<Tensor> {
        self.pool2d(PoolKind::Max, kernel, stride, padding)
    }

    /// The mean over the pixels of each image of `[N, H, W, C]`: `[N, C]`.
    ///
    /// Derivative: `dy` divided by the number of pixels, to each of them. Nothing is kept.
    ///
    /// # Errors
    /// [`Error::Invalid`] for another rank or an image without pixels; else as
    /// [`lowland_core::Backend::run`].
    pub fn global_avg_pool(&self) -> Result<Tensor> {
        let &[n, _, _, c] = self.shape().extents() else {
            let message = format!("needs [N, H, W, C], got {}", self.shape());
            return Err(Error::invalid("global average pooling", message));
        };
        self.mean(&[1, 2])?.reshape([n, c])
    }

    fn pool2d(
        &self,
        kind: PoolKind,
        kernel: [usize; 2],
        stride: [usize; 2],
        padding: [usize; 2],
    ) -> Result<Tensor> {
        let op = Pool2d::new(kind, self.shape(), kernel, stride, padding)?;
        let y = run(&Op::Pool2d(op), &[self], op.y())?;
        let x = (kind == PoolKind::Max).then(|| self.detach());
        Ok(y.recorded(&[self], || Pool2dRule { op, x }))
    }
}

struct Pool2dRule {
    op: Pool2d,
    /// Where a maximum is looked up; not kept for an average.
    x: Option<Tensor>,
}

impl Rule for Pool2dRule {
    fn backward(&self, dy: Gradient) -> Result<Vec<Option<Gradient>>> {
        let inputs: Vec<&Tensor> = self.x.iter().chain([dy.tensor()]).collect();
        let dx = run(&Op::Pool2dGrad(self.op), &inputs, self.op.x())?;
        Ok(vec![Some(Gradient::fresh(dx))])
    }
}

#[cfg(test)]
mod tests {
    use lowland_core::DType;

    use super::*;
    use crate::testing::{check, gradient_at, values};

    #[test]
    fn derivatives_agree_with_differences() {
        // x, kernel, stride, padding
        let cases = [
            ([2, 4, 6, 3], [2, 2], [2, 2], [0, 0]),
            ([1, 7, 5, 2], [3, 3], [2, 2], [1, 1]),
            ([1, 5, 5, 1], [3, 3], [1, 1], [1, 1]),
            ([2, 1, 1, 1], [1, 1], [1, 1], [0, 0]),
            ([1, 6, 4, 2], [3, 2], [2, 1], [1, 0]),
            ([1, 5, 7, 1], [2, 2], [3, 3], [0, 0]),
        ];
        for (x, kernel, stride, padding) in cases {
            check(&[values(x, 1)], |t| t[0].avg_pool2d(kernel, stride, padding));
            check(&[values(x, 1)], |t| t[0].max_pool2d(kernel, stride, padding));
            check(&[values(x, 1)], |t| t[0].global_avg_pool());
        }
    }

    #[test]
    fn an_average_keeps_nothing() {
        // A device of its own, as memory is counted.
        let device: crate::Device = std::sync::Arc::new(lowland_cpu::Cpu::new(1));
        let kept = |pool: fn(&Tensor) -> Result<Tensor>| {
            let x = Tensor::full(&device, [1, 8, 8, 2], DType::F64, 1.0).unwrap().tracked();
            let y = pool(&x).unwrap();
            drop(x);
            device.memory().bytes_in_use - 8 * y.shape().len()
        };
        assert_eq!(kept(|x| x.avg_pool2d([2, 2], [2, 2], [0, 0])), 0);
        assert_eq!(kept(|x| x.max_pool2d([2, 2], [2, 2], [0, 0])), 8 * 128);
    }

    #[test]
    fn a_tensor_and_its_pooled_self() {
        check(&[values([1, 3, 3, 2], 1)], |t| t[0].max_pool2d([3, 3], [1, 1], [1, 1])?.mul(&t[0]));
    }

    #[test]
    fn the_first_of_equal_maxima_gets_the_gradient() {
        // Windows overlap: the one in the middle is the first maximum of both.
        let pool = |x: &Tensor| x.reshape([1, 1, 5, 1])?.max_pool2d([1, 3], [1, 2], [0, 0]);
        assert_eq!(gradient_at(&[0.0, 1.0, 1.0, 1.0, 1.0], pool), [0.0, 1.0, 1.0, 0.0, 0.0]);
    }
}
