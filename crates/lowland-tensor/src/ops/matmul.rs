//! Matrix products, and the linear layer.

use lowland_core::op::{MatMul, Op};
use lowland_core::{Error, Result, Shape};

use super::run;
use crate::Tensor;
use crate::tape::{Gradient, Rule};

impl Tensor {
    /// The matrix product of `[m, k]` and `[k, n]`: `[m, n]`.
    ///
    /// Derivative: `dy b^T` for the first, `a^T dy` for the second.
    ///
    /// # Errors
    /// [`Error::Shapes`] where these are not matrices or do not fit; else as
    /// [`lowland_core::Backend::run`].
    pub fn matmul(&self, b: &Tensor) -> Result<Tensor> {
        product("matmul", self, b, false)
    }

    /// The linear layer: `x w^T + bias` for `x` of `[N, I]`, weights `w` of `[O, I]` and a bias of
    /// `[O]`: `[N, O]`.
    ///
    /// Derivative: `dy w` for the input, `dy^T x` for the weight, and the sum of `dy` over the batch
    /// for the bias.
    ///
    /// # Errors
    /// [`Error::Shapes`] where shapes do not fit; else as [`lowland_core::Backend::run`].
    ///
    /// ```
    /// use lowland_tensor::Tensor;
    /// # let device: lowland_tensor::Device = std::sync::Arc::new(lowland_cpu::Cpu::new(1));
    /// let x = Tensor::from_slice(&device, [1, 2], &[1.0f32, 2.0])?;
    /// let w = Tensor::from_slice(&device, [3, 2], &[1.0f32, 0.0, 0.0, 1.0, 1.0, 1.0])?;
    /// let bias = Tensor::from_slice(&device, [3], &[0.5f32, 0.0, -0.5])?;
    /// assert_eq!(x.linear(&w, Some(&bias))?.to_vec::<f32>()?, [1.5, 2.0, 2.5]);
    /// # Ok::<(), lowland_tensor::Error>(())
    /// ```
    pub fn linear(&self, w: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
        let y = product("linear", self, w, true)?;
        let Some(bias) = bias else { return Ok(y) };
        if bias.shape().extents() != &y.shape().extents()[1..] {
            return Err(Error::shapes("linear", w.shape(), bias.shape(), "the bias must be [O]"));
        }
        y.add(bias)
    }
}

/// `a b`, or `a b^T` where `b` is stored as `[n, k]`.
fn product(name: &'static str, a: &Tensor, b: &Tensor, transpose_b: bool) -> Result<Tensor> {
    let (&[m, k], &[first, second]) = (a.shape().extents(), b.shape().extents()) else {
        return Err(Error::shapes(name, a.shape(), b.shape(), "needs two matrices"));
    };
    let (inner, n) = if transpose_b { (second, first) } else { (first, second) };
    if inner != k {
        let why = format!("rows of {k} meet columns of {inner}");
        return Err(Error::shapes(name, a.shape(), b.shape(), why));
    }
    let op = MatMul { m, k, n, transpose_a: false, transpose_b };
    let y = run(&Op::MatMul(op), &[a, b], Shape::from([m, n]))?;
    Ok(y.recorded(&[a, b], || MatMulRule {
        op,
        a: b.is_tracked().then(|| a.detach()),
        b: a.is_tracked().then(|| b.detach()),
    }))
}

struct MatMulRule {
    op: MatMul,
    /// Kept where `b` is tracked.
    a: Option<Tensor>,
    /// Kept where `a` is tracked.
    b: Option<Tensor>,
}

impl Rule for MatMulRule {
    fn backward(&self, dy: Gradient) -> Result<Vec<Option<Gradient>>> {
        let MatMul { m, k, n, transpose_b, .. } = self.op;
        let dy = dy.tensor();
        let da = |b: &Tensor| {
            let op = MatMul { m, k: n, n: k, transpose_a: false, transpose_b: !transpose_b };
            run(&Op::MatMul(op), &[dy, b], Shape::from([m, k])).map(Gradient::fresh)
        };
        let db = |a: &Tensor| {
            let (op, inputs, shape) = if transpose_b {
                (
                    MatMul { m: n, k: m, n: k, transpose_a: true, transpose_b: false },
                    [dy, a],
                    [n, k],
                )
            } else {
                (MatMul { m: k, k: m, n, transpose_a: true, transpose_b: false }, [a, dy], [k, n])
            };
            run(&Op::MatMul(op), &inputs, Shape::from(shape)).map(Gradient::fresh)
        };
        Ok(vec![self.b.as_ref().map(da).transpose()?, self.a.as_ref().map(db).transpose()?])
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{check, values};

    #[test]
    fn derivatives_agree_with_differences() {
        for [m, k, n] in [[3, 4, 5], [1, 1, 1], [1, 7, 3], [5, 1, 2], [2, 3, 1]] {
            check(&[values([m, k], 1), values([k, n], 2)], |t| t[0].matmul(&t[1]));
            check(&[values([m, k], 1), values([n, k], 2), values([n], 3)], |t| {
                t[0].linear(&t[1], Some(&t[2]))
            });
            check(&[values([m, k], 1), values([n, k], 2)], |t| t[0].linear(&t[1], None));
        }
    }

    #[test]
    fn a_matrix_times_itself() {
        check(&[values([3, 3], 1)], |t| t[0].matmul(&t[0]));
        check(&[values([4, 3], 1)], |t| t[0].linear(&t[0], None));
    }

    #[test]
    fn shapes_are_checked() {
        let (a, b) = (values([2, 3], 1), values([2, 4], 2));
        let error = a.matmul(&b).unwrap_err().to_string();
        assert_eq!(
            error,
            "matmul: shapes [2, 3] and [2, 4] do not fit: rows of 3 meet columns of 2"
        );
        assert!(a.linear(&b, None).is_err());
        assert!(values([2], 1).matmul(&a).is_err());
        assert!(a.linear(&a, Some(&values([1, 2], 1))).is_err());
    }
}
