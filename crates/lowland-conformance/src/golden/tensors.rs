//! Named arrays of numbers from a safetensors file.

use std::path::{Path, PathBuf};

use safetensors::tensor::Metadata;
use safetensors::{Dtype, SafeTensors};

use super::{Error, Result};

/// The bytes before the header: its length.
const PREFIX_BYTES: usize = 8;

/// The tensors of a `.safetensors` file.
#[derive(Clone, Debug)]
pub struct Tensors {
    path: PathBuf,
    bytes: Vec<u8>,
    data_start: usize,
    metadata: Metadata,
}

impl Tensors {
    /// Reads a file and checks that its header and its size agree.
    ///
    /// # Errors
    /// [`Error::Read`] and [`Error::Damaged`].
    pub fn open(path: &Path) -> Result<Self> {
        let bytes =
            std::fs::read(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
        let (header, metadata) = SafeTensors::read_metadata(&bytes).map_err(|error| {
            Error::Damaged { path: path.to_owned(), message: error.to_string() }
        })?;
        Ok(Tensors { path: path.to_owned(), bytes, data_start: PREFIX_BYTES + header, metadata })
    }

    /// Where the file is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether there is a tensor of this name.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.metadata.info(name).is_some()
    }

    /// The names of all tensors, sorted.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let mut names = self.metadata.offset_keys();
        names.sort();
        names
    }

    /// The extents of a tensor.
    ///
    /// # Errors
    /// [`Error::Entry`] where there is none.
    pub fn shape(&self, name: &str) -> Result<Vec<usize>> {
        match self.metadata.info(name) {
            Some(info) => Ok(info.shape.clone()),
            None => Err(self.entry(name, "is missing")),
        }
    }

    /// Extents and values of a tensor of 32-bit floats.
    ///
    /// # Errors
    /// [`Error::Entry`] where there is none, or one of another type.
    pub fn f32(&self, name: &str) -> Result<(Vec<usize>, Vec<f32>)> {
        self.values(name, Dtype::F32, f32::from_le_bytes)
    }

    /// Extents and values of a tensor of 64-bit floats.
    ///
    /// # Errors
    /// As [`Tensors::f32`].
    pub fn f64(&self, name: &str) -> Result<(Vec<usize>, Vec<f64>)> {
        self.values(name, Dtype::F64, f64::from_le_bytes)
    }

    /// Extents and values of a tensor of 32-bit integers.
    ///
    /// # Errors
    /// As [`Tensors::f32`].
    pub fn i32(&self, name: &str) -> Result<(Vec<usize>, Vec<i32>)> {
        self.values(name, Dtype::I32, i32::from_le_bytes)
    }

    /// Extents and values of a tensor of 64-bit integers.
    ///
    /// # Errors
    /// As [`Tensors::f32`].
    pub fn i64(&self, name: &str) -> Result<(Vec<usize>, Vec<i64>)> {
        self.values(name, Dtype::I64, i64::from_le_bytes)
    }

    fn values<T, const N: usize>(
        &self,
        name: &str,
        dtype: Dtype,
        read: fn([u8; N]) -> T,
    ) -> Result<(Vec<usize>, Vec<T>)> {
        let Some(info) = self.metadata.info(name) else {
            return Err(self.entry(name, "is missing"));
        };
        if info.dtype != dtype {
            return Err(self.entry(name, format!("is {:?}, not {dtype:?}", info.dtype)));
        }
        let (start, end) = info.data_offsets;
        let bytes = &self.bytes[self.data_start + start..self.data_start + end];
        let (values, _) = bytes.as_chunks::<N>();
        Ok((info.shape.clone(), values.iter().map(|&bytes| read(bytes)).collect()))
    }

    /// Where the bytes of a tensor lie in the file, and the type of its elements.
    pub(super) fn location(&self, name: &str) -> Result<(std::ops::Range<usize>, Dtype)> {
        match self.metadata.info(name) {
            Some(info) => {
                let (start, end) = info.data_offsets;
                Ok((self.data_start + start..self.data_start + end, info.dtype))
            }
            None => Err(self.entry(name, "is missing")),
        }
    }

    /// An error about a tensor of this file, for checkers to return.
    pub fn entry(&self, name: &str, message: impl Into<String>) -> Error {
        Error::Entry { path: self.path.clone(), entry: name.to_owned(), message: message.into() }
    }
}

#[cfg(test)]
mod tests {
    use safetensors::tensor::TensorView;

    use super::*;

    #[test]
    fn values_come_with_their_shape_and_type() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.safetensors");
        let floats: Vec<u8> = [1.5f32, -2.0].iter().flat_map(|x| x.to_le_bytes()).collect();
        let integers: Vec<u8> = [7i64].iter().flat_map(|x| x.to_le_bytes()).collect();
        let views = [
            ("x", TensorView::new(Dtype::F32, vec![2, 1], &floats).unwrap()),
            ("y", TensorView::new(Dtype::I64, vec![1], &integers).unwrap()),
        ];
        std::fs::write(&path, safetensors::serialize(views, None).unwrap()).unwrap();
        let tensors = Tensors::open(&path).unwrap();
        assert_eq!(tensors.f32("x").unwrap(), (vec![2, 1], vec![1.5, -2.0]));
        assert_eq!(tensors.i64("y").unwrap(), (vec![1], vec![7]));
        assert_eq!((tensors.names(), tensors.contains("z")), (vec!["x".into(), "y".into()], false));
        let error = tensors.f64("y").unwrap_err().to_string();
        assert!(error.ends_with("a.safetensors: `y` is I64, not F64"), "{error}");
        assert!(tensors.f32("z").unwrap_err().to_string().ends_with("`z` is missing"));
        let bytes = std::fs::read(&path).unwrap();
        for length in [0, 4, 20, bytes.len() - 1] {
            std::fs::write(&path, &bytes[..length]).unwrap();
            assert!(matches!(Tensors::open(&path), Err(Error::Damaged { .. })), "{length}");
        }
    }
}
