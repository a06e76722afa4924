//! Writing files so that a reader never sees half of one.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::{Error, Result};

/// Replaces a file by new contents in one instant, as [`lowland_models::write_atomically`].
///
/// # Errors
/// [`Error::File`]; then the old file, if any, is untouched and nothing is left behind.
pub fn write_whole(path: &Path, contents: &[u8]) -> Result<()> {
    lowland_models::write_atomically(path, contents).map_err(Error::file("write", path))
}

/// Replaces a file by an object as JSON for people and programs, in one instant.
///
/// # Errors
/// As [`write_whole`]; [`Error::Usage`] where the object has no form in JSON.
pub fn write_json(path: &Path, object: &impl Serialize) -> Result<()> {
    write_whole(path, json_text(path, object)?.as_bytes())
}

/// What [`write_json`] writes.
///
/// # Errors
/// [`Error::Usage`] where the object has no form in JSON.
pub(crate) fn json_text(path: &Path, object: &impl Serialize) -> Result<String> {
    let text = serde_json::to_string_pretty(object).map_err(|error| {
        Error::Usage(format!("`{}` cannot be written as JSON: {error}", path.display()))
    })?;
    Ok(text + "\n")
}

/// A file that grows by whole records.
#[derive(Debug)]
pub struct GrowingFile {
    path: PathBuf,
    file: File,
    len: u64,
}

impl GrowingFile {
    /// A new, empty file.
    ///
    /// # Errors
    /// [`Error::File`], also where it exists.
    pub fn create(path: &Path) -> Result<GrowingFile> {
        let file = OpenOptions::new().write(true).create_new(true).open(path);
        let file = file.map_err(Error::file("create", path))?;
        Ok(GrowingFile { path: path.to_path_buf(), file, len: 0 })
    }

    /// A file of these contents, in the place of what may be there, to which more is added.
    ///
    /// # Errors
    /// As [`write_whole`].
    pub fn replace(path: &Path, contents: &[u8]) -> Result<GrowingFile> {
        write_whole(path, contents)?;
        let file = OpenOptions::new().append(true).open(path);
        let file = file.map_err(Error::file("write", path))?;
        Ok(GrowingFile { path: path.to_path_buf(), file, len: contents.len() as u64 })
    }

    /// Adds a record. It is handed to the system at once.
    ///
    /// # Errors
    /// [`Error::File`]; then what was written of the record is taken off again.
    pub fn push(&mut self, record: &[u8]) -> Result<()> {
        if let Err(source) = self.file.write_all(record) {
            // A full disk can still cut files; should that fail too, the first reason counts.
            let _ = self.file.set_len(self.len);
            return Err(Error::file("write", &self.path)(source));
        }
        self.len += record.len() as u64;
        Ok(())
    }

    /// Waits until all records are on the disk.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn sync(&self) -> Result<()> {
        self.file.sync_data().map_err(Error::file("write", &self.path))
    }

    /// Adds a line; `line` holds no line break.
    ///
    /// # Errors
    /// As [`GrowingFile::push`].
    pub fn push_line(&mut self, line: &str) -> Result<()> {
        self.push(format!("{line}\n").as_bytes())
    }
}

/// Creates a folder for new files, with its parents. It may exist, but must then be empty.
///
/// # Errors
/// [`Error::OutputExists`] where it holds something, [`Error::File`] where it cannot be had.
pub fn create_empty_folder(path: &Path) -> Result<()> {
    create_folder(path)?;
    if holds_at_most(path, &[])? {
        return Ok(());
    }
    Err(Error::OutputExists { path: path.to_path_buf() })
}

/// What names begin with of files and folders that are being written.
pub(crate) const WRITING: &str = ".writing-";

/// Removes from a folder, if it is there, what its writer was writing when it was killed.
///
/// # Errors
/// [`Error::File`].
pub(crate) fn remove_half_written(folder: &Path) -> Result<()> {
    for name in names_in(folder)?.iter().filter(|name| name.starts_with(WRITING)) {
        remove(&folder.join(name))?;
    }
    Ok(())
}

