//! Linear combinations of several tensors in one pass.

use super::{Operand, Operands};
use crate::{Error, Result};

/// `y = s_1 x_1 + ... + s_n x_n`, summed in this order.
///
/// Inputs: `x` as often as there are scales. Outputs: `y`.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct ScaledSum {
    /// The number of elements of each tensor.
    pub len: usize,
    scales: [f64; Self::MAX_TERMS],
    terms: usize,
}

impl ScaledSum {
    /// The largest number of terms.
    pub const MAX_TERMS: usize = 8;

    /// The combination with these scales.
    ///
    /// # Errors
    /// [`Error::Invalid`] with no term, or with more than [`ScaledSum::MAX_TERMS`].
    pub fn new(len: usize, scales: &[f64]) -> Result<Self> {
        if scales.is_empty() || scales.len() > Self::MAX_TERMS {
            return Err(Error::invalid(
                "scaled sum",
                format!("takes 1 to {} terms, not {}", Self::MAX_TERMS, scales.len()),
            ));
        }
        let mut padded = [0.0; Self::MAX_TERMS];
        padded[..scales.len()].copy_from_slice(scales);
        Ok(ScaledSum { len, scales: padded, terms: scales.len() })
    }

    /// The scales, one a term.
    #[must_use]
    pub fn scales(&self) -> &[f64] {
        &self.scales[..self.terms]
    }

    pub(super) fn operands(&self) -> Operands {
        Operands {
            inputs: vec![Operand::read("x", self.len); self.terms],
            outputs: vec![Operand::write("y", self.len)],
        }
    }
}
