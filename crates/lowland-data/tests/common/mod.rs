//! Fixtures made on the fly: image folders, CIFAR files, archives.
#![allow(dead_code)] // Each test program uses a part of these.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use lowland_data::{Dataset, Error, ImportOptions, ImportReport, Progress, Result, import};
use tempfile::TempDir;

/// An 8x8 RGB JPEG: the left half is (200, 30, 60), the right half (20, 160, 220).
pub const TWO_TONE: &[u8] = include_bytes!("../fixtures/two_tone_8x8.jpg");
/// An 8x8 grey JPEG of value 100.
pub const GREY: &[u8] = include_bytes!("../fixtures/gray_8x8.jpg");

/// A temporary folder with a set of files in it, and a place for imports beside them.
pub struct Fixture {
    pub dir: TempDir,
}

impl Fixture {
    pub fn new() -> Fixture {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("source")).unwrap();
        Fixture { dir }
    }

    pub fn source(&self) -> PathBuf {
        self.dir.path().join("source")
    }

    pub fn target(&self) -> PathBuf {
        self.dir.path().join("packed/set")
    }

    pub fn write(&self, path: &str, bytes: &[u8]) -> &Fixture {
        let path = self.source().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
        self
    }

    pub fn remove(&self, path: &str) -> &Fixture {
        fs::remove_file(self.source().join(path)).unwrap();
        self
    }

    pub fn mkdir(&self, path: &str) -> &Fixture {
        fs::create_dir_all(self.source().join(path)).unwrap();
        self
    }

    /// Imports the folder.
    pub fn import(&self) -> Result<ImportReport> {
        self.import_from(&self.source())
    }

    pub fn import_from(&self, from: &Path) -> Result<ImportReport> {
        import_set(from, &self.target(), &mut |_| ())
    }

    /// Imports the folder, which has to fail and to leave nothing behind; returns the error.
    pub fn refused(&self) -> Error {
        self.refused_from(&self.source())
    }

    pub fn refused_from(&self, from: &Path) -> Error {
        let error = self.import_from(from).expect_err("the import should fail");
        assert!(!self.dir.path().join("packed").exists(), "something was left behind");
        error
    }
}

pub fn import_set(
    from: &Path,
    to: &Path,
    progress: &mut dyn FnMut(Progress),
) -> Result<ImportReport> {
    import(from, to, &ImportOptions::new("set"), progress)
}

/// Asserts that a message contains every part.
pub fn assert_says(error: &Error, parts: &[&str]) {
    let message = error.to_string();
    for part in parts {
        assert!(message.contains(part), "`{message}` does not say `{part}`");
    }
}

/// Pixel bytes that differ from image to image.
pub fn pixels(len: usize, seed: u8) -> Vec<u8> {
    (0..len).map(|i| (i as u8).wrapping_mul(31).wrapping_add(seed.wrapping_mul(57))).collect()
}

pub fn png(width: u32, height: u32, color: image::ExtendedColorType, bytes: &[u8]) -> Vec<u8> {
    use image::ImageEncoder;
    let mut out = Vec::new();
    image::codecs::png::PngEncoder::new(&mut out).write_image(bytes, width, height, color).unwrap();
    out
}

/// An RGB PNG of known bytes.
pub fn rgb_png(side: u32, seed: u8) -> Vec<u8> {
    png(side, side, image::ExtendedColorType::Rgb8, &pixels((side * side * 3) as usize, seed))
}

/// Two classes of 4x4 RGB PNGs: 3 training and 2 test images each. The seed of an image is
/// 100 * test + 10 * class + number.
pub fn png_folder(prefix: &str) -> Fixture {
    let fixture = Fixture::new();
    for (class, name) in ["cat", "dog"].into_iter().enumerate() {
        for (split, images, base) in [("train", 3, 0), ("test", 2, 100)] {
            for i in 0..images {
                let seed = base + 10 * class as u8 + i;
                fixture.write(&format!("{prefix}{split}/{name}/{i:03}.png"), &rgb_png(4, seed));
            }
        }
    }
    fixture
}

/// The CIFAR-10 binary version with `records` records a file; labels count up modulo 10.
pub fn cifar10_folder(prefix: &str, records: usize) -> Fixture {
    let fixture = Fixture::new();
    let classes = "airplane\nautomobile\nbird\ncat\ndeer\ndog\nfrog\nhorse\nship\ntruck\n\n";
    fixture.write(&format!("{prefix}batches.meta.txt"), classes.as_bytes());
    for batch in 1..=6u8 {
        let name = if batch == 6 {
            "test_batch.bin".to_string()
        } else {
            format!("data_batch_{batch}.bin")
        };
        let mut bytes = Vec::new();
        for i in 0..records as u8 {
            bytes.push(i % 10);
            bytes.extend(pixels(3072, batch * 16 + i));
        }
        fixture.write(&format!("{prefix}{name}"), &bytes);
    }
    fixture
}

/// An IDX file of bytes.
pub fn idx(dims: &[u32], bytes: &[u8]) -> Vec<u8> {
    let sizes = dims.iter().flat_map(|size| size.to_be_bytes());
    [0, 0, 8, dims.len() as u8].into_iter().chain(sizes).chain(bytes.iter().copied()).collect()
}

/// A set like MNIST with 20 training and 10 test images of 6x5 pixels; labels count up modulo 10.
pub fn idx_folder(prefix: &str) -> Fixture {
    let fixture = Fixture::new();
    for (split, n, seed) in [("train", 20, 0), ("t10k", 10, 1)] {
        let labels: Vec<u8> = (0..n).map(|i| i % 10).collect();
        let images = idx(&[u32::from(n), 6, 5], &pixels(30 * usize::from(n), seed));
        fixture.write(&format!("{prefix}{split}-images-idx3-ubyte"), &images);
        let labels = idx(&[u32::from(n)], &labels);
        fixture.write(&format!("{prefix}{split}-labels-idx1-ubyte"), &labels);
    }
    fixture
}

/// A tar stream of a folder, entries sorted.
pub fn tar_of(folder: &Path) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    append(&mut builder, folder, "");
    builder.into_inner().unwrap()
}

fn append(builder: &mut tar::Builder<Vec<u8>>, folder: &Path, prefix: &str) {
    let mut entries: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        let name = format!("{prefix}{}", path.file_name().unwrap().to_str().unwrap());
        if path.is_dir() {
            builder.append_dir(&name, &path).unwrap();
            append(builder, &path, &format!("{name}/"));
        } else {
            builder.append_path_with_name(&path, &name).unwrap();
        }
    }
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 1);
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Asserts that two datasets are equal in every image, label and name.
pub fn assert_same(a: &Dataset, b: &Dataset) {
    assert_eq!(a.about(), b.about());
    assert_eq!(a.measured(), b.measured());
    assert_eq!(a.normalisation(), b.normalisation());
    for (a, b) in [(a.train_split(), b.train_split()), (a.test_split(), b.test_split())] {
        assert_eq!(a.shape(), b.shape());
        assert_eq!(a.labels(), b.labels());
        assert_eq!(a.class_counts(), b.class_counts());
        assert!(a.images() == b.images(), "the images differ");
    }
    assert_eq!(a.describe(), b.describe());
}
