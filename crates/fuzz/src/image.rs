//! Images, JPEG or PNG.

use crate::Verdict;
use crate::dataset::{import_within, scratch, write};

/// Imports a folder whose only training image and only test image this is.
pub fn image(data: &[u8]) -> Verdict {
    let folder = scratch();
    write(folder.path(), "source/train/class/image.png", data);
    write(folder.path(), "source/test/class/image.png", data);
    import_within(folder.path(), "source")
}
