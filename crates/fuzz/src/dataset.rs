//! What must hold of a dataset that was imported or opened.

use std::fs;
use std::path::Path;

use lowland_data::{Dataset, ImportOptions, Loader, LoaderConfig, import, open, save};
use tempfile::TempDir;

use crate::Verdict;

/// Datasets up to this many bytes are loaded as training loads them; it would only take longer.
const LOADED: usize = 1 << 16;

/// An empty folder, in memory where the system has such folders.
pub fn scratch() -> TempDir {
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    folder.expect("a folder for files can be had")
}

/// Imports `source`, the only entry of `folder`, into another one. Nothing else may appear in it, and
/// nothing at all where the import is refused.
pub fn import_within(folder: &Path, source: &str) -> Verdict {
    let target = folder.join("target");
    let options = ImportOptions { threads: 1, ..ImportOptions::new("set") };
    let report = import(folder.join(source), &target, &options, &mut |_| ());
    let Ok(report) = report else {
        assert_eq!(names(folder), [source], "a refused import leaves nothing behind");
        return Verdict::Refused;
    };
    assert_eq!(names(folder), [source, "target"], "an import writes below its target");
    assert_eq!(names(&target), ["set.lldata"], "an import writes one file");
    let dataset = open(&report.path).expect("what was imported opens");
    assert_eq!(dataset.describe(), report.info, "the report tells of the file");
    consistent(&dataset, folder);
    Verdict::Accepted
}

/// Checks a dataset by itself, and against what is saved and opened again.
pub fn consistent(dataset: &Dataset, folder: &Path) {
    let classes = dataset.classes().len();
    for split in [dataset.train_split(), dataset.test_split()] {
        let image: usize = split.shape().iter().product();
        assert!(image > 0 && !split.is_empty());
        assert_eq!(split.images().len(), image * split.len());
        assert_eq!(split.class_counts().iter().sum::<usize>(), split.len());
        assert!(split.labels().iter().all(|&label| usize::from(label) < classes));
    }
    let bytes = dataset.train_split().images().len();
    if bytes <= LOADED {
        let normalise = dataset.normalisation().clone();
        let config = LoaderConfig { workers: 0, ..LoaderConfig::evaluation(16, normalise) };
        let loader = Loader::new(dataset.train(), config).expect("a dataset can be loaded");
        for batch in loader.epoch(0) {
            let batch = batch.expect("a batch can be loaded");
            assert!(batch.images().iter().all(|x| x.is_finite()), "pixels are numbers");
        }
    }
    let path = folder.join("again.lldata");
    let saved = save(dataset, &path).expect("a dataset can be saved");
    assert_eq!(saved, dataset.describe(), "what is saved is the same dataset");
    let again = open(&path).expect("what was saved opens").describe();
    assert_eq!(again.checksum, saved.checksum, "and is the same when it is opened again");
}

/// The names in a folder, sorted.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("the folder is there");
    let name = |entry: fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
    let mut names: Vec<String> = entries.flatten().map(name).collect();
    names.sort();
    names
}

/// Writes a file, with the folders above it.
pub fn write(folder: &Path, name: &str, bytes: &[u8]) {
    let path = folder.join(name);
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).expect("a folder can be made");
    }
    fs::write(path, bytes).expect("a file can be written");
}