/// Removes a file, or a folder with all that is in it, if it is there.
///
/// # Errors
/// [`Error::File`].
pub(crate) fn remove(path: &Path) -> Result<()> {
    let is_folder = path.symlink_metadata().is_ok_and(|data| data.is_dir());
    let removed = if is_folder { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match removed {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(Error::file("remove", path)(error))
        }
        _ => Ok(()),
    }
}

/// The names in a folder; none where it is not there.
///
/// # Errors
/// [`Error::File`].
pub(crate) fn names_in(folder: &Path) -> Result<Vec<String>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(Error::file("read the folder", folder))?,
    };
    let name = |entry: std::io::Result<fs::DirEntry>| {
        let entry = entry.map_err(Error::file("read the folder", folder))?;
        Ok(entry.file_name().to_string_lossy().into_owned())
    };
    entries.map(name).collect()
}

/// Creates a folder with its parents, where they are not there, and waits until the disk has their names.
///
/// # Errors
/// [`Error::File`].
pub(crate) fn create_folder(path: &Path) -> Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let parent = path.parent().filter(|path| !path.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new("."));
    create_folder(parent)?;
    match fs::create_dir(path) {
        // Another process may have been quicker.
        Err(error) if !path.is_dir() => Err(Error::file("create the folder", path)(error)),
        _ => sync_folder(parent),
    }
}

/// Waits until the disk has the names in a folder. Not every system can.
///
/// # Errors
/// [`Error::File`].
pub(crate) fn sync_folder(folder: &Path) -> Result<()> {
    if cfg!(unix) {
        let sync = File::open(folder).and_then(|folder| folder.sync_all());
        return sync.map_err(Error::file("write", folder));
    }
    Ok(())
}

/// Whether a folder holds nothing but these, or is not there, and what a file was being written to when its writer was
/// killed.
pub(crate) fn holds_at_most(folder: &Path, names: &[&str]) -> Result<bool> {
    let expected = |name: &String| name.starts_with(WRITING) || names.contains(&name.as_str());
    Ok(names_in(folder)?.iter().all(expected))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn whole_files_are_replaced_and_nothing_is_left_beside_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        write_whole(&path, b"one").unwrap();
        write_whole(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        // A folder in the place of the file cannot be replaced.
        let taken = folder.path().join("taken");
        fs::create_dir(&taken).unwrap();
        let message = write_whole(&taken, b"x").unwrap_err().to_string();
        assert!(message.contains("taken"), "{message}");
        let mut left = names(folder.path());
        left.sort();
        assert_eq!(left, ["a.json", "taken"]);
    }

    #[test]
    fn lines_are_there_as_soon_as_they_are_pushed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.jsonl");
        let mut lines = GrowingFile::create(&path).unwrap();
        lines.push_line("{}").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "{}\n");
        lines.push_line("[]").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "{}\n[]\n");
        assert!(matches!(GrowingFile::create(&path), Err(Error::File { .. })));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_told_with_what_to_do() {
        let path = PathBuf::from("/dev/full");
        let file = OpenOptions::new().write(true).open(&path).unwrap();
        let error = GrowingFile { path, file, len: 0 }.push_line("{}").unwrap_err();
        assert!(
            error.to_string().contains("/dev/full")
                && error.to_string().contains("free some space")
        );
        assert_eq!(error.exit_code(), 2);
    }

    #[test]
    fn only_empty_folders_are_taken() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b");
        create_empty_folder(&path).unwrap();
        create_empty_folder(&path).unwrap();
        fs::write(path.join("x"), "x").unwrap();
        assert!(matches!(create_empty_folder(&path), Err(Error::OutputExists { .. })));
        let error = create_empty_folder(&path.join("x/y")).unwrap_err();
        assert_eq!(error.exit_code(), 2);
    }
}
