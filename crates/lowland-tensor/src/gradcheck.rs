//! Derivatives against central differences, in `f64`.

use lowland_core::{DType, Error, Result};

use crate::Tensor;

/// The distance of the two points of a difference from the middle, for elements near 1: at this
/// step truncation (`h^2`) and rounding (`1e-16 / h`) are about equally small.
const STEP: f64 = 5e-6;

/// The element whose derivative is furthest from its difference.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Worst {
    /// `|derivative - difference| / max(1, |derivative|, |difference|)`.
    pub error: f64,
    /// Which input.
    pub input: usize,
    /// Which element of it, in row-major order.
    pub index: usize,
    /// What the tape says.
    pub derivative: f64,
    /// What the central difference says.
    pub difference: f64,
}

/// Checks the derivative of a function with respect to every element of every float among its
/// inputs, and returns the worst.
///
/// The function's result is reduced to a number by a fixed projection, so that errors of different
/// elements do not cancel. Inputs are `f64`, or labels, which are passed on as they are. They
/// should be away from kinks by more than the step of the difference (5e-6, times the element where
/// that is above 1). A right derivative of a smooth function of numbers near 1 has an error below
/// 1e-8, a wrong one seldom below 1e-3.
///
/// # Errors
/// Whatever the function returns, and [`Error::Invalid`] where there is no `f64` among the inputs,
/// where there are floats of another type, or where a gradient has another shape than its input.
///
/// ```
/// use lowland_tensor::{gradcheck::gradcheck, Tensor};
/// # let device: lowland_tensor::Device = std::sync::Arc::new(lowland_cpu::Cpu::new(1));
/// let x = Tensor::from_slice(&device, [3], &[0.5f64, 1.0, -2.0])?;
/// let worst = gradcheck(|inputs| inputs[0].tanh()?.mul(&inputs[0]), &[x])?;
/// assert!(worst.error < 1e-8, "{worst:?}");
/// # Ok::<(), lowland_tensor::Error>(())
/// ```
pub fn gradcheck(f: impl Fn(&[Tensor]) -> Result<Tensor>, inputs: &[Tensor]) -> Result<Worst> {
    let invalid = |message: String| Err(Error::invalid("gradcheck", message));
    if let Some(input) = inputs.iter().find(|input| input.dtype() == DType::F32) {
        return invalid(format!("differences need f64, not {input:?}"));
    }
    if !inputs.iter().any(|input| input.dtype() == DType::F64 && !input.shape().is_empty()) {
        return invalid("there is no f64 element to differentiate by".into());
    }
    let plain: Vec<Tensor> = inputs.iter().map(Tensor::detach).collect();
    let gradients = derivatives(&f, &plain)?;
    let mut worst: Option<Worst> = None;
    for (input, gradient) in gradients.iter().enumerate() {
        let Some(gradient) = gradient else { continue };
        let values = plain[input].to_vec::<f64>()?;
        if gradient.len() != values.len() {
            return invalid(format!("{} derivatives for {:?}", gradient.len(), plain[input]));
        }
        for (index, &derivative) in gradient.iter().enumerate() {
            let difference = difference(&f, &plain, input, &values, index)?;
            let scale = 1.0f64.max(derivative.abs()).max(difference.abs());
            let error = (derivative - difference).abs() / scale;
            let error = if error.is_nan() { f64::INFINITY } else { error };
            if worst.is_none_or(|worst| error > worst.error) {
                worst = Some(Worst { error, input, index, derivative, difference });
            }
        }
    }
    Ok(worst.expect("there is an f64 element"))
}

