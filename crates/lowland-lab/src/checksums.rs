//! Checksums of the files of a folder, in a file that `b3sum --check` reads too.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use crate::{Error, Result};

/// The name of the file: a line for each of the others, its BLAKE3 in hexadecimal and its name.
pub const FILE: &str = "B3SUMS";

/// The checksum of some bytes, in hexadecimal.
#[must_use]
pub fn of(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}

/// The line of a file.
pub(crate) fn line(sum: &str, name: &str) -> String {
    format!("{sum}  {name}\n")
}

/// The checksums of a folder, to compare its files with.
#[derive(Debug)]
pub(crate) struct Checksums {
    lines: Vec<(String, String)>,
}

impl Checksums {
    /// Those of a folder; none where it has no such file.
    ///
    /// # Errors
    /// [`Error::File`] where they cannot be read; [`Error::Damaged`] where a line is not a checksum and a
    /// name.
    pub(crate) fn read(folder: &Path) -> Result<Option<Checksums>> {
        let path = folder.join(FILE);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            // Bytes that are no text are damage like any other.
            Err(error) if error.kind() == ErrorKind::InvalidData => {
                return Err(Error::Damaged { path, problem: "it is not a text".into() });
            }
            Err(error) => return Err(Error::file("read", &path)(error)),
        };
        if !text.ends_with('\n') {
            return Err(Error::Damaged { path, problem: "its end is missing".into() });
        }
        let parse = |(i, line): (usize, &str)| {
            let pair = line.split_once("  ").filter(|(sum, _)| sum.len() == 64);
            pair.map(|(sum, name)| (name.to_string(), sum.to_string())).ok_or_else(|| {
                let problem = format!("line {} is not a checksum and a name", i + 1);
                Error::Damaged { path: path.clone(), problem }
            })
        };
        let lines = text.lines().enumerate().map(parse).collect::<Result<_>>()?;
        Ok(Some(Checksums { lines }))
    }

    /// The names in their order.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().map(|(name, _)| name.as_str())
    }

    /// Reads a file of the folder, and compares it with its checksum.
    ///
    /// # Errors
    /// [`Error::File`] where it cannot be read; [`Error::Damaged`] where it is not as it was, is missing, or
    /// has no checksum.
    pub(crate) fn file(&self, folder: &Path, name: &str) -> Result<Vec<u8>> {
        let damaged = |problem: String| Err(Error::Damaged { path: folder.join(name), problem });
        let bytes = match fs::read(folder.join(name)) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return damaged("it is missing".into());
            }
            Err(error) => return Err(Error::file("read", &folder.join(name))(error)),
        };
        match self.lines.iter().find(|(other, _)| other == name) {
            Some((_, sum)) if *sum == of(&bytes) => Ok(bytes),
            Some((_, sum)) => damaged(format!(
                "its {} bytes have the checksum {}, and `{FILE}` says {sum}",
                bytes.len(),
                of(&bytes)
            )),
            None => damaged(format!("`{FILE}` has no checksum of it")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_change_of_a_file_or_of_the_checksums_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        assert!(Checksums::read(folder).unwrap().is_none());
        fs::create_dir(folder.join("b")).unwrap();
        fs::write(folder.join("a"), "one").unwrap();
        fs::write(folder.join("b/c"), "two").unwrap();
        let names = ["a".to_string(), "b/c".to_string()];
        let line = |name: &String| line(&of(&fs::read(folder.join(name)).unwrap()), name);
        fs::write(folder.join(FILE), names.iter().map(line).collect::<String>()).unwrap();
        let sums = Checksums::read(folder).unwrap().unwrap();
        assert_eq!(sums.names().collect::<Vec<_>>(), names);
        assert_eq!(sums.file(folder, "b/c").unwrap(), b"two");
        let error = sums.file(folder, "d").unwrap_err().to_string();
        assert!(error.contains("it is missing"), "{error}");
        fs::write(folder.join("d"), "").unwrap();
        let error = sums.file(folder, "d").unwrap_err().to_string();
        assert!(error.contains("has no checksum"), "{error}");
        fs::write(folder.join("a"), "onf").unwrap();
        let error = sums.file(folder, "a").unwrap_err();
        assert!(matches!(error, Error::Damaged { .. }) && error.exit_code() == 2, "{error}");
        assert!(error.to_string().contains("its 3 bytes have the checksum"), "{error}");

        // Whatever bit of the checksums is another, no file is taken for whole that is not.
        fs::write(folder.join("a"), "one").unwrap();
        let whole = fs::read(folder.join(FILE)).unwrap();
        for bit in 0..8 * whole.len() {
            let mut flipped = whole.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            fs::write(folder.join(FILE), &flipped).unwrap();
            let read = Checksums::read(folder).and_then(|sums| {
                let sums = sums.unwrap();
                names.iter().try_for_each(|name| sums.file(folder, name).map(drop))
            });
            assert!(read.is_err(), "bit {bit}");
        }
        for bytes in 0..whole.len() {
            fs::write(folder.join(FILE), &whole[..bytes]).unwrap();
            let read = Checksums::read(folder).and_then(|sums| {
                let sums = sums.unwrap();
                names.iter().try_for_each(|name| sums.file(folder, name).map(drop))
            });
            assert!(read.is_err(), "cut off after {bytes} bytes");
        }
    }
}
