//! Axes in another order, and the order in which a linear layer sees an image.

use lowland_core::op::{Op, Permute};
use lowland_core::{Error, Result};

use super::run;
use crate::Tensor;
use crate::tape::{Gradient, Rule};

impl Tensor {
    /// This tensor with its axes in another order: axis `k` of the result is axis `order[k]`.
    ///
    /// Derivative: `dy` with its axes put back. Nothing is kept.
    ///
    /// # Errors
    /// As [`Permute::new`] and [`lowland_core::Backend::run`].
    ///
    /// ```
    /// use lowland_tensor::{Shape, Tensor};
    /// # let device: lowland_tensor::Device = std::sync::Arc::new(lowland_cpu::Cpu::new(1));
    /// let nchw = Tensor::from_slice(&device, [1, 2, 1, 2], &[1.0f32, 2.0, 10.0, 20.0])?;
    /// let nhwc = nchw.permute(&[0, 2, 3, 1])?;
    /// assert_eq!(nhwc.shape(), Shape::from([1, 1, 2, 2]));
    /// assert_eq!(nhwc.to_vec::<f32>()?, [1.0, 10.0, 2.0, 20.0]);
    /// # Ok::<(), lowland_tensor::Error>(())
    /// ```
    pub fn permute(&self, order: &[usize]) -> Result<Tensor> {
        let op = Permute::new(self.shape(), order)?;
        let y = run(&Op::Permute(op), &[self], op.to)?;
        Ok(y.recorded(&[self], || PermuteRule { op }))
    }

    /// Images `[N, H, W, C]` as rows `[N, C H W]`, each in the order C, H, W: that of weights from
    /// PyTorch. Images of one pixel or one channel are in that order already and share their memory.
    ///
    /// Derivative: `dy`, put back.
    ///
    /// # Errors
    /// [`Error::Invalid`] for another rank; else as [`lowland_core::Backend::run`].
    pub fn flatten(&self) -> Result<Tensor> {
        let &[n, h, w, c] = self.shape().extents() else {
            let message = format!("needs [N, H, W, C], got {}", self.shape());
            return Err(Error::invalid("flatten", message));
        };
        let rows = [n, c * h * w];
        if c == 1 || h * w == 1 {
            return self.reshape(rows);
        }
        self.permute(&[0, 3, 1, 2])?.reshape(rows)
    }
}

struct PermuteRule {
    op: Permute,
}

impl Rule for PermuteRule {
    fn backward(&self, dy: Gradient) -> Result<Vec<Option<Gradient>>> {
        let dx = run(&Op::Permute(self.op.inverse()), &[dy.tensor()], self.op.from)?;
        Ok(vec![Some(Gradient::fresh(dx))])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{check, device, values};

    #[test]
    fn derivatives_agree_with_differences() {
        let cases: [(&[usize], &[usize]); 5] = [
            (&[2, 3], &[1, 0]),
            (&[2, 3, 4], &[2, 0, 1]),
            (&[1, 3, 1, 5], &[3, 2, 1, 0]),
            (&[2, 1, 3, 2, 2], &[4, 0, 3, 1, 2]),
            (&[], &[]),
        ];
        for (shape, order) in cases {
            check(&[values(shape, 1)], |t| t[0].permute(order));
        }
        check(&[values([3, 3], 1)], |t| t[0].permute(&[1, 0])?.mul(&t[0]));
        for shape in [[2, 3, 2, 4], [2, 1, 1, 3], [2, 3, 2, 1]] {
            check(&[values(shape, 1)], |t| t[0].flatten());
        }
    }

    #[test]
    fn flatten_yields_channels_first() {
        let x: Vec<f32> = (0..12).map(|i| i as f32).collect();
        let x = Tensor::from_slice(&device(), [1, 2, 2, 3], &x).unwrap();
        let y = x.flatten().unwrap().to_vec::<f32>().unwrap();
        assert_eq!(y, [0.0, 3.0, 6.0, 9.0, 1.0, 4.0, 7.0, 10.0, 2.0, 5.0, 8.0, 11.0]);
        let one = values([2, 1, 1, 3], 1);
        assert!(one.flatten().unwrap().buffer().overlaps(one.buffer()));
        assert!(values([2, 3], 1).flatten().is_err());
    }
}
