//! Tensors: a shape, a buffer, the device that holds it, and a place on the tape.

use std::fmt;
use std::sync::Arc;

use lowland_core::{ArrayExt, Backend, Buffer, DType, Element, Error, Result, Shape};
use ndarray::{ArrayBase, ArrayD, Data, Dimension};

use crate::tape::Node;

/// A backend, shared by all tensors on it.
pub type Device = Arc<dyn Backend>;

/// A row-major array of numbers on a device.
///
/// Cloning shares the memory, and no method changes it: every op makes a new tensor. Ops are
/// methods; each says what its derivative is. An op on tensors of which at least one is *tracked*
/// is recorded, and [`Tensor::backward`] runs the recording in reverse; an op on others records
/// nothing and keeps nothing.
#[derive(Clone)]
pub struct Tensor {
    shape: Shape,
    buffer: Buffer,
    device: Device,
    node: Option<Arc<Node>>,
}

impl Tensor {
    /// A tensor over memory that the device has already, without a copy.
    ///
    /// # Errors
    /// [`Error::Invalid`] where the buffer has another number of elements than the shape.
    pub fn from_buffer(device: &Device, shape: Shape, buffer: Buffer) -> Result<Tensor> {
        if buffer.len() != shape.len() {
            return Err(wrong_count(buffer.len(), shape));
        }
        Ok(Tensor { shape, buffer, device: Arc::clone(device), node: None })
    }

    /// A tensor with the elements of a slice, in row-major order.
    ///
    /// # Errors
    /// [`Error::Invalid`] where the slice has another number of elements than the shape; else as
    /// [`Backend::allocate`].
    ///
    /// ```
    /// use lowland_tensor::{Shape, Tensor};
    /// # let device: lowland_tensor::Device = std::sync::Arc::new(lowland_cpu::Cpu::new(1));
    /// let x = Tensor::from_slice(&device, [2, 3], &[1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0])?;
    /// assert_eq!(x.sum(&[0])?.to_vec::<f32>()?, [5.0, 7.0, 9.0]);
    /// # Ok::<(), lowland_tensor::Error>(())
    /// ```
    pub fn from_slice<T: Element>(
        device: &Device,
        shape: impl Into<Shape>,
        data: &[T],
    ) -> Result<Tensor> {
        let shape = shape.into();
        if data.len() != shape.len() {
            return Err(wrong_count(data.len(), shape));
        }
        Self::from_buffer(device, shape, device.buffer_from(data)?)
    }

    /// A tensor with the shape and the elements of an array.
    ///
    /// # Errors
    /// [`Error::Invalid`] for more than [`Shape::MAX_RANK`] axes; else as [`Backend::allocate`].
    pub fn from_array<A: Element, S: Data<Elem = A>, D: Dimension>(
        device: &Device,
        array: &ArrayBase<S, D>,
    ) -> Result<Tensor> {
        if array.ndim() > Shape::MAX_RANK {
            let message = format!("has {} axes, at most {} can be", array.ndim(), Shape::MAX_RANK);
            return Err(Error::invalid("array", message));
        }
        let buffer = device.buffer_from_array(array)?;
        Self::from_buffer(device, Shape::new(array.shape()), buffer)
    }

    /// A tensor of floats that are all `value`.
    ///
    /// # Errors
    /// As [`Backend::allocate`] and [`Backend::run`].
    pub fn full(
        device: &Device,
        shape: impl Into<Shape>,
        dtype: DType,
        value: f64,
    ) -> Result<Tensor> {
        let shape = shape.into();
        Self::from_buffer(device, shape, device.filled(shape.len(), dtype, value)?)
    }

    /// The elements in row-major order, copied to the host.
    ///
    /// # Errors
    /// As [`Backend::download`]; the type must be that of the tensor.
    pub fn to_vec<T: Element>(&self) -> Result<Vec<T>> {
        self.device.to_vec(&self.buffer)
    }

    /// The elements as an array of this shape, copied to the host.
    ///
    /// # Errors
    /// As [`Backend::download`]; the type must be that of the tensor.
    pub fn to_array<T: Element>(&self) -> Result<ArrayD<T>> {
        self.device.array_from_buffer(&self.buffer, &self.shape)
    }

