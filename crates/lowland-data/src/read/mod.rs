//! Readers: from the files of a source to a dataset.

mod cifar;
mod classes;
mod decode;
mod folder;
mod idx;
mod layout;
mod mnist;

use serde::{Deserialize, Serialize};

use crate::dataset::Dataset;
use crate::error::{Error, Result};
use crate::progress::Report;
use crate::source::{FileKind, Listing};

/// Which of CIFAR-100's two labels to use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cifar100Labels {
    /// The 100 classes.
    #[default]
    Fine,
    /// The 20 superclasses.
    Coarse,
}

/// What a source turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceKind {
    /// CIFAR-10, binary version.
    Cifar10Binary,
    /// CIFAR-100, binary version.
    Cifar100Binary,
    /// Four IDX files, as MNIST has them.
    Idx,
    /// JPEG or PNG images, one folder a class.
    ImageFolder,
}

/// How to read a source.
pub(crate) struct ReadOptions<'a> {
    pub name: &'a str,
    pub cifar100_labels: Cifar100Labels,
    pub threads: usize,
}

/// Reads a source of whichever kind it is.
pub(crate) fn read(
    listing: &Listing,
    options: &ReadOptions<'_>,
    report: Report<'_>,
) -> Result<(SourceKind, Dataset)> {
    let kind = detect(listing)?;
    let dataset = match kind {
        SourceKind::Cifar10Binary => cifar::read_10(listing, options.name)?,
        SourceKind::Cifar100Binary => {
            cifar::read_100(listing, options.name, options.cifar100_labels)?
        }
        SourceKind::Idx => mnist::read(listing, options)?,
        SourceKind::ImageFolder => folder::read(listing, options, report)?,
    };
    Ok((kind, dataset))
}

/// Tells the kind of a source from the names of its files.
fn detect(listing: &Listing) -> Result<SourceKind> {
    let has = |wanted: fn(&str) -> bool| listing.files.iter().any(|file| wanted(file.name()));
    if has(|name| name.starts_with("data_batch_") && name.ends_with(".bin"))
        || has(|name| name == "test_batch.bin")
    {
        return Ok(SourceKind::Cifar10Binary);
    }
    if is_cifar100(listing) {
        return Ok(SourceKind::Cifar100Binary);
    }
    if mnist::is_mnist(listing) {
        return Ok(SourceKind::Idx);
    }
    if listing.files.iter().any(|file| FileKind::of(&file.path) == FileKind::Image) {
        return Ok(SourceKind::ImageFolder);
    }
    // A part of CIFAR-100: its reader names the file that is missing.
    if has(|name| name == "train.bin" || name == "test.bin") {
        return Ok(SourceKind::Cifar100Binary);
    }
    let problem = format!(
        "none of its {} files is a .jpg, .jpeg, .png, a CIFAR .bin or an IDX file",
        listing.files.len()
    );
    Err(Error::UnknownSource { origin: listing.origin.clone(), problem })
}

/// Whether CIFAR-100's files lie side by side. `train.bin` and `test.bin` alone are names that any
/// program may give its files, also below a folder of images.
fn is_cifar100(listing: &Listing) -> bool {
    listing.files.iter().filter(|file| file.name() == "train.bin").any(|file| {
        let folder = &file.path[..file.path.len() - file.name().len()];
        let holds = |name: &str| listing.file(&format!("{folder}{name}")).is_some();
        holds("test.bin") && (holds("fine_label_names.txt") || holds("coarse_label_names.txt"))
    })
}
