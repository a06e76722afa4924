//! Functions of each element.

use lowland_core::Result;
use lowland_core::op::{DerivativeFrom, Op, Unary, UnaryKind};

use super::run;
use crate::Tensor;
use crate::tape::{Gradient, Rule};

impl Tensor {
    /// `max(x, 0)`.
    ///
    /// Derivative: 1 above 0, else 0; at the kink, `x = 0`, it is 0. Only the output is kept.
    ///
    /// # Errors
    /// As [`lowland_core::Backend::run`].
    ///
    /// ```
    /// use lowland_tensor::Tensor;
    /// # let device: lowland_tensor::Device = std::sync::Arc::new(lowland_cpu::Cpu::new(1));
    /// let x = Tensor::from_slice(&device, [3], &[-1.0f32, 0.0, 2.0])?.tracked();
    /// let gradients = x.relu()?.sum_all()?.backward()?;
    /// assert_eq!(gradients.get(&x).unwrap().to_vec::<f32>()?, [0.0, 0.0, 1.0]);
    /// # Ok::<(), lowland_tensor::Error>(())
    /// ```
    pub fn relu(&self) -> Result<Tensor> {
        self.unary(UnaryKind::Relu)
    }

    /// The elements at whose places `gate` is above 0, and 0 elsewhere: a ReLU that is switched by another
    /// tensor than its input.
    ///
    /// Derivative: 1 where `gate` is above 0, else 0. `gate` is kept; it has no derivative, as there is
    /// none but 0 where there is one.
    ///
    /// # Errors
    /// [`lowland_core::Error::Operand`] where `gate` has another number of elements; else as
    /// [`lowland_core::Backend::run`].
    ///
    /// ```
    /// use lowland_tensor::Tensor;
    /// # let device: lowland_tensor::Device = std::sync::Arc::new(lowland_cpu::Cpu::new(1));
    /// let gate = Tensor::from_slice(&device, [3], &[0.0f32, 5.0, 0.1])?;
    /// let x = Tensor::from_slice(&device, [3], &[1.0f32, -2.0, 3.0])?.tracked();
    /// let y = x.gated_by(&gate)?;
    /// assert_eq!(y.to_vec::<f32>()?, [0.0, -2.0, 3.0]);
    /// let gradients = y.sum_all()?.backward()?;
    /// assert_eq!(gradients.get(&x).unwrap().to_vec::<f32>()?, [0.0, 1.0, 1.0]);
    /// # Ok::<(), lowland_tensor::Error>(())
    /// ```
    pub fn gated_by(&self, gate: &Tensor) -> Result<Tensor> {
        let rule = GateRule {
            op: Unary { kind: UnaryKind::Relu, len: self.shape().len() },
            gate: gate.detach(),
        };
        let y = rule.let_through(self)?;
        Ok(y.recorded(&[self], || rule))
    }

    /// The inverse tangent. Derivative: `1 / (1 + x^2)`.
    ///
    /// # Errors
    /// As [`lowland_core::Backend::run`].
    pub fn atan(&self) -> Result<Tensor> {
        self.unary(UnaryKind::Atan)
    }

    /// The hyperbolic tangent. Derivative: `1 - tanh(x)^2`.
    ///
    /// # Errors
    /// As [`lowland_core::Backend::run`].
    pub fn tanh(&self) -> Result<Tensor> {
        self.unary(UnaryKind::Tanh)
    }

    /// The natural logarithm: minus infinity at 0, NaN below. Derivative: `1 / x`.
    ///
    /// # Errors
    /// As [`lowland_core::Backend::run`].
    pub fn log(&self) -> Result<Tensor> {
        self.unary(UnaryKind::Log)
    }

    /// The exponential. Derivative: itself.
    ///
    /// # Errors
    /// As [`lowland_core::Backend::run`].
    pub fn exp(&self) -> Result<Tensor> {
        self.unary(UnaryKind::Exp)
    }

    /// `sign(x) ln(1 + |x|)`. Derivative: `1 / (1 + |x|)`, which is 1 at 0: the function is smooth
    /// there to first order.
    ///
    /// # Errors
    /// As [`lowland_core::Backend::run`].
    pub fn signed_log(&self) -> Result<Tensor> {
        self.unary(UnaryKind::SignedLog)
    }

