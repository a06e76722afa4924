//! Sets of MNIST's kind: images and labels of both splits in four IDX files, as MNIST,
//! Fashion-MNIST and KMNIST are published.
//!
//! The files lie in one folder and are told by their names, `...train-images-idx3-ubyte`,
//! `...train-labels-idx1-ubyte`, `...t10k-images-idx3-ubyte` (or `test`) and
//! `...t10k-labels-idx1-ubyte`, with or without `.gz`; where a file is there both ways, the plain
//! one is read. Images have the dimensions `[N, H, W]` or `[N, H, W, C]`. The files do not say how
//! many classes there are: ten, unless a file `classes.txt` beside them names others, one a line,
//! the first for label 0.

use super::idx::{Array, Fault, header_len};
use super::{ReadOptions, classes};
use crate::dataset::{About, Dataset};
use crate::error::{Error, Extent, Result};
use crate::source::{FileKind, Listing, SourceFile};
use crate::split::Split;

/// Names the classes, if there are not ten of them.
const CLASSES: &str = "classes.txt";
/// The most channels of an image; more is the height or width of images with planes of colour.
const MAX_CHANNELS: usize = 4;

/// Images or labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Content {
    Images,
    Labels,
}

/// The role of a file, by its name.
type Role = (&'static str, Content);

/// The four files, in the order in which they are read, and what each is usually called.
const ROLES: [(Role, &str); 4] = [
    (("train", Content::Images), "train-images-idx3-ubyte"),
    (("train", Content::Labels), "train-labels-idx1-ubyte"),
    (("test", Content::Images), "t10k-images-idx3-ubyte"),
    (("test", Content::Labels), "t10k-labels-idx1-ubyte"),
];

/// Whether the listing holds an IDX file.
pub(super) fn is_mnist(listing: &Listing) -> bool {
    listing.files.iter().any(|file| FileKind::of(&file.path) == FileKind::Idx)
}

/// Reads the four files.
pub(super) fn read(listing: &Listing, options: &ReadOptions<'_>) -> Result<Dataset> {
    let folder = only_folder(listing)?;
    let names = match listing.files.iter().find(|f| f.folder() == folder && f.name() == CLASSES) {
        Some(file) => classes::read(listing, file)?,
        None => (0..10).map(|digit| digit.to_string()).collect(),
    };
    let [train_images, train_labels, test_images, test_labels] =
        ROLES.map(|(role, usual)| find(listing, folder, role, usual));
    let (train, shape) = read_split(listing, train_images?, train_labels?, None, names.len())?;
    let test_images = test_images?;
    let (test, _) = read_split(listing, test_images, test_labels?, Some(shape), names.len())?;
    let origin = listing.origin.file_name().unwrap_or_default().to_string_lossy();
    let about = About {
        name: options.name.to_string(),
        title: options.name.to_string(),
        source: format!("IDX files, from {origin}"),
        classes: names,
    };
    Dataset::new(about, train, test)
}

/// The folder of the IDX files; refused when there are several.
fn only_folder(listing: &Listing) -> Result<&str> {
    let mut files = listing.files.iter().filter(|f| FileKind::of(&f.path) == FileKind::Idx);
    let folder = files.next().map_or("", SourceFile::folder);
    match files.find(|file| file.folder() != folder) {
        None => Ok(folder),
        Some(other) => Err(Error::Layout {
            origin: listing.origin.clone(),
            entry: other.path.clone(),
            problem: format!("there are IDX files in `{folder}` too; give one dataset at a time"),
        }),
    }
}

/// The role that a file's name tells, if it tells one.
fn role(name: &str) -> Option<Role> {
    let name = name.to_ascii_lowercase();
    let split = match (name.contains("train"), name.contains("t10k") || name.contains("test")) {
        (true, false) => "train",
        (false, true) => "test",
        _ => return None,
    };
    match (name.contains("images"), name.contains("labels")) {
        (true, false) => Some((split, Content::Images)),
        (false, true) => Some((split, Content::Labels)),
        _ => None,
    }
}

/// The one file of that role.
fn find<'a>(
    listing: &'a Listing,
    folder: &str,
    wanted: Role,
    usual: &str,
) -> Result<&'a SourceFile> {
    let mut found = listing.files.iter().filter(|file| {
        file.folder() == folder
            && FileKind::of(&file.path) == FileKind::Idx
            && role(file.name()) == Some(wanted)
    });
    let missing =
        || Error::MissingFile { origin: listing.origin.clone(), entry: usual.to_string() };
    let file = found.next().ok_or_else(missing)?;
    // Sorted by path: a plain file comes before its compressed copy.
    let copy = format!("{}.gz", file.path);
    match found.find(|other| other.path != copy) {
        None => Ok(file),
        Some(other) => Err(Error::Layout {
            origin: listing.origin.clone(),
            entry: other.path.clone(),
            problem: format!("`{}` is there for the same part; remove one of them", file.path),
        }),
    }
}

/// Reads images with their labels, and returns their shape; `expected` is the shape they must have.
fn read_split(
    listing: &Listing,
    images_file: &SourceFile,
    labels_file: &SourceFile,
    expected: Option<[usize; 3]>,
    classes: usize,
) -> Result<(Split, [usize; 3])> {
    let images = read_array(listing, images_file, &[3, 4])?;
    let shape = [images.dims[1], images.dims[2], images.dims.get(3).copied().unwrap_or(1)];
    if shape[2] > MAX_CHANNELS {
        let problem = format!(
            "images of {} channels, but at most {MAX_CHANNELS} are read; store them as [N, H, W, C]",
            shape[2]
        );
        return Err(refuse(listing, images_file, Fault { offset: 16, problem }));
    }
    if let Some(expected) = expected.filter(|expected| *expected != shape) {
        let problem = format!(
            "images of {}, but the training images are {}",
            Extent::from(shape),
            Extent::from(expected)
        );
        return Err(refuse(listing, images_file, Fault { offset: 8, problem }));
    }
    let labels = read_array(listing, labels_file, &[1])?.bytes;
    if labels.len() != images.dims[0] {
        let (have, path) = (labels.len(), &images_file.path);
        let problem = format!("{have} labels, but `{path}` has {} images", images.dims[0]);
        return Err(refuse(listing, labels_file, Fault { offset: 4, problem }));
    }
    if let Some(i) = labels.iter().position(|&label| usize::from(label) >= classes) {
        return Err(Error::LabelRange {
            origin: listing.origin.clone(),
            entry: labels_file.path.clone(),
            offset: header_len(1) + i as u64,
            label: u16::from(labels[i]),
            classes,
            advice: "fetch the file again, or name all classes in a file `classes.txt` beside it",
        });
    }
    let labels = labels.into_iter().map(u16::from).collect();
    Ok((Split::new(shape, images.bytes, labels, classes)?, shape))
}

fn read_array(listing: &Listing, file: &SourceFile, ranks: &[u8]) -> Result<Array> {
    let bytes = file.bytes(&listing.origin)?;
    Array::read(&bytes, ranks).map_err(|fault| refuse(listing, file, fault))
}

fn refuse(listing: &Listing, file: &SourceFile, Fault { offset, problem }: Fault) -> Error {
    Error::Idx { origin: listing.origin.clone(), entry: file.path.clone(), offset, problem }
}
