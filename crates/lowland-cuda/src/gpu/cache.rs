//! Compiled kernels on disk, so that only the first process compiles them.
//!
//! A file is named by a hash of everything that its contents depend on, so nothing in it goes stale. It
//! is written beside its place and renamed; one that is damaged all the same is found by its checksum
//! and counts as missing.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// What a file starts with; the number changes with the format.
const MAGIC: &[u8; 16] = b"lowland cubin 1\n";

/// Magic, length of the contents, and their BLAKE3 hash.
const HEADER: usize = MAGIC.len() + 8 + blake3::OUT_LEN;

/// The folder of compiled kernels.
#[derive(Clone, Debug)]
pub(super) struct Cache {
    /// `None` where the user has none, or wants none.
    folder: Option<PathBuf>,
}

impl Cache {
    /// The user's: `LOWLAND_KERNEL_CACHE`, or `lowland/kernels` in the user's cache directory. There
    /// is none where that variable is set and empty.
    pub(super) fn of_the_user() -> Self {
        let variable = |name: &str| std::env::var_os(name);
        let folder =
            folder(variable("LOWLAND_KERNEL_CACHE"), variable("XDG_CACHE_HOME"), variable("HOME"));
        Cache { folder }
    }

    /// One in that folder.
    #[cfg(test)]
    pub(super) fn in_folder(folder: &Path) -> Self {
        Cache { folder: Some(folder.into()) }
    }

    /// What is kept under a key; `None` where there is nothing, or nothing whole.
    pub(super) fn get(&self, key: &str) -> Option<Vec<u8>> {
        let file = fs::read(self.path(key)?).ok()?;
        let (header, contents) = file.split_at_checked(HEADER)?;
        (header == header_of(contents)).then(|| contents.to_vec())
    }

    /// Keeps something under a key.
    ///
    /// # Errors
    /// What the system says. Nothing is lost then but time: the next process compiles again.
    pub(super) fn put(&self, key: &str, contents: &[u8]) -> io::Result<()> {
        let Some(path) = self.path(key) else { return Ok(()) };
        let folder = path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder)?;
        let beside = folder.join(beside(key));
        let written = write(&beside, contents).and_then(|()| fs::rename(&beside, &path));
        if written.is_err() {
            // It may not even have been created; the first error is the one that counts.
            let _ = fs::remove_file(&beside);
        }
        written
    }

    fn path(&self, key: &str) -> Option<PathBuf> {
        self.folder.as_ref().map(|folder| folder.join(format!("{key}.cubin")))
    }
}

/// The folder that three variables of the environment give, the first that is set and can be used.
fn folder(own: Option<OsString>, xdg: Option<OsString>, home: Option<OsString>) -> Option<PathBuf> {
    if let Some(own) = own {
        return (!own.is_empty()).then(|| own.into());
    }
    // The XDG base directory specification has relative paths ignored.
    let absolute = |path: OsString| Some(PathBuf::from(path)).filter(|path| path.is_absolute());
    let caches = xdg.and_then(absolute);
    let caches = caches.or_else(|| Some(home.and_then(absolute)?.join(".cache")));
    Some(caches?.join("lowland").join("kernels"))
}

/// A name that no other process and no other thread writes to.
fn beside(key: &str) -> String {
    static WRITES: AtomicU64 = AtomicU64::new(0);
    let (process, write) = (std::process::id(), WRITES.fetch_add(1, Ordering::Relaxed));
    format!(".{key}.{process}.{write}")
}

fn write(path: &Path, contents: &[u8]) -> io::Result<()> {
    let mut file = fs::OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(&header_of(contents))?;
    file.write_all(contents)?;
    file.sync_all()
}

fn header_of(contents: &[u8]) -> Vec<u8> {
    let length = (contents.len() as u64).to_le_bytes();
    [MAGIC.as_slice(), &length, blake3::hash(contents).as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache() -> (tempfile::TempDir, Cache) {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::in_folder(&folder.path().join("not").join("yet"));
        (folder, cache)
    }

    #[test]
    fn what_is_put_is_found_again() {
        let (_folder, cache) = cache();
        assert_eq!(cache.get("a"), None);
        cache.put("a", b"first").unwrap();
        cache.put("b", b"").unwrap();
        assert_eq!(cache.get("a").unwrap(), b"first");
        assert_eq!(cache.get("b").unwrap(), b"");
        cache.put("a", b"second").unwrap();
        assert_eq!(cache.get("a").unwrap(), b"second");
        let names: Vec<_> =
            fs::read_dir(cache.path("a").unwrap().parent().unwrap()).unwrap().collect();
        assert_eq!(names.len(), 2, "nothing is left beside them");
    }

    #[test]
    fn damage_counts_as_missing_and_is_mended_by_the_next_write() {
        let (_folder, cache) = cache();
        cache.put("a", b"a kernel").unwrap();
        let path = cache.path("a").unwrap();
        let whole = fs::read(&path).unwrap();
        for length in 0..whole.len() {
            fs::write(&path, &whole[..length]).unwrap();
            assert_eq!(cache.get("a"), None, "cut to {length} bytes");
        }
        for place in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[place] ^= 1;
            fs::write(&path, &damaged).unwrap();
            assert_eq!(cache.get("a"), None, "byte {place}");
        }
        fs::write(&path, [whole.as_slice(), b"!"].concat()).unwrap();
        assert_eq!(cache.get("a"), None, "too long");
        cache.put("a", b"a kernel").unwrap();
        assert_eq!(cache.get("a").unwrap(), b"a kernel");
    }

    #[test]
    fn threads_that_write_the_same_key_leave_one_whole_file() {
        let (_folder, cache) = cache();
        let contents = |thread: u8| vec![thread; 100_000];
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let cache = &cache;
                scope.spawn(move || cache.put("a", &contents(thread)).unwrap());
            }
        });
        let found = cache.get("a").unwrap();
        assert!((0..4).any(|thread| found == contents(thread)));
    }

    #[test]
    fn the_folder_is_the_users() {
        let text = |text: &str| Some(OsString::from(text));
        let is = |path: &str| Some(PathBuf::from(path));
        assert_eq!(folder(text("/k"), text("/x"), text("/h")), is("/k"));
        assert_eq!(folder(None, text("/x"), text("/h")), is("/x/lowland/kernels"));
        assert_eq!(folder(None, text("relative"), text("/h")), is("/h/.cache/lowland/kernels"));
        assert_eq!(folder(None, None, text("/h")), is("/h/.cache/lowland/kernels"));
        assert_eq!(folder(None, None, None), None);
        assert_eq!(folder(text(""), text("/x"), text("/h")), None, "switched off");
        let none = Cache { folder: None };
        none.put("a", b"kept nowhere").unwrap();
        assert_eq!(none.get("a"), None);
    }
}