    fn unary(&self, kind: UnaryKind) -> Result<Tensor> {
        let op = Unary { kind, len: self.shape().len() };
        let y = run(&Op::Unary(op), &[self], self.shape())?;
        let kept = match kind.derivative_from() {
            DerivativeFrom::Input => self.detach(),
            DerivativeFrom::Output => y.detach(),
        };
        Ok(y.recorded(&[self], || UnaryRule { op, kept }))
    }
}

struct UnaryRule {
    op: Unary,
    /// The one of input and output that the derivative is computed from.
    kept: Tensor,
}

impl Rule for UnaryRule {
    fn backward(&self, dy: Gradient) -> Result<Vec<Option<Gradient>>> {
        // It stands in for the other one too, which is not read.
        let inputs = [&self.kept, &self.kept, dy.tensor()];
        let dx = run(&Op::UnaryGrad(self.op), &inputs, self.kept.shape())?;
        Ok(vec![Some(Gradient::fresh(dx))])
    }
}

/// A ReLU's gradient takes the signs of its output: that of a gate does what the gate does.
struct GateRule {
    op: Unary,
    gate: Tensor,
}

impl GateRule {
    fn let_through(&self, x: &Tensor) -> Result<Tensor> {
        run(&Op::UnaryGrad(self.op), &[&self.gate, &self.gate, x], x.shape())
    }
}

impl Rule for GateRule {
    fn backward(&self, dy: Gradient) -> Result<Vec<Option<Gradient>>> {
        Ok(vec![Some(Gradient::fresh(self.let_through(dy.tensor())?))])
    }
}

#[cfg(test)]
mod tests {
    use lowland_core::DType;

    use super::*;
    use crate::testing::{check, gradient_at, values};

    #[test]
    fn derivatives_agree_with_differences() {
        for shape in [&[3, 5][..], &[1], &[], &[2, 1, 7]] {
            check(&[values(shape, 1)], |t| t[0].relu());
            check(&[values(shape, 1)], |t| t[0].atan());
            check(&[values(shape, 1)], |t| t[0].tanh());
            check(&[values(shape, 1)], |t| t[0].exp());
            check(&[values(shape, 1)], |t| t[0].signed_log());
            check(&[values(shape, 1)], |t| t[0].mul(&t[0])?.log());
        }
    }

    #[test]
    fn a_gate_is_a_constant_mask() {
        let gate = values([3, 5], 2);
        check(&[values([3, 5], 1)], |t| t[0].gated_by(&gate)?.mul(&t[0]));
        let x = values([3, 5], 1);
        let own = x.gated_by(&x).unwrap().to_vec::<f64>().unwrap();
        assert_eq!(own, x.relu().unwrap().to_vec::<f64>().unwrap());
        let error = x.gated_by(&values([4], 1)).unwrap_err().to_string();
        assert!(error.starts_with("gradient of relu: operand"), "{error}");
    }

    #[test]
    fn functions_of_functions_and_of_one_tensor_twice() {
        check(&[values([4, 3], 1)], |t| t[0].tanh()?.mul(&t[0].exp()?)?.relu()?.add(&t[0]));
        check(&[values([4, 3], 1)], |t| t[0].relu()?.relu()?.atan());
    }

    #[test]
    fn one_of_input_and_output_is_kept() {
        // A device of its own, as memory is counted.
        let device: crate::Device = std::sync::Arc::new(lowland_cpu::Cpu::new(1));
        let bytes = |kind: UnaryKind| {
            let x = Tensor::full(&device, [64], DType::F64, 1.0).unwrap().tracked();
            let y = x.unary(kind).unwrap();
            drop(x);
            let bytes = device.memory().bytes_in_use;
            drop(y);
            bytes
        };
        for kind in UnaryKind::ALL {
            let tensors = if kind.derivative_from() == DerivativeFrom::Output { 1 } else { 2 };
            assert_eq!(bytes(kind), tensors * 64 * 8, "{}", kind.name());
        }
    }

    #[test]
    fn kinks_have_the_derivative_that_is_documented() {
        assert_eq!(gradient_at(&[0.0, -0.0, 1e-300, -1e-300], Tensor::relu), [0.0, 0.0, 1.0, 0.0]);
        assert_eq!(gradient_at(&[0.0, -0.0], Tensor::signed_log), [1.0, 1.0]);
        assert_eq!(gradient_at(&[1.0, -3.0], Tensor::signed_log), [0.5, 0.25]);
    }
}
