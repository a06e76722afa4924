//! CIFAR-10 and CIFAR-100, binary version (A. Krizhevsky, "Learning Multiple Layers of Features
//! from Tiny Images", 2009).
//!
//! CIFAR-10: `data_batch_1.bin` to `data_batch_5.bin`, `test_batch.bin`; a record is 1 label and
//! 3,072 pixels. CIFAR-100: `train.bin`, `test.bin`; a record is a coarse label, a fine label and
//! 3,072 pixels. The pixels are planes, red, green, blue, 32 rows of 32; here they become `[H, W,
//! C]`.

use std::borrow::Cow;

use super::{Cifar100Labels, classes};
use crate::dataset::{About, Dataset};
use crate::error::{Error, Result};
use crate::source::{Listing, SourceFile};
use crate::split::Split;
use crate::statistics::ChannelStats;

const PLANE: usize = 32 * 32;
const PIXELS: usize = 3 * PLANE;
const SHAPE: [usize; 3] = [32, 32, 3];

/// Where the label is in a record.
#[derive(Clone, Copy)]
struct Record {
    labels: usize,
    used: usize,
}

/// Reads CIFAR-10.
pub(super) fn read_10(listing: &Listing, name: &str) -> Result<Dataset> {
    let record = Record { labels: 1, used: 0 };
    let classes = classes::read(listing, find(listing, "batches.meta.txt")?)?;
    let test = find(listing, "test_batch.bin")?;
    let batches = (1..=5)
        .map(|i| find(listing, &format!("data_batch_{i}.bin")))
        .collect::<Result<Vec<_>>>()?;
    // All six files have equally many records: the one way to notice a file cut between two
    // records.
    let expected = bytes_of(listing, test)?.len();
    for file in &batches {
        let bytes = bytes_of(listing, file)?.len();
        if bytes != expected {
            return Err(wrong_length(
                listing,
                file,
                bytes,
                format!("but `{}` has {expected}", test.path),
            ));
        }
    }
    let about = about(name, "CIFAR-10", listing, classes);
    let train = read_split(listing, &batches, record, &about.classes)?;
    let test = read_split(listing, &[test], record, &about.classes)?;
    Dataset::new(about, train, test)?.normalised_by(ChannelStats::cifar10())
}

/// Reads CIFAR-100 with its fine or coarse labels.
pub(super) fn read_100(listing: &Listing, name: &str, labels: Cifar100Labels) -> Result<Dataset> {
    let (used, names, title) = match labels {
        Cifar100Labels::Fine => (1, "fine_label_names.txt", "CIFAR-100"),
        Cifar100Labels::Coarse => (0, "coarse_label_names.txt", "CIFAR-100 (20 superclasses)"),
    };
    let record = Record { labels: 2, used };
    let classes = classes::read(listing, find(listing, names)?)?;
    let (train, test) = (find(listing, "train.bin")?, find(listing, "test.bin")?);
    let bytes = bytes_of(listing, train)?.len();
    let expected = 5 * bytes_of(listing, test)?.len();
    if bytes != expected {
        let problem = format!("but five times `{}` is {expected}", test.path);
        return Err(wrong_length(listing, train, bytes, problem));
    }
    let about = about(name, title, listing, classes);
    let train = read_split(listing, &[train], record, &about.classes)?;
    let test = read_split(listing, &[test], record, &about.classes)?;
    Dataset::new(about, train, test)?.normalised_by(ChannelStats::cifar100())
}

fn about(name: &str, title: &str, listing: &Listing, classes: Vec<String>) -> About {
    let origin = listing.origin.file_name().unwrap_or_default().to_string_lossy();
    About {
        name: name.to_string(),
        title: title.to_string(),
        source: format!("{title}, binary version, from {origin}"),
        classes,
    }
}

/// The file of that name, wherever it lies.
fn find<'a>(listing: &'a Listing, name: &str) -> Result<&'a SourceFile> {
    let missing = || Error::MissingFile { origin: listing.origin.clone(), entry: name.to_string() };
    listing.files.iter().find(|file| file.name() == name).ok_or_else(missing)
}

fn bytes_of<'a>(listing: &Listing, file: &'a SourceFile) -> Result<Cow<'a, [u8]>> {
    file.bytes(&listing.origin)
}

fn wrong_length(listing: &Listing, file: &SourceFile, bytes: usize, problem: String) -> Error {
    Error::Length {
        origin: listing.origin.clone(),
        entry: file.path.clone(),
        bytes: bytes as u64,
        problem,
    }
}

/// Reads the records of some files, in order, as one split.
fn read_split(
    listing: &Listing,
    files: &[&SourceFile],
    record: Record,
    classes: &[String],
) -> Result<Split> {
    let mut images = Vec::new();
    let mut labels = Vec::new();
    let size = record.labels + PIXELS;
    for file in files {
        let bytes = bytes_of(listing, file)?;
        if bytes.is_empty() || bytes.len() % size != 0 {
            let problem = format!("not a whole number of {size}-byte records");
            return Err(wrong_length(listing, file, bytes.len(), problem));
        }
        images.reserve_exact(bytes.len() / size * PIXELS);
        for (i, bytes) in bytes.chunks_exact(size).enumerate() {
            let label = u16::from(bytes[record.used]);
            if usize::from(label) >= classes.len() {
                return Err(Error::LabelRange {
                    origin: listing.origin.clone(),
                    entry: file.path.clone(),
                    offset: (i * size + record.used) as u64,
                    label,
                    classes: classes.len(),
                    advice: "the file is damaged or of another dataset, fetch it again",
                });
            }
            labels.push(label);
            let planes = &bytes[record.labels..];
            images.extend(
                (0..PLANE).flat_map(|p| [planes[p], planes[PLANE + p], planes[2 * PLANE + p]]),
            );
        }
    }
    Split::new(SHAPE, images, labels, classes.len())
}
