//! Other extents over the same memory.

use lowland_core::{Error, Result, Shape};

use crate::Tensor;
use crate::tape::{Gradient, Rule};

impl Tensor {
    /// The same elements in row-major order under another shape. No element is copied.
    ///
    /// Derivative: `dy` under the old shape. Nothing is kept.
    ///
    /// # Errors
    /// [`Error::Shapes`] where the numbers of elements differ.
    pub fn reshape(&self, shape: impl Into<Shape>) -> Result<Tensor> {
        let shape = shape.into();
        if shape.len() != self.shape().len() {
            let why = format!("{} elements are not {}", self.shape().len(), shape.len());
            return Err(Error::shapes("reshape", self.shape(), shape, why));
        }
        let y = self.with_shape(shape);
        Ok(y.recorded(&[self], || ReshapeRule { from: self.shape() }))
    }
}

struct ReshapeRule {
    from: Shape,
}

impl Rule for ReshapeRule {
    fn backward(&self, dy: Gradient) -> Result<Vec<Option<Gradient>>> {
        Ok(vec![Some(dy.reshaped(self.from))])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{check, values};

    #[test]
    fn derivatives_agree_with_differences() {
        check(&[values([2, 3], 1)], |t| t[0].reshape([3, 2]));
        check(&[values([1], 1)], |t| t[0].reshape(Shape::scalar()));
        check(&[values([2, 3], 1)], |t| t[0].reshape([6])?.mul(&t[0].reshape([6])?));
        check(&[values([4], 1)], |t| {
            t[0].reshape([2, 2])?.add(&t[0].reshape([4, 1])?.reshape([2, 2])?)
        });
    }

    #[test]
    fn memory_is_shared_and_counts_must_agree() {
        let x = values([2, 3], 1);
        assert!(x.reshape([6]).unwrap().buffer().overlaps(x.buffer()));
        let error = x.reshape([4]).unwrap_err().to_string();
        assert_eq!(error, "reshape: shapes [2, 3] and [4] do not fit: 6 elements are not 4");
    }
}
