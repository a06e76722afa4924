//! Arithmetic on two tensors, with broadcasting.

use lowland_core::op::{Binary, BinaryKind, Op};
use lowland_core::{Result, Shape};

use super::broadcast::sum_to;
use super::run;
use crate::Tensor;
use crate::tape::{Gradient, Rule};

impl Tensor {
    /// `a + b`, where extents of 1 stretch as in NumPy and PyTorch.
    ///
    /// Derivative: `dy` for both, summed over the axes that were stretched. Nothing is kept.
    ///
    /// # Errors
    /// [`lowland_core::Error::Shapes`] where the shapes do not broadcast; else as
    /// [`lowland_core::Backend::run`].
    ///
    /// ```
    /// use lowland_tensor::Tensor;
    /// # let device: lowland_tensor::Device = std::sync::Arc::new(lowland_cpu::Cpu::new(1));
    /// let x = Tensor::from_slice(&device, [2, 2], &[1.0f32, 2.0, 3.0, 4.0])?;
    /// let bias = Tensor::from_slice(&device, [2], &[0.5f32, -0.5])?.tracked();
    /// let y = x.add(&bias)?;
    /// assert_eq!(y.to_vec::<f32>()?, [1.5, 1.5, 3.5, 3.5]);
    /// let gradients = y.sum_all()?.backward()?;
    /// assert_eq!(gradients.get(&bias).unwrap().to_vec::<f32>()?, [2.0, 2.0]);
    /// # Ok::<(), lowland_tensor::Error>(())
    /// ```
    pub fn add(&self, b: &Tensor) -> Result<Tensor> {
        self.linear_binary(BinaryKind::Add, b, 1.0)
    }

    /// `a - b`, with broadcasting as in [`Tensor::add`].
    ///
    /// Derivative: `dy` for `a` and `-dy` for `b`, summed over the axes that were stretched.
    /// Nothing is kept.
    ///
    /// # Errors
    /// As [`Tensor::add`].
    pub fn sub(&self, b: &Tensor) -> Result<Tensor> {
        self.linear_binary(BinaryKind::Sub, b, -1.0)
    }

    /// `a b`, element by element, with broadcasting as in [`Tensor::add`].
    ///
    /// Derivative: `dy b` for `a` and `dy a` for `b`, summed over the axes that were stretched. Each
    /// is kept only where the other is tracked.
    ///
    /// # Errors
    /// As [`Tensor::add`].
    pub fn mul(&self, b: &Tensor) -> Result<Tensor> {
        let op = Binary::new(BinaryKind::Mul, self.shape(), b.shape())?;
        let y = run(&Op::Binary(op), &[self, b], op.out)?;
        Ok(y.recorded(&[self, b], || MulRule {
            op,
            a: b.is_tracked().then(|| self.detach()),
            b: self.is_tracked().then(|| b.detach()),
        }))
    }

    /// `a / b`, element by element, with broadcasting as in [`Tensor::add`].
    ///
    /// Derivative: `dy / b` for `a` and `-(dy / b) (a / b)` for `b`, summed over the axes that were
    /// stretched. `b` is kept, and the quotient where `b` is tracked.
    ///
    /// # Errors
    /// As [`Tensor::add`].
    pub fn div(&self, b: &Tensor) -> Result<Tensor> {
        let op = Binary::new(BinaryKind::Div, self.shape(), b.shape())?;
        let y = run(&Op::Binary(op), &[self, b], op.out)?;
        let quotient = b.is_tracked().then(|| y.detach());
        let wants_a = self.is_tracked();
        Ok(y.recorded(&[self, b], || DivRule { op, wants_a, b: b.detach(), quotient }))
    }

    fn linear_binary(&self, kind: BinaryKind, b: &Tensor, sign: f64) -> Result<Tensor> {
        let op = Binary::new(kind, self.shape(), b.shape())?;
        let y = run(&Op::Binary(op), &[self, b], op.out)?;
        let wants = [self.is_tracked(), b.is_tracked()];
        Ok(y.recorded(&[self, b], || LinearRule { op, sign, wants }))
    }
}

/// Addition and subtraction.
struct LinearRule {
    op: Binary,
    sign: f64,
    wants: [bool; 2],
}

