//! Which numbers the type of the parameters can hold at full precision.

use std::ops::RangeInclusive;

use lowland_core::DType;

use crate::error::{Result, require};

/// The positive normal numbers of a type: what is below is 0 or nearly so, what is above infinite.
pub(crate) fn normal(dtype: DType) -> RangeInclusive<f64> {
    match dtype {
        DType::F32 => f64::from(f32::MIN_POSITIVE)..=f64::from(f32::MAX),
        _ => f64::MIN_POSITIVE..=f64::MAX,
    }
}

/// The check of a hyper-parameter that must not become 0 or infinite in the type of the parameters.
pub(crate) fn require_normal(field: &str, value: f64, dtype: DType) -> Result<()> {
    let range = normal(dtype);
    let (least, most) = range.clone().into_inner();
    let allowed = format!("above 0 and finite in {dtype}: {least:.1e} to {most:.1e}");
    require(range.contains(&value), || field.into(), &allowed, value)
}
