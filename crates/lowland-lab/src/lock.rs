//! One process at a time in a directory.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::thread;
use std::time::Duration;

use crate::output::create_folder;
use crate::{Error, Result};

/// How often, and after which pause, a lock is tried for. A child that has been forked but does not run its
/// own program yet has all files of its parent open, locks included, for a moment.
const TRIES: usize = 20;
const BETWEEN: Duration = Duration::from_millis(10);

/// A file that this process alone holds as long as this lives. The system lets go of it however the
/// process ends.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Locks a file of a folder, both of which are made where they are not there.
    ///
    /// # Errors
    /// [`Error::Busy`] where another process has it; [`Error::File`].
    pub(crate) fn take(folder: &Path, name: &str) -> Result<Lock> {
        create_folder(folder)?;
        let path = folder.join(name);
        let file = File::options().create(true).truncate(false).write(true).open(&path);
        let file = file.map_err(Error::file("create", &path))?;
        for _ in 0..TRIES {
            match file.try_lock() {
                Ok(()) => return Ok(Lock { _file: file }),
                Err(TryLockError::WouldBlock) => thread::sleep(BETWEEN),
                Err(TryLockError::Error(error)) => return Err(Error::file("lock", &path)(error)),
            }
        }
        Err(Error::Busy { path: folder.to_path_buf() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_taken_once_and_free_again_afterwards() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new");
        let lock = Lock::take(&path, "a.lock").unwrap();
        let error = Lock::take(&path, "a.lock").unwrap_err();
        assert!(matches!(error, Error::Busy { .. }) && error.exit_code() == 2, "{error}");
        drop(lock);
        Lock::take(&path, "a.lock").unwrap();
    }
}
