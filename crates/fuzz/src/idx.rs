//! IDX files, plain or gzip.

use crate::Verdict;
use crate::dataset::{import_within, scratch, write};

/// A whole set: two training images and a test image of 2x3 pixels, and the names of its classes.
const FILES: [(&str, &[u8]); 5] = [
    (
        "train-images-idx3-ubyte",
        b"\0\0\x08\x03\0\0\0\x02\0\0\0\x02\0\0\0\x03\x00\x10\x20\x30\x40\x50\x60\x70\x80\x90\xa0\xb0",
    ),
    ("train-labels-idx1-ubyte", b"\0\0\x08\x01\0\0\0\x02\x00\x01"),
    (
        "t10k-images-idx3-ubyte",
        b"\0\0\x08\x03\0\0\0\x01\0\0\0\x02\0\0\0\x03\xff\xee\xdd\xcc\xbb\xaa",
    ),
    ("t10k-labels-idx1-ubyte", b"\0\0\x08\x01\0\0\0\x01\x01"),
    ("classes.txt", b"no\nyes\n"),
];

/// Imports a set of which one file is given: its number in the first byte, its content behind.
pub fn idx(data: &[u8]) -> Verdict {
    let Some((&which, content)) = data.split_first() else { return Verdict::Refused };
    let given = usize::from(which) % FILES.len();
    let folder = scratch();
    for (i, (name, whole)) in FILES.iter().enumerate() {
        let bytes = if i == given { content } else { whole };
        write(folder.path(), &format!("source/{name}"), bytes);
    }
    import_within(folder.path(), "source")
}
