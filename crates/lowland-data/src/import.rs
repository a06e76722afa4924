//! Import: from a folder or archive to one packed file.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

use serde::{Deserialize, Serialize};

use crate::dataset::check_name;
use crate::error::{Error, Result};
use crate::info::DatasetInfo;
use crate::packed;
use crate::progress::{Progress, Stage};
use crate::read::{self, Cifar100Labels, ReadOptions, SourceKind};
use crate::source;

/// How to import.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportOptions {
    /// Identifier of the dataset; the packed file is called `<name>.lldata`.
    pub name: String,
    /// Which labels of CIFAR-100 to use; no other source looks at it.
    pub cifar100_labels: Cifar100Labels,
    /// Threads that decode images; the result does not depend on it.
    pub threads: usize,
}

impl ImportOptions {
    /// Options for a dataset of that name, with one thread a core.
    pub fn new(name: impl Into<String>) -> ImportOptions {
        let threads = thread::available_parallelism().map_or(1, |n| n.get());
        ImportOptions { name: name.into(), cifar100_labels: Cifar100Labels::Fine, threads }
    }
}

/// What an import did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ImportReport {
    /// The packed file.
    pub path: PathBuf,
    /// What the source turned out to be.
    pub kind: SourceKind,
    /// The dataset, as read back from the packed file.
    pub info: DatasetInfo,
}

/// Imports the folder or archive `from` into the folder `to`, as `<name>.lldata`.
///
/// The kind of source is told from its content: the CIFAR-10 or CIFAR-100 binary version, the four
/// IDX files of a set like MNIST (`train-images-idx3-ubyte`, `train-labels-idx1-ubyte`, and `t10k`
/// or `test` in place of `train`, plain or .gz), or images as `train/<class>/*.jpg` and
/// `test/<class>/*.jpg` (or .jpeg, .png), each in a folder or in a .tar, .tar.gz or .tar.xz
/// archive, perhaps below one leading folder. IDX images are `[N, H, W]` or `[N, H, W, C]`; their
/// classes are `0` to `9`, unless a file `classes.txt` beside them names others, one a line. The
/// classes of folders are numbered in alphabetical order, and images keep the order of their paths
/// within a class. Nothing is extracted to disk. `to` is created if need be.
///
/// # Errors
/// Any variant of [`Error`] about sources, images or files. The packed file appears only when it is
/// complete, on disk, and has been read back; otherwise nothing is left behind and an older file of
/// that name is untouched.
pub fn import(
    from: impl AsRef<Path>,
    to: impl AsRef<Path>,
    options: &ImportOptions,
    progress: &mut dyn FnMut(Progress),
) -> Result<ImportReport> {
    let (from, to) = (from.as_ref(), to.as_ref());
    check_name(&options.name)?;
    let listing = source::read(from, progress)?;
    let read_options = ReadOptions {
        name: &options.name,
        cifar100_labels: options.cifar100_labels,
        threads: options.threads,
    };
    let (kind, dataset) = read::read(&listing, &read_options, progress)?;
    drop(listing);
    let created = first_missing(to);
    fs::create_dir_all(to).map_err(Error::io("create the folder", to))?;
    let path = to.join(format!("{}.{}", options.name, packed::EXTENSION));
    let mut tell =
        |done, total| progress(Progress { stage: Stage::Write, done, total: Some(total) });
    match packed::save_with(&dataset, &path, &mut tell) {
        Ok(info) => Ok(ImportReport { path, kind, info }),
        Err(error) => {
            remove_created(to, created.as_deref());
            Err(error)
        }
    }
}

/// The outermost folder of `path` that does not exist yet.
fn first_missing(path: &Path) -> Option<PathBuf> {
    let missing = path.ancestors().take_while(|p| !p.as_os_str().is_empty() && !p.exists());
    missing.last().map(Path::to_path_buf)
}

/// Removes the folders that were created, from the innermost out, as far as they are empty.
fn remove_created(to: &Path, created: Option<&Path>) {
    let Some(created) = created else { return };
    for folder in to.ancestors() {
        // A folder that somebody else has put something into stays.
        if fs::remove_dir(folder).is_err() || folder == created {
            break;
        }
    }
}
