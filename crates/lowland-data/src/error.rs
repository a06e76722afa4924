//! The one error type of this crate: every variant says which file, where in it, and what to do.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// `Result` with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything that can go wrong with a dataset.
///
/// `origin` is always the folder, archive or packed file that was given; `entry` is the path of one
/// file inside it. Every message ends with what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused an operation on a file or folder.
    #[error("cannot {action} `{}`: {cause}; check that the path exists and that you may use it", path.display())]
    Io {
        /// What was attempted: "open", "read", "create", ...
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        #[source]
        cause: io::Error,
    },
    /// The disk filled up while a packed file was written; nothing was left behind.
    #[error("the disk is full: cannot write `{}`, which needs {bytes} bytes; nothing was left behind. \
             Free some space or choose a folder on another disk", path.display())]
    DiskFull {
        /// The file that was to be written.
        path: PathBuf,
        /// The size the finished file would have.
        bytes: u64,
    },
    /// The source is not one of the kinds that can be imported.
    #[error("cannot import `{}`: {problem}. Give a folder or a .tar, .tar.gz or .tar.xz archive that holds the CIFAR binary \
             version, the four IDX files of a set like MNIST, or images as train/<class>/*.jpg and test/<class>/*.jpg (or .png)", origin.display())]
    UnknownSource {
        /// The folder or archive.
        origin: PathBuf,
        /// What was found instead.
        problem: String,
    },
    /// The files are there but not laid out as expected.
    #[error("`{}`, entry `{entry}`: {problem}", origin.display())]
    Layout {
        /// The folder or archive.
        origin: PathBuf,
        /// The file or folder inside it.
        entry: String,
        /// What is wrong and what to do.
        problem: String,
    },
    /// An archive ends early or its bytes are damaged.
    #[error("archive `{}` is truncated or damaged at {place}: {cause}; fetch or make it again", origin.display())]
    Archive {
        /// The archive.
        origin: PathBuf,
        /// The entry and the byte offset in the unpacked archive.
        place: Place,
        /// What the decoder said.
        #[source]
        cause: io::Error,
    },
    /// A file is larger than anything this crate reads into memory.
    #[error("`{}`, entry `{entry}`: {bytes} bytes are more than the limit of {limit}; remove the file or make it smaller", origin.display())]
    TooLarge {
        /// The folder or archive.
        origin: PathBuf,
        /// The file inside it.
        entry: String,
        /// Its size, or the size of everything read so far.
        bytes: u64,
        /// The limit it exceeds.
        limit: u64,
    },
    /// An archive unpacks to more than its length makes likely, or than is ever unpacked.
    #[error("archive `{}` unpacks to more than the limit of {limit} bytes for one of {packed} bytes, reached at {place}; \
             leave out what is not images, or unpack it and give the folder", origin.display())]
    Unpacked {
        /// The archive.
        origin: PathBuf,
        /// The entry and the byte offset in the unpacked archive.
        place: Place,
        /// The length of the archive.
        packed: u64,
        /// The most that it may unpack to.
        limit: u64,
    },
    /// The images of a split would take more memory than their files make likely, or than is ever taken.
    #[error("`{}`: {images} images of {shape} (height x width x channels), as the first is, from files of {encoded} \
             bytes in all; at most {limit} bytes of pixels are read of these, bring all images to one smaller size",
             origin.display())]
    TooManyPixels {
        /// The folder or archive.
        origin: PathBuf,
        /// The number of images.
        images: usize,
        /// The shape of the first image.
        shape: Extent,
        /// The length of their files together, bytes.
        encoded: u64,
        /// The most that they may be decoded to, bytes.
        limit: u64,
    },
    /// An image could not be decoded.
    #[error("`{}`, entry `{entry}`: unreadable image: {problem}; replace the file or remove it", origin.display())]
    Image {
        /// The folder or archive.
        origin: PathBuf,
        /// The image inside it.
        entry: String,
        /// What the decoder said.
        problem: String,
    },
    /// An image differs in size or colour from the first one.
    #[error("`{}`, entry `{entry}`: the image has shape {found} but the first image, `{first}`, has {expected} \
             (height x width x channels); bring all images to one size and one colour type", origin.display())]
    ImageSize {
        /// The folder or archive.
        origin: PathBuf,
        /// The image inside it.
        entry: String,
        /// Its shape.
        found: Extent,
        /// The first image, which sets the shape of the dataset.
        first: String,
        /// The shape of that first image.
        expected: Extent,
    },
    /// A class has a folder but no images, or appears in one split only.
    #[error("`{}`, entry `{entry}`: class `{class}` has no images in the {split} split; \
             add images there or remove the class from both splits", origin.display())]
    EmptyClass {
        /// The folder or archive.
        origin: PathBuf,
        /// The class folder.
        entry: String,
        /// The class.
        class: String,
        /// "train" or "test".
        split: &'static str,
    },
    /// The test split has a class that the training split has not.
    #[error("`{}`, entry `{entry}`: class `{class}` is in the test split but not in the train split; \
             add training images of it or remove it from the test split", origin.display())]
    UnknownClass {
        /// The folder or archive.
        origin: PathBuf,
        /// The class folder in the test split.
        entry: String,
        /// The class.
        class: String,
    },
    /// A label is not the number of a class.
    #[error("`{}`, entry `{entry}`, byte {offset}: label {label} is out of range, there are {classes} classes \
             (0 to {}); {advice}", origin.display(), classes.saturating_sub(1))]
    LabelRange {
        /// The folder, archive or packed file.
        origin: PathBuf,
        /// The file or section inside it.
        entry: String,
        /// Byte offset of the label in that entry.
        offset: u64,
        /// The label found.
        label: u16,
        /// How many classes there are.
        classes: usize,
        /// What to do.
        advice: &'static str,
    },
    /// An IDX file is cut, too long, of another type, or does not fit the others.
    #[error("`{}`, entry `{entry}`, byte {offset}: {problem}; fetch the file again", origin.display())]
    Idx {
        /// The folder or archive.
        origin: PathBuf,
        /// The file inside it.
        entry: String,
        /// Byte offset in that file, once gzip is undone.
        offset: u64,
        /// What is wrong.
        problem: String,
    },
    /// A CIFAR file has an impossible length.
    #[error("`{}`, entry `{entry}`: {bytes} bytes, {problem}; the file is truncated or of another dataset, fetch it again", origin.display())]
    Length {
        /// The folder or archive.
        origin: PathBuf,
        /// The file inside it.
        entry: String,
        /// Its length.
        bytes: u64,
        /// Why that cannot be.
        problem: String,
    },
    /// A file that belongs to the dataset is not there.
    #[error("`{}`: the file `{entry}` is missing; fetch the dataset again or restore the file", origin.display())]
    MissingFile {
        /// The folder or archive.
        origin: PathBuf,
        /// The file that should be inside it.
        entry: String,
    },
    /// The file does not start like a packed dataset.
    #[error("`{}` is not a packed Lowland dataset (its first bytes are not the signature); import the data first", path.display())]
    NotPacked {
        /// The file.
        path: PathBuf,
    },
    /// The packed file has a format version this crate does not know.
    #[error("packed dataset `{}`, byte 8: format version {version} is unknown, this program reads version {known}; \
             import the data again or use the program that wrote the file", path.display())]
    UnknownVersion {
        /// The file.
        path: PathBuf,
        /// The version found.
        version: u32,
        /// The version this crate reads and writes.
        known: u32,
    },
    /// The packed file is shorter than its own header says.
    #[error("packed dataset `{}` is truncated: {bytes} bytes of at least {expected}; import the data again", path.display())]
    Truncated {
        /// The file.
        path: PathBuf,
        /// Its length.
        bytes: u64,
        /// The length it needs.
        expected: u64,
    },
    /// A part of the packed file does not have the bytes that were written.
    #[error("packed dataset `{}` is damaged: {part} (from byte {offset}) {problem}; import the data again", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Which part: "the header", "section train.images", ...
        part: String,
        /// Where that part starts.
        offset: u64,
        /// What is wrong with it.
        problem: String,
    },
    /// A folder was given to open but it does not hold exactly one packed file.
    #[error("folder `{}` holds {} packed datasets (*.lldata){}; {}", dir.display(), found.len(), Listed(found),
            if found.is_empty() { "import a dataset into it first" } else { "name one of them" })]
    NotOnePackedFile {
        /// The folder.
        dir: PathBuf,
        /// The packed files in it.
        found: Vec<String>,
    },
    /// There is no built-in dataset of that name.
    #[error("there is no built-in dataset `{name}`; the built-in ones are: {known}")]
    UnknownBuiltin {
        /// The name asked for.
        name: String,
        /// The names there are.
        known: String,
    },
    /// A value given by the caller is impossible.
    #[error("{field} = {value} is not possible: {advice}")]
    Invalid {
        /// Which setting.
        field: &'static str,
        /// The value given.
        value: String,
        /// What is allowed.
        advice: String,
    },
    /// The operating system refused to start a loader thread.
    #[error("cannot start a loader thread: {cause}; use fewer workers (`workers = 0` needs none)")]
    Thread {
        /// The system's reason.
        #[source]
        cause: io::Error,
    },
    /// A loader thread failed while it prepared a batch.
    #[error(
        "the loader failed in epoch {epoch} at batch {batch}: {message}; this is a fault in an augmentation, \
             not in the data: run with `workers = 0` to see where"
    )]
    Worker {
        /// Epoch, from 0.
        epoch: u64,
        /// Batch within the epoch, from 0.
        batch: usize,
        /// The panic's message.
        message: String,
    },
}

impl Error {
    /// An [`Error::Io`] for `path`.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
        move |cause| Error::Io { action, path: path.to_path_buf(), cause }
    }

    /// An [`Error::Invalid`].
    pub(crate) fn invalid(
        field: &'static str,
        value: impl fmt::Display,
        advice: impl Into<String>,
    ) -> Error {
        Error::Invalid { field, value: value.to_string(), advice: advice.into() }
    }
}

/// A place in an archive: an entry, if one was reached, and a byte offset in the unpacked stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The entry that was being read.
    pub entry: Option<String>,
    /// Offset in the unpacked archive, bytes.
    pub offset: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.entry {
            Some(entry) => write!(f, "entry `{entry}` (unpacked byte {})", self.offset),
            None => write!(f, "unpacked byte {}", self.offset),
        }
    }
}

/// Height, width and channels of one image, shown as `32x32x3`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent(pub [u32; 3]);

impl From<[usize; 3]> for Extent {
    fn from(shape: [usize; 3]) -> Extent {
        Extent(shape.map(|n| u32::try_from(n).unwrap_or(u32::MAX)))
    }
}

impl fmt::Display for Extent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [h, w, c] = self.0;
        write!(f, "{h}x{w}x{c}")
    }
}

/// Shows names as `: a, b`, and nothing when there are none.
struct Listed<'a>(&'a [String]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, ": {}", self.0.join(", ")) }
    }
}