/// The gradient of the projected result with respect to each float, by the tape.
fn derivatives(
    f: &impl Fn(&[Tensor]) -> Result<Tensor>,
    plain: &[Tensor],
) -> Result<Vec<Option<Vec<f64>>>> {
    let track = |x: &Tensor| if x.dtype() == DType::F64 { x.clone().tracked() } else { x.clone() };
    let leaves: Vec<Tensor> = plain.iter().map(track).collect();
    let y = f(&leaves)?;
    let weights: Vec<f64> = (0..y.shape().len()).map(weight).collect();
    let projection = Tensor::from_slice(y.device(), y.shape(), &weights)?;
    let gradients = y.mul(&projection)?.sum_all()?.backward()?;
    let gradient = |leaf: &Tensor| {
        if !leaf.is_tracked() {
            return Ok(None);
        }
        match gradients.get(leaf) {
            Some(gradient) if gradient.shape() == leaf.shape() => gradient.to_vec().map(Some),
            Some(gradient) => Err(Error::shapes(
                "gradcheck",
                leaf.shape(),
                gradient.shape(),
                "a gradient has the shape of its input",
            )),
            None => Ok(Some(vec![0.0; leaf.shape().len()])),
        }
    };
    leaves.iter().map(gradient).collect()
}

/// The central difference of the projected result by one element. The projection is computed on
/// the host, so that it does not lean on the ops under test.
fn difference(
    f: &impl Fn(&[Tensor]) -> Result<Tensor>,
    plain: &[Tensor],
    input: usize,
    values: &[f64],
    index: usize,
) -> Result<f64> {
    let step = STEP * values[index].abs().max(1.0);
    let mut moved = values.to_vec();
    let mut at = |x: f64| -> Result<f64> {
        moved[index] = x;
        let mut inputs = plain.to_vec();
        inputs[input] = Tensor::from_slice(plain[input].device(), plain[input].shape(), &moved)?;
        let y = f(&inputs)?.to_vec::<f64>()?;
        Ok(y.iter().enumerate().map(|(i, y)| y * weight(i)).sum())
    };
    let (above, below) = (values[index] + step, values[index] - step);
    Ok((at(above)? - at(below)?) / (above - below))
}

/// The projection's weight of element `i`: a fixed pseudo-random number of magnitude 0.5 to 1.5.
fn weight(i: usize) -> f64 {
    let bits = hash(i as u64);
    let magnitude = 0.5 + (bits >> 11) as f64 / (1u64 << 53) as f64;
    if bits & 1 == 0 { magnitude } else { -magnitude }
}

/// The finaliser of SplitMix64 (Steele, Lea and Flood 2014) on a counter.
pub(crate) fn hash(i: u64) -> u64 {
    let z = i.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{device, values};

    #[test]
    fn a_wrong_derivative_is_found_with_its_place() {
        // The value of x^2 with the derivative of x^2 minus that of the element 2: half of the
        // graph is hidden from the tape.
        let hide = |inputs: &[Tensor]| {
            let x = &inputs[1];
            let mask = Tensor::from_slice(&device(), [4], &[0.0f64, 0.0, 1.0, 0.0])?;
            let seen = x.mul(x)?.sub(&x.mul(x)?.mul(&mask)?)?;
            seen.add(&x.detach().mul(&x.detach())?.mul(&mask)?)
        };
        let x = Tensor::from_slice(&device(), [4], &[1.0f64, 2.0, 3.0, 4.0]).unwrap();
        let worst = gradcheck(hide, &[values([2], 0), x]).unwrap();
        assert_eq!((worst.input, worst.index, worst.derivative), (1, 2, 0.0));
        assert!((worst.error - 1.0).abs() < 1e-12 && worst.difference.abs() > 2.9, "{worst:?}");
    }

    #[test]
    fn inputs_that_cannot_be_checked_are_refused() {
        let f32s = Tensor::full(&device(), [2], DType::F32, 1.0).unwrap();
        assert!(gradcheck(|x| Ok(x[0].clone()), &[f32s]).is_err());
        let labels = Tensor::from_slice(&device(), [1], &[0u32]).unwrap();
        let error = gradcheck(|x| Ok(x[0].clone()), &[labels]).unwrap_err().to_string();
        assert_eq!(error, "gradcheck: there is no f64 element to differentiate by");
    }
}
