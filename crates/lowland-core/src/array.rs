//! ndarray at the edges: arrays in and out of buffers, and arrays as plain slices.

use ndarray::{ArrayBase, ArrayD, Data, DataMut, Dimension, IxDyn};

use crate::{Backend, Buffer, Element, Error, Result, Shape};

impl From<&[usize]> for Shape {
    fn from(extents: &[usize]) -> Self {
        Shape::new(extents)
    }
}

/// The elements of an array in row-major order, without a copy.
///
/// # Errors
/// [`Error::Invalid`] where the array is not contiguous in row-major order.
pub fn array_slice<A, S: Data<Elem = A>, D: Dimension>(array: &ArrayBase<S, D>) -> Result<&[A]> {
    array.as_slice().ok_or_else(not_contiguous)
}

/// The elements of an array in row-major order, to be written to, without a copy.
///
/// # Errors
/// [`Error::Invalid`] where the array is not contiguous in row-major order.
pub fn array_slice_mut<A, S: DataMut<Elem = A>, D: Dimension>(
    array: &mut ArrayBase<S, D>,
) -> Result<&mut [A]> {
    array.as_slice_mut().ok_or_else(not_contiguous)
}

fn not_contiguous() -> Error {
    Error::invalid(
        "array",
        "not contiguous in row-major order; call `as_standard_layout().into_owned()` first",
    )
}

/// Arrays in and out of a backend's buffers.
pub trait ArrayExt {
    /// A new buffer with the elements of an array in row-major order.
    ///
    /// # Errors
    /// As [`Backend::allocate`].
    fn buffer_from_array<A: Element, S: Data<Elem = A>, D: Dimension>(
        &self,
        array: &ArrayBase<S, D>,
    ) -> Result<Buffer>;

    /// The contents of a buffer as an array of this shape.
    ///
    /// # Errors
    /// [`Error::Invalid`] where the shape has another number of elements; else as
    /// [`Backend::download`].
    fn array_from_buffer<A: Element>(&self, buffer: &Buffer, shape: &Shape) -> Result<ArrayD<A>>;
}

impl ArrayExt for dyn Backend + '_ {
    fn buffer_from_array<A: Element, S: Data<Elem = A>, D: Dimension>(
        &self,
        array: &ArrayBase<S, D>,
    ) -> Result<Buffer> {
        match array.as_slice() {
            Some(slice) => self.buffer_from(slice),
            None => self.buffer_from(&array.iter().copied().collect::<Vec<A>>()),
        }
    }

    fn array_from_buffer<A: Element>(&self, buffer: &Buffer, shape: &Shape) -> Result<ArrayD<A>> {
        let values = self.to_vec(buffer)?;
        let count = values.len();
        ArrayD::from_shape_vec(IxDyn(shape.extents()), values).map_err(|_| {
            Error::invalid("array", format!("{count} elements do not fill the shape {shape}"))
        })
    }
}
