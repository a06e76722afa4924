//! Damaged copies of golden files, to see a check fail.

use std::path::{Path, PathBuf};

use safetensors::Dtype;
use serde_json::Value;

use super::{Error, Folder, Result, Tensors};

/// Copies the files of a folder into another, which must exist.
///
/// # Errors
/// [`Error::Read`], also for a file that cannot be written.
pub fn copy(from: &Folder, to: &Path) -> Result<Folder> {
    let failed = |path: &Path, source| Error::Read { path: path.to_owned(), source };
    for entry in std::fs::read_dir(from.path()).map_err(|e| failed(from.path(), e))? {
        let path = entry.map_err(|e| failed(from.path(), e))?.path();
        if let (true, Some(name)) = (path.is_file(), path.file_name()) {
            // Contents alone: a copy of a read-only file could not be damaged.
            let bytes = std::fs::read(&path).map_err(|e| failed(&path, e))?;
            write(&to.join(name), &bytes)?;
        }
    }
    Folder::open(to)
}

/// Changes one element of a tensor in a safetensors file: a float `x` becomes `x + 10 (1 + |x|)`,
/// an integer becomes one more.
///
/// # Errors
/// [`Error::Entry`] where there is no such element, or one of a type that golden files do not use;
/// [`Error::Read`].
pub fn change_element(path: &Path, tensor: &str, index: usize) -> Result<()> {
    let tensors = Tensors::open(path)?;
    let (range, dtype) = tensors.location(tensor)?;
    let mut bytes =
        std::fs::read(path).map_err(|e| Error::Read { path: path.to_owned(), source: e })?;
    let data = &mut bytes[range];
    let changed = match dtype {
        Dtype::F32 => change(data, index, |b| {
            let x = f32::from_le_bytes(b);
            (x + 10.0 * (1.0 + x.abs())).to_le_bytes()
        }),
        Dtype::F64 => change(data, index, |b| {
            let x = f64::from_le_bytes(b);
            (x + 10.0 * (1.0 + x.abs())).to_le_bytes()
        }),
        Dtype::I32 => change(data, index, |b| i32::from_le_bytes(b).wrapping_add(1).to_le_bytes()),
        Dtype::I64 => change(data, index, |b| i64::from_le_bytes(b).wrapping_add(1).to_le_bytes()),
        _ => None,
    };
    changed.ok_or_else(|| tensors.entry(tensor, format!("has no element {index} to change")))?;
    write(path, &bytes)
}

fn change<const N: usize>(
    data: &mut [u8],
    index: usize,
    f: impl Fn([u8; N]) -> [u8; N],
) -> Option<()> {
    let (elements, _) = data.as_chunks_mut::<N>();
    let element = elements.get_mut(index)?;
    *element = f(*element);
    Some(())
}

/// Replaces the value at a JSON pointer (RFC 6901).
///
/// # Errors
/// [`Error::Entry`] where nothing is there, [`Error::Damaged`] for a file that is no JSON, and
/// [`Error::Read`].
pub fn change_json(path: &Path, pointer: &str, value: Value) -> Result<()> {
    let mut json = super::File::open(path.to_owned())?.json().clone();
    match json.pointer_mut(pointer) {
        Some(place) => *place = value,
        None => {
            return Err(Error::Entry {
                path: path.to_owned(),
                entry: pointer.to_owned(),
                message: "is missing".into(),
            });
        }
    }
    write(path, json.to_string().as_bytes())
}

/// Cuts a file to its first half.
///
/// # Errors
/// [`Error::Read`].
pub fn truncate(path: &Path) -> Result<()> {
    let bytes =
        std::fs::read(path).map_err(|e| Error::Read { path: path.to_owned(), source: e })?;
    write(path, &bytes[..bytes.len() / 2])
}

/// The `.safetensors` file beside a `.json` file.
#[must_use]
pub fn tensors_beside(json: &Path) -> PathBuf {
    json.with_extension("safetensors")
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    std::fs::write(path, bytes).map_err(|source| Error::Read { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use safetensors::tensor::TensorView;
    use serde_json::json;

    use super::*;

    #[test]
    fn damage_is_what_it_says_and_leaves_the_original_alone() {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let floats: Vec<u8> = [1.0f32, -1.0].iter().flat_map(|x| x.to_le_bytes()).collect();
        let view = TensorView::new(Dtype::F32, vec![2], &floats).unwrap();
        let bytes = safetensors::serialize([("x", view)], None).unwrap();
        std::fs::write(from.path().join("a.safetensors"), bytes).unwrap();
        std::fs::write(from.path().join("a.json"), r#"{"tolerance": {"x": 1e-6}}"#).unwrap();

        let original = Folder::open(from.path()).unwrap();
        let damaged = copy(&original, to.path()).unwrap();
        let path = to.path().join("a.json");
        change_json(&path, "/tolerance/x", json!(1e-5)).unwrap();
        change_element(&tensors_beside(&path), "x", 1).unwrap();
        assert!(change_element(&tensors_beside(&path), "x", 2).is_err());
        assert!(change_json(&path, "/tolerance/y", json!(1)).is_err());

        let read = |folder: &Folder| {
            let file = folder.files_with("tolerance").unwrap().remove(0);
            (
                file.tolerance("/tolerance", "x").unwrap(),
                file.tensors().unwrap().f32("x").unwrap().1,
            )
        };
        assert_eq!(read(&original), (1e-6, vec![1.0, -1.0]));
        assert_eq!(read(&damaged), (1e-5, vec![1.0, 19.0]));
        truncate(&path).unwrap();
        assert!(matches!(damaged.files_with("tolerance"), Err(Error::Damaged { .. })));
    }
}