impl Rule for LinearRule {
    fn backward(&self, mut dy: Gradient) -> Result<Vec<Option<Gradient>>> {
        let db = |dy| Ok(sum_to(dy, self.op.b)?.times(self.sign));
        Ok(match self.wants {
            [true, true] => {
                let da = sum_to(dy.share(), self.op.a)?;
                vec![Some(da), Some(db(dy)?)]
            }
            [true, false] => vec![Some(sum_to(dy, self.op.a)?), None],
            [false, true] => vec![None, Some(db(dy)?)],
            [false, false] => vec![None, None],
        })
    }
}

struct MulRule {
    op: Binary,
    /// Kept where `b` is tracked.
    a: Option<Tensor>,
    /// Kept where `a` is tracked.
    b: Option<Tensor>,
}

impl Rule for MulRule {
    fn backward(&self, dy: Gradient) -> Result<Vec<Option<Gradient>>> {
        let times = |other: &Option<Tensor>, shape: Shape| match other {
            Some(other) => {
                sum_to(elementwise(BinaryKind::Mul, dy.tensor(), other)?, shape).map(Some)
            }
            None => Ok(None),
        };
        Ok(vec![times(&self.b, self.op.a)?, times(&self.a, self.op.b)?])
    }
}

struct DivRule {
    op: Binary,
    wants_a: bool,
    b: Tensor,
    /// Kept where `b` is tracked.
    quotient: Option<Tensor>,
}

impl Rule for DivRule {
    fn backward(&self, dy: Gradient) -> Result<Vec<Option<Gradient>>> {
        let da = elementwise(BinaryKind::Div, dy.tensor(), &self.b)?;
        let db = match &self.quotient {
            Some(quotient) => {
                let product = elementwise(BinaryKind::Mul, da.tensor(), quotient)?;
                Some(sum_to(product, self.op.b)?.times(-1.0))
            }
            None => None,
        };
        let da = if self.wants_a { Some(sum_to(da, self.op.a)?) } else { None };
        Ok(vec![da, db])
    }
}

fn elementwise(kind: BinaryKind, a: &Tensor, b: &Tensor) -> Result<Gradient> {
    let op = Binary::new(kind, a.shape(), b.shape())?;
    run(&Op::Binary(op), &[a, b], op.out).map(Gradient::fresh)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{check, values};

    type Method = fn(&Tensor, &Tensor) -> Result<Tensor>;
    const ALL: [Method; 4] = [Tensor::add, Tensor::sub, Tensor::mul, Tensor::div];

    #[test]
    fn derivatives_agree_with_differences_with_broadcasting() {
        let shapes: [(&[usize], &[usize]); 9] = [
            (&[3, 5], &[3, 5]),
            (&[1], &[1]),
            (&[], &[]),
            (&[2, 3, 4], &[4]),
            (&[4], &[2, 3, 4]),
            (&[2, 1, 3], &[1, 5, 1]),
            (&[], &[3, 1]),
            (&[1, 3], &[3]),
            (&[2, 3, 1, 2], &[1, 3, 2, 2]),
        ];
        for (a, b) in shapes {
            for method in ALL {
                check(&[values(a, 1), values(b, 2)], |t| method(&t[0], &t[1]));
            }
        }
    }

    #[test]
    fn one_tensor_twice() {
        for method in ALL {
            check(&[values([2, 3], 1)], |t| method(&t[0], &t[0]));
            check(&[values([2, 3], 1)], |t| method(&method(&t[0], &t[0])?, &t[0]));
        }
        // Both sides stretch, from one tensor.
        check(&[values([3, 1], 1)], |t| t[0].mul(&t[0].reshape([1, 3])?));
    }

    #[test]
    fn one_side_can_be_constant() {
        for method in ALL {
            let (a, b) = (values([2, 3], 1), values([3], 2));
            check(std::slice::from_ref(&a), |t| method(&t[0], &b));
            check(std::slice::from_ref(&a), |t| method(&b, &t[0]));
        }
    }

    #[test]
    fn shapes_are_checked() {
        let error = values([2, 3], 1).add(&values([2], 1)).unwrap_err().to_string();
        assert!(error.starts_with("add: shapes [2, 3] and [2] do not fit"), "{error}");
    }
}
