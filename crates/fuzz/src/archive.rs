//! Archives, plain, gzip or xz, with whatever is inside.

use crate::Verdict;
use crate::dataset::{import_within, scratch, write};

/// Imports an archive.
pub fn archive(data: &[u8]) -> Verdict {
    let folder = scratch();
    write(folder.path(), "archive", data);
    import_within(folder.path(), "archive")
}
