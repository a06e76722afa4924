//! Names of classes from a text file that lies beside the data.

use crate::error::{Error, Result};
use crate::source::{Listing, SourceFile};

/// As many classes as labels can tell apart.
pub(super) const MAX_CLASSES: usize = 1 << 16;

/// The names in `file`: one a line, empty lines passed over.
pub(super) fn read(listing: &Listing, file: &SourceFile) -> Result<Vec<String>> {
    let bytes = file.bytes(&listing.origin)?;
    let text = String::from_utf8_lossy(&bytes);
    let names = text.lines().map(str::trim).filter(|name| !name.is_empty());
    let classes: Vec<String> = names.take(MAX_CLASSES + 1).map(str::to_string).collect();
    let problem = match classes.len() {
        1..=MAX_CLASSES => return Ok(classes),
        0 => "it names no classes",
        _ => "more than 65,536 classes cannot be numbered",
    };
    Err(Error::Length {
        origin: listing.origin.clone(),
        entry: file.path.clone(),
        bytes: bytes.len() as u64,
        problem: problem.to_string(),
    })
}
