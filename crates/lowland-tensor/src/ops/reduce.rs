//! Sums, means and maxima over axes.

use lowland_core::op::{Broadcast, Op, Reduce, ReduceKind};
use lowland_core::{Result, Shape};

use super::run;
use crate::Tensor;
use crate::tape::{Gradient, Rule};

impl Tensor {
    /// The sum over some axes, which stay with extent 1.
    ///
    /// Derivative: `dy`, repeated along the axes. Nothing is kept.
    ///
    /// # Errors
    /// As [`Reduce::new`] and [`lowland_core::Backend::run`].
    pub fn sum(&self, axes: &[usize]) -> Result<Tensor> {
        self.average(ReduceKind::Sum, axes)
    }

    /// The mean over some axes, which stay with extent 1.
    ///
    /// Derivative: `dy` divided by the number of elements, repeated along the axes. Nothing is kept.
    ///
    /// # Errors
    /// As [`Reduce::new`], which refuses a mean over nothing, and [`lowland_core::Backend::run`].
    pub fn mean(&self, axes: &[usize]) -> Result<Tensor> {
        self.average(ReduceKind::Mean, axes)
    }

    /// The maximum over some axes, which stay with extent 1; a NaN among the elements is the result.
    ///
    /// Derivative: `dy` where the maximum is, 0 elsewhere; of several that are equal, the first in
    /// row-major order gets all of it.
    ///
    /// # Errors
    /// As [`Reduce::new`], which refuses a maximum over nothing, and [`lowland_core::Backend::run`].
    ///
    /// ```
    /// use lowland_tensor::Tensor;
    /// # let device: lowland_tensor::Device = std::sync::Arc::new(lowland_cpu::Cpu::new(1));
    /// let x = Tensor::from_slice(&device, [2, 3], &[1.0f32, 5.0, 5.0, -2.0, -3.0, -2.0])?.tracked();
    /// let y = x.max(&[1])?;
    /// assert_eq!(y.to_vec::<f32>()?, [5.0, -2.0]);
    /// let gradients = y.sum_all()?.backward()?;
    /// assert_eq!(gradients.get(&x).unwrap().to_vec::<f32>()?, [0.0, 1.0, 0.0, 1.0, 0.0, 0.0]);
    /// # Ok::<(), lowland_tensor::Error>(())
    /// ```
    pub fn max(&self, axes: &[usize]) -> Result<Tensor> {
        let op = Reduce::new(ReduceKind::Max, self.shape(), axes)?;
        let y = run(&Op::Reduce(op), &[self], op.to)?;
        let kept = y.detach();
        Ok(y.recorded(&[self], || MaxRule { op, x: self.detach(), y: kept }))
    }

    /// The sum of all elements, of shape `[]`. Derivative: `dy`, repeated.
    ///
    /// # Errors
    /// As [`lowland_core::Backend::run`].
    pub fn sum_all(&self) -> Result<Tensor> {
        self.sum(&ALL_AXES[..self.shape().rank()])?.reshape(Shape::scalar())
    }

    /// The mean of all elements, of shape `[]`. Derivative: `dy` divided by their number, repeated.
    ///
    /// # Errors
    /// As [`Tensor::mean`].
    pub fn mean_all(&self) -> Result<Tensor> {
        self.mean(&ALL_AXES[..self.shape().rank()])?.reshape(Shape::scalar())
    }

    fn average(&self, kind: ReduceKind, axes: &[usize]) -> Result<Tensor> {
        let op = Reduce::new(kind, self.shape(), axes)?;
        let y = run(&Op::Reduce(op), &[self], op.to)?;
        Ok(y.recorded(&[self], || AverageRule { op }))
    }
}

const ALL_AXES: [usize; Shape::MAX_RANK] = [0, 1, 2, 3, 4, 5];

/// Sums and means.
struct AverageRule {
    op: Reduce,
}

impl Rule for AverageRule {
    fn backward(&self, dy: Gradient) -> Result<Vec<Option<Gradient>>> {
        let scale = match self.op.kind {
            ReduceKind::Mean => 1.0 / self.op.count() as f64,
            _ => 1.0,
        };
        let op = Op::Broadcast(Broadcast::new(self.op.to, self.op.from, scale)?);
        let dx = run(&op, &[dy.tensor()], self.op.from)?;
        Ok(vec![Some(Gradient::fresh(dx))])
    }
}

struct MaxRule {
    op: Reduce,
    x: Tensor,
    y: Tensor,
}

impl Rule for MaxRule {
    fn backward(&self, dy: Gradient) -> Result<Vec<Option<Gradient>>> {
        let dx = run(&Op::ReduceMaxGrad(self.op), &[&self.x, &self.y, dy.tensor()], self.op.from)?;
        Ok(vec![Some(Gradient::fresh(dx))])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{check, gradient_at, values};

    #[test]
    fn derivatives_agree_with_differences() {
        let cases: [(&[usize], &[usize]); 8] = [
            (&[3, 5], &[0]),
            (&[3, 5], &[1]),
            (&[2, 3, 1, 5], &[1, 3]),
            (&[2, 3, 4], &[0, 1, 2]),
            (&[2, 3, 4], &[2, 0]),
            (&[2, 3], &[]),
            (&[1], &[0]),
            (&[], &[]),
        ];
        for (shape, axes) in cases {
            check(&[values(shape, 1)], |t| t[0].sum(axes));
            check(&[values(shape, 1)], |t| t[0].mean(axes));
            check(&[values(shape, 1)], |t| t[0].max(axes));
            check(&[values(shape, 1)], |t| t[0].mean_all());
            check(&[values(shape, 1)], |t| t[0].sum_all());
        }
    }

    #[test]
    fn one_tensor_twice_with_its_statistics() {
        check(&[values([3, 4], 1)], |t| t[0].sub(&t[0].mean(&[0])?)?.mul(&t[0].max(&[1])?));
    }

    #[test]
    fn the_first_of_equal_maxima_gets_the_gradient() {
        let max = |x: &Tensor| x.reshape([2, 3])?.max(&[0]);
        let ties = [1.0, 2.0, 0.0, 1.0, 2.0, 3.0];
        assert_eq!(gradient_at(&ties, max), [1.0, 1.0, 0.0, 0.0, 0.0, 1.0]);
    }

    #[test]
    fn a_mean_over_nothing_is_refused() {
        let nothing = Tensor::from_slice::<f64>(&crate::testing::device(), [0, 2], &[]).unwrap();
        assert!(nothing.mean(&[0]).unwrap_err().to_string().contains("over nothing"));
        assert!(nothing.mean_all().is_err() && nothing.max(&[0]).is_err());
        assert_eq!(nothing.sum(&[0]).unwrap().to_vec::<f64>().unwrap(), [0.0, 0.0]);
        assert!(values([2], 1).sum(&[1]).is_err());
    }
}
