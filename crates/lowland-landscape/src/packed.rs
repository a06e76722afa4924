//! The parameters of a store as one vector without the gaps of its arenas, and back.

use lowland_core::{Buffer, DType};
use lowland_models::{ParamStore, Values};

use crate::Result;
use crate::error::{check_finite, check_length};

/// All parameters of a store, one after the other in its order of [`ParamStore::entries`], each in
/// row-major order: a point of the landscape. There are [`ParamStore::count`] of them.
///
/// # Errors
/// [`Error::Engine`](crate::Error::Engine) where the device fails.
pub fn parameters(store: &ParamStore) -> Result<Vec<f64>> {
    gather(store, store.params())
}

/// An arena that is laid out as the parameters are, without its gaps.
pub(crate) fn gather(store: &ParamStore, arena: &Buffer) -> Result<Vec<f64>> {
    let values = Values::download(&**store.device(), arena)?.to_f64();
    let mut packed = Vec::with_capacity(store.count());
    for entry in store.entries() {
        packed.extend_from_slice(&values[entry.offset..entry.offset + entry.shape.len()]);
    }
    Ok(packed)
}

/// Overwrites the parameters of a store, rounding to its type. The gaps become zeros, as they were. A
/// point that is not finite in that type is refused: a ReLU would hide it.
pub(crate) fn scatter(store: &ParamStore, packed: &[f64]) -> Result<()> {
    check_length("the point", store.count(), packed.len())?;
    let rounded: Vec<f64> = match store.dtype() {
        DType::F32 => packed.iter().map(|&v| f64::from(v as f32)).collect(),
        _ => packed.to_vec(),
    };
    check_finite("the point", &rounded)?;
    let mut arena = vec![0.0; store.params().len()];
    let mut rest = &rounded[..];
    for entry in store.entries() {
        let (head, tail) = rest.split_at(entry.shape.len());
        arena[entry.offset..entry.offset + head.len()].copy_from_slice(head);
        rest = tail;
    }
    upload(store, arena, store.params())
}

/// Copies numbers into an arena of a store, rounding to its type.
pub(crate) fn upload(store: &ParamStore, values: Vec<f64>, arena: &Buffer) -> Result<()> {
    let values = match store.dtype() {
        DType::F32 => Values::F32(values.iter().map(|&v| v as f32).collect()),
        _ => Values::F64(values),
    };
    Ok(values.upload(&**store.device(), arena)?)
}