    /// The one element of a tensor of floats, copied to the host.
    ///
    /// # Errors
    /// [`Error::Invalid`] where there is not exactly one, or where it is a label; else as
    /// [`Backend::download`].
    pub fn item(&self) -> Result<f64> {
        if self.shape.len() != 1 {
            let message = format!("needs exactly one element; the shape is {}", self.shape);
            return Err(Error::invalid("item", message));
        }
        match self.dtype() {
            DType::F32 => Ok(f64::from(self.to_vec::<f32>()?[0])),
            DType::F64 => Ok(self.to_vec::<f64>()?[0]),
            other => Err(Error::invalid("item", format!("reads floats, not {other}; use to_vec"))),
        }
    }

    /// The extents.
    #[must_use]
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// The type of the elements.
    #[must_use]
    pub fn dtype(&self) -> DType {
        self.buffer.dtype()
    }

    /// The backend that holds the elements.
    #[must_use]
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// The memory of the elements. Others may share it: it is to be read only.
    #[must_use]
    pub fn buffer(&self) -> &Buffer {
        &self.buffer
    }

    /// The same elements without a history: what is done with them is not differentiated.
    #[must_use]
    pub fn detach(&self) -> Tensor {
        self.with_shape(self.shape)
    }

    /// Whether ops on this tensor are recorded.
    #[must_use]
    pub fn is_tracked(&self) -> bool {
        self.node.is_some()
    }

    /// These elements under a shape of as many, without a history.
    pub(crate) fn with_shape(&self, shape: Shape) -> Tensor {
        debug_assert_eq!(shape.len(), self.shape.len());
        let (buffer, device) = (self.buffer.clone(), Arc::clone(&self.device));
        Tensor { shape, buffer, device, node: None }
    }

    /// This tensor at a place on the tape.
    pub(crate) fn with_node(self, node: Node) -> Tensor {
        Tensor { node: Some(Arc::new(node)), ..self }
    }

    pub(crate) fn node(&self) -> Option<&Arc<Node>> {
        self.node.as_ref()
    }
}

impl fmt::Debug for Tensor {
    /// Shape, type and whether it is tracked: elements may be many, and on another device.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tracked = if self.is_tracked() { ", tracked" } else { "" };
        write!(f, "Tensor({} {} on {}{tracked})", self.shape, self.dtype(), self.device.name())
    }
}

fn wrong_count(count: usize, shape: Shape) -> Error {
    Error::invalid("tensor", format!("{count} elements do not fill the shape {shape}"))
}

#[cfg(test)]
mod tests {
    use ndarray::{Array, array};

    use super::*;
    use crate::testing::device;

    #[test]
    fn arrays_go_in_and_come_out_in_row_major_order() {
        let array = array![[1.0f32, 2.0, 3.0], [4.0, 5.0, 6.0]];
        let x = Tensor::from_array(&device(), &array.t()).unwrap();
        assert_eq!(x.shape(), Shape::from([3, 2]));
        assert_eq!(x.to_vec::<f32>().unwrap(), [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
        assert_eq!(x.to_array::<f32>().unwrap(), array.t().into_dyn());
        let deep = Array::<f64, _>::zeros(ndarray::IxDyn(&[1; 7]));
        let error = Tensor::from_array(&device(), &deep).unwrap_err().to_string();
        assert_eq!(error, "array: has 7 axes, at most 6 can be");
    }

    #[test]
    fn sizes_and_types_are_checked() {
        let device = device();
        let error = Tensor::from_slice(&device, [2, 2], &[1.0f32; 3]).unwrap_err().to_string();
        assert_eq!(error, "tensor: 3 elements do not fill the shape [2, 2]");
        let buffer = device.allocate(3, DType::F32).unwrap();
        assert!(Tensor::from_buffer(&device, Shape::from([4]), buffer).is_err());
        let x = Tensor::full(&device, [3], DType::F64, 2.5).unwrap();
        assert_eq!(x.to_vec::<f64>().unwrap(), [2.5; 3]);
        assert!(x.to_vec::<f32>().is_err());
        assert!(x.item().unwrap_err().to_string().contains("the shape is [3]"));
        let one = Tensor::full(&device, Shape::scalar(), DType::F32, -1.5).unwrap();
        assert_eq!(one.item().unwrap(), -1.5);
        assert!(Tensor::from_slice(&device, [1], &[1u32]).unwrap().item().is_err());
    }

    #[test]
    fn debug_says_what_it_is() {
        let x = Tensor::full(&device(), [2, 3], DType::F32, 0.0).unwrap();
        assert_eq!(format!("{x:?}"), "Tensor([2, 3] f32 on cpu)");
        assert_eq!(format!("{:?}", x.tracked()), "Tensor([2, 3] f32 on cpu, tracked)");
    }
}
