//! Writing a packed file: into a temporary file beside the target, checked, synced, and renamed
//! into place.

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::path::Path;

use super::{ALIGNMENT, Layout, label_bytes, open};
use crate::dataset::Dataset;
use crate::error::{Error, Result};
use crate::info::DatasetInfo;

/// Bytes written between two calls of the progress callback.
const CHUNK: usize = 4 << 20;

/// Writes `dataset` as one packed file at `path`, in a folder that exists. An older file there is
/// replaced in one step; after an error, or when the program is killed, it is still there and
/// whole.
///
/// # Errors
/// [`Error::DiskFull`] and [`Error::Io`]; in both cases nothing new is left behind.
pub fn save(dataset: &Dataset, path: impl AsRef<Path>) -> Result<DatasetInfo> {
    save_with(dataset, path.as_ref(), &mut |_, _| ())
}

/// [`save`] with a callback that gets (bytes written, bytes of the whole file).
pub(crate) fn save_with(
    dataset: &Dataset,
    path: &Path,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<DatasetInfo> {
    let layout = Layout::of(dataset);
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut temporary = new_temporary(folder).map_err(Error::io("create a file in", folder))?;
    let failed = |cause| write_error(path, layout.file_len(), cause);
    pack(temporary.as_file_mut(), dataset, &layout, progress).map_err(failed)?;
    temporary.as_file().sync_all().map_err(failed)?;
    // What has just been written is read back before it can be taken for a dataset.
    let written = open(temporary.path())?.describe();
    temporary.persist(path).map_err(|e| write_error(path, layout.file_len(), e.error))?;
    sync_folder(folder).map_err(Error::io("sync", folder))?;
    Ok(written)
}

/// Writes the bytes of a packed file.
fn pack(
    to: &mut dyn Write,
    dataset: &Dataset,
    layout: &Layout,
    progress: &mut dyn FnMut(u64, u64),
) -> io::Result<()> {
    let (train, test) = (dataset.train_split(), dataset.test_split());
    let (train_labels, test_labels) = (label_bytes(train.labels()), label_bytes(test.labels()));
    let contents = [train.images(), &train_labels, test.images(), &test_labels];
    to.write_all(&layout.head)?;
    let mut written = layout.head.len() as u64;
    for (section, content) in layout.sections().iter().zip(contents) {
        let filling = layout.head.len() as u64 + section.offset - written;
        to.write_all(&[0; ALIGNMENT as usize][..filling as usize])?;
        written += filling;
        for chunk in content.chunks(CHUNK) {
            to.write_all(chunk)?;
            written += chunk.len() as u64;
            progress(written, layout.file_len());
        }
    }
    to.flush()
}

fn write_error(path: &Path, bytes: u64, cause: io::Error) -> Error {
    match cause.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            Error::DiskFull { path: path.to_path_buf(), bytes }
        }
        _ => Error::io("write", path)(cause),
    }
}

/// A temporary file which deletes itself unless it is renamed, with the permissions of an ordinary
/// new file.
fn new_temporary(folder: &Path) -> io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".").suffix(".partial");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder)
}

/// Makes the rename itself durable.
#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Folders cannot be synced here; the file system's journal has to do.
#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digits;
    use std::path::PathBuf;

    /// A disk with room for a number of bytes.
    struct SmallDisk(usize);

    impl Write for SmallDisk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.0 == 0 {
                return Err(ErrorKind::StorageFull.into());
            }
            let n = bytes.len().min(self.0);
            self.0 -= n;
            Ok(n)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_full_disk_is_named_wherever_it_strikes() {
        let dataset = digits::load().unwrap();
        let layout = Layout::of(&dataset);
        let full = layout.file_len() as usize;
        for room in [0, 1, 47, 48, layout.head.len(), full / 2, full - 1] {
            let cause = pack(&mut SmallDisk(room), &dataset, &layout, &mut |_, _| ()).unwrap_err();
            let error = write_error(&PathBuf::from("data/digits.lldata"), full as u64, cause);
            assert_eq!(
                error.to_string(),
                format!(
                    "the disk is full: cannot write `data/digits.lldata`, which needs {full} bytes; nothing was left \
                     behind. Free some space or choose a folder on another disk"
                )
            );
        }
        assert!(pack(&mut SmallDisk(full), &dataset, &layout, &mut |_, _| ()).is_ok());
    }

    /// The kernel's own full disk.
    #[test]
    #[cfg(target_os = "linux")]
    fn dev_full_is_a_full_disk() {
        let dataset = digits::load().unwrap();
        let layout = Layout::of(&dataset);
        let mut device = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let cause = pack(&mut device, &dataset, &layout, &mut |_, _| ()).unwrap_err();
        assert!(matches!(write_error(Path::new("x"), 1, cause), Error::DiskFull { bytes: 1, .. }));
    }
}
