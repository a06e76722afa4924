//! State dicts as safetensors files.

use std::borrow::Cow;
use std::path::Path;

use safetensors::tensor::{Dtype, SafeTensors, TensorView, View};

use super::{StateDict, StateTensor, is_batch_counter};
use crate::{Error, Result, Values, write_atomically};

impl StateDict {
    /// Reads a safetensors file.
    ///
    /// # Errors
    /// [`Error::File`] where it cannot be read; [`Error::Format`] where it is not a safetensors
    /// file, is cut short, or holds a tensor that is neither `f32` nor `f64`.
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let bytes = std::fs::read(path).map_err(|source| file_error("read", path, source))?;
        StateDict::from_bytes(&bytes, path)
    }

    /// Reads the bytes of a safetensors file; `path` is where they come from, for messages.
    ///
    /// # Errors
    /// As [`StateDict::read`].
    pub fn from_bytes(bytes: &[u8], path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let format = |message: String| Error::Format { path: path.to_owned(), message };
        let file = SafeTensors::deserialize(bytes).map_err(|error| {
            format(format!("not a complete safetensors file of {} bytes: {error}", bytes.len()))
        })?;
        let mut state = StateDict::default();
        for (name, view) in file.iter() {
            if is_batch_counter(name) {
                state.ignored.push(name.to_owned());
                continue;
            }
            let values = values_of(&view).ok_or_else(|| {
                format(format!("`{name}` is of type {:?}; weights are F32 or F64", view.dtype()))
            })?;
            let tensor = StateTensor { shape: view.shape().to_vec(), values };
            state.tensors.insert(name.to_owned(), tensor);
        }
        state.ignored.sort_unstable();
        Ok(state)
    }

    /// Writes a safetensors file. The file appears complete or not at all, and what was there
    /// before stays until then.
    ///
    /// # Errors
    /// [`Error::File`] where it cannot be written; [`Error::Format`] where a tensor's values do not
    /// fill its shape.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let bytes = self.to_bytes().map_err(|error| match error {
            Error::Format { message, .. } => Error::Format { path: path.to_owned(), message },
            error => error,
        })?;
        write_atomically(path, &bytes).map_err(|source| file_error("write", path, source))
    }

    /// The bytes of a safetensors file.
    ///
    /// # Errors
    /// [`Error::Format`] where a tensor's values do not fill its shape.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let format = |message: String| Error::Format { path: "state dict".into(), message };
        for (name, tensor) in &self.tensors {
            let elements = tensor.shape.iter().try_fold(1usize, |n, &e| n.checked_mul(e));
            if elements != Some(tensor.values.len()) {
                let (len, shape) = (tensor.values.len(), &tensor.shape);
                return Err(format(format!("{len} values of `{name}` do not fill {shape:?}")));
            }
        }
        safetensors::serialize(&self.tensors, None)
            .map_err(|error| format(format!("cannot be laid out as safetensors: {error}")))
    }
}

impl View for &StateTensor {
    fn dtype(&self) -> Dtype {
        match self.values {
            Values::F32(_) => Dtype::F32,
            Values::F64(_) => Dtype::F64,
        }
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        match &self.values {
            Values::F32(values) => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
            Values::F64(values) => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
        }
    }

    fn data_len(&self) -> usize {
        self.values.len() * self.values.dtype().size()
    }
}

/// The values of a tensor in a file; `None` where they are not floats of 32 or 64 bits.
fn values_of(view: &TensorView<'_>) -> Option<Values> {
    match view.dtype() {
        Dtype::F32 => Some(Values::F32(from_le_bytes(view.data(), f32::from_le_bytes))),
        Dtype::F64 => Some(Values::F64(from_le_bytes(view.data(), f64::from_le_bytes))),
        _ => None,
    }
}

fn from_le_bytes<T, const N: usize>(bytes: &[u8], parse: fn([u8; N]) -> T) -> Vec<T> {
    bytes.as_chunks::<N>().0.iter().copied().map(parse).collect()
}

fn file_error(action: &'static str, path: &Path, source: std::io::Error) -> Error {
    Error::File { action, path: path.to_owned(), source }
}
