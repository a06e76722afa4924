//! Floats on the host whose type is known at run time.

use lowland_core::{Backend, Buffer, DType, Element, Error, Result};

/// Host memory of `f32` or `f64`.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Elements of [`DType::F32`].
    F32(Vec<f32>),
    /// Elements of [`DType::F64`].
    F64(Vec<f64>),
}

impl Values {
    /// `len` zeros.
    ///
    /// # Errors
    /// [`Error::Invalid`] where the type is not a float.
    pub fn zeros(len: usize, dtype: DType) -> Result<Self> {
        match dtype {
            DType::F32 => Ok(Values::F32(vec![0.0; len])),
            DType::F64 => Ok(Values::F64(vec![0.0; len])),
            other => {
                Err(Error::invalid("values", format!("{other} is not a float; use f32 or f64")))
            }
        }
    }

    /// The contents of a buffer of floats.
    ///
    /// # Errors
    /// As [`Backend::download`], and [`Error::Invalid`] where the buffer holds no floats.
    pub fn download(device: &dyn Backend, buffer: &Buffer) -> Result<Self> {
        let mut values = Values::zeros(buffer.len(), buffer.dtype())?;
        device.download(buffer, values.host_mut())?;
        Ok(values)
    }

    /// Copies these values into a buffer of the same length and type.
    ///
    /// # Errors
    /// As [`Backend::upload`].
    pub fn upload(&self, device: &dyn Backend, buffer: &Buffer) -> Result<()> {
        match self {
            Values::F32(values) => device.upload(f32::host(values), buffer),
            Values::F64(values) => device.upload(f64::host(values), buffer),
        }
    }

    fn host_mut(&mut self) -> lowland_core::HostMut<'_> {
        match self {
            Values::F32(values) => f32::host_mut(values),
            Values::F64(values) => f64::host_mut(values),
        }
    }

    /// The number of elements.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Values::F32(values) => values.len(),
            Values::F64(values) => values.len(),
        }
    }

    /// Whether there are no elements.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The type of the elements.
    #[must_use]
    pub fn dtype(&self) -> DType {
        match self {
            Values::F32(_) => DType::F32,
            Values::F64(_) => DType::F64,
        }
    }

    /// All elements as `f64`, exactly.
    #[must_use]
    pub fn to_f64(&self) -> Vec<f64> {
        match self {
            Values::F32(values) => values.iter().map(|&v| f64::from(v)).collect(),
            Values::F64(values) => values.clone(),
        }
    }

    /// A copy of elements `start..start + len`, which must be inside.
    pub(crate) fn range(&self, start: usize, len: usize) -> Values {
        match self {
            Values::F32(values) => Values::F32(values[start..start + len].to_vec()),
            Values::F64(values) => Values::F64(values[start..start + len].to_vec()),
        }
    }

    /// Overwrites elements from `start` on, which must be inside, rounding to this type.
    pub(crate) fn write(&mut self, start: usize, from: &Values) {
        let end = start + from.len();
        match (self, from) {
            (Values::F32(to), Values::F32(from)) => to[start..end].copy_from_slice(from),
            (Values::F64(to), Values::F64(from)) => to[start..end].copy_from_slice(from),
            (Values::F32(to), Values::F64(from)) => {
                to[start..end].iter_mut().zip(from).for_each(|(to, from)| *to = *from as f32);
            }
            (Values::F64(to), Values::F32(from)) => {
                to[start..end].iter_mut().zip(from).for_each(|(to, from)| *to = f64::from(*from));
            }
        }
    }
}
