//! Clipping, as a config.

use lowland_core::DType;
use serde::{Deserialize, Serialize};

use crate::error::{Result, require};
use crate::precision::require_normal;

/// How raw gradients are clipped: `clip = { norm = 1.0 }` or `clip = { value = 1.0 }`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Clip {
    /// All together, to this Euclidean norm, above 0.
    Norm(f64),
    /// Each element, to this magnitude, above 0.
    Value(f64),
}

impl Clip {
    fn field(&self) -> (&'static str, f64) {
        match *self {
            Clip::Norm(bound) => ("clip.norm", bound),
            Clip::Value(limit) => ("clip.value", limit),
        }
    }

    /// Checks the range.
    ///
    /// # Errors
    /// [`Error::Hyper`](crate::Error::Hyper) with the field.
    pub fn validate(&self) -> Result<()> {
        let (field, bound) = self.field();
        require(bound > 0.0 && bound.is_finite(), || field.into(), "above 0 and finite", bound)
    }

    pub(crate) fn validate_at(&self, dtype: DType) -> Result<()> {
        let (field, bound) = self.field();
        require_normal(field, bound, dtype)
    }
}
