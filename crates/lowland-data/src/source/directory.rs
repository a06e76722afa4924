//! Listing a folder. Files are read later, one at a time, by the threads that decode them.

use std::fs;
use std::path::Path;

use super::{Content, Listing, SourceFile, is_hidden};
use crate::error::{Error, Result};
use crate::progress::{Progress, Report, Stage};

/// How deep images may lie: dataset/train/class/image. Deeper folders are listed but not entered,
/// which also ends any loop of symbolic links.
const MAX_DEPTH: usize = 4;

/// Lists everything below `origin`, following symbolic links.
pub(super) fn list(origin: &Path, report: Report<'_>) -> Result<Listing> {
    let mut listing =
        Listing { origin: origin.to_path_buf(), folders: Vec::new(), files: Vec::new() };
    let mut pending = vec![(String::new(), 1)];
    while let Some((folder, depth)) = pending.pop() {
        let path = origin.join(&folder);
        for entry in fs::read_dir(&path).map_err(Error::io("read the folder", &path))? {
            let entry = entry.map_err(Error::io("read the folder", &path))?.path();
            let name =
                entry.file_name().unwrap_or_default().to_str().ok_or_else(|| Error::Layout {
                    origin: origin.to_path_buf(),
                    entry: entry.to_string_lossy().into_owned(),
                    problem: "the name is not valid UTF-8; rename it".to_string(),
                })?;
            let name =
                if folder.is_empty() { name.to_string() } else { format!("{folder}/{name}") };
            if is_hidden(&name) {
                continue;
            }
            if !fs::metadata(&entry).map_err(Error::io("read", &entry))?.is_dir() {
                listing.files.push(SourceFile { path: name, content: Content::Disk(entry) });
                continue;
            }
            if depth < MAX_DEPTH {
                pending.push((name.clone(), depth + 1));
            }
            listing.folders.push(name);
        }
        report(Progress { stage: Stage::Read, done: listing.files.len() as u64, total: None });
    }
    Ok(listing)
}
