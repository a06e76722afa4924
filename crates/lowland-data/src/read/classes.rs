//! Names of classes from a text file that lies beside the data.

use crate::error::{Error, Result};
use crate::source::{Listing, SourceFile};

/// The names in `file`: one a line, empty lines passed over.
pub(super) fn read(listing: &Listing, file: &SourceFile) -> Result<Vec<String>> {
    let bytes = file.bytes(&listing.origin)?;
    let text = String::from_utf8_lossy(&bytes);
    let classes: Vec<String> =
        text.lines().map(str::trim).filter(|l| !l.is_empty()).map(str::to_string).collect();
    if classes.is_empty() {
        return Err(Error::Length {
            origin: listing.origin.clone(),
            entry: file.path.clone(),
            bytes: bytes.len() as u64,
            problem: "it names no classes".to_string(),
        });
    }
    Ok(classes)
}
