//! Datasets that are part of the program.

use crate::dataset::Dataset;
use crate::digits;
use crate::error::{Error, Result};

/// Names of the built-in datasets.
pub fn builtin() -> &'static [&'static str] {
    &["digits"]
}

/// Loads a built-in dataset.
///
/// `digits` is the test set of "Optical Recognition of Handwritten Digits" (E. Alpaydin and C.
/// Kaynak, UCI Machine Learning Repository, 1998, CC BY 4.0): 1,797 images `[8, 8, 1]` of ten
/// classes. The original values 0 to 16 are stored as `round(value * 255 / 16)`, so that 255 is
/// full ink as in every dataset. 360 images, stratified by class with seed 0, are the test split
/// and the other 1,437 the training split, both in the original order.
///
/// # Errors
/// [`Error::UnknownBuiltin`] for any name that [`builtin`] does not list.
pub fn load_builtin(name: &str) -> Result<Dataset> {
    match name {
        "digits" => digits::load(),
        _ => Err(Error::UnknownBuiltin { name: name.to_string(), known: builtin().join(", ") }),
    }
}

/// A built-in dataset by its name, or else the packed file or folder at that path.
///
/// # Errors
/// Those of [`open`](crate::open).
pub fn load_dataset(name_or_path: &str) -> Result<Dataset> {
    if builtin().contains(&name_or_path) {
        load_builtin(name_or_path)
    } else {
        crate::open(name_or_path)
    }
}
