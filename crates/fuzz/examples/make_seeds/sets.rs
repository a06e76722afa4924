//! Datasets in the forms that people publish, and packed ones.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use lowland_data::{About, Dataset, Split, save};

use super::Seeds;

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).expect("it can be packed");
    encoder.finish().expect("it can be packed")
}

/// An IDX file of bytes.
pub fn idx_file(sizes: &[u32], bytes: &[u8]) -> Vec<u8> {
    let head = [0, 0, 8, sizes.len() as u8];
    head.into_iter()
        .chain(sizes.iter().flat_map(|n| n.to_be_bytes()))
        .chain(bytes.iter().copied())
        .collect()
}

/// Each is the number of the file that it replaces, and that file.
pub fn idx() -> Seeds {
    let of = |which: u8, file: &[u8]| [&[which], file].concat();
    let images = idx_file(&[2, 2, 3], b"zyxwvutsrqpo");
    vec![
        ("accepted-images", of(0, &images)),
        ("accepted-images-gzip", of(0, &gzip(&images))),
        ("accepted-labels", of(1, &idx_file(&[2], &[1, 0]))),
        ("accepted-test-images", of(2, &idx_file(&[1, 2, 3, 1], b"abcdef"))),
        ("accepted-classes", of(4, b"cat\n\n dog \r\nemu")),
        ("refused-no-images", of(0, &idx_file(&[2, 0, 3], b""))),
        ("refused-exabytes", of(0, &idx_file(&[u32::MAX; 3], b"zyx"))),
        (
            "refused-gigabyte-of-nothing",
            of(0, &gzip(&idx_file(&[1 << 10, 1 << 10, 1 << 10], b"zyx"))),
        ),
        ("refused-label", of(1, &idx_file(&[2], &[0, 2]))),
        ("refused-floats", of(0, b"\0\0\x0d\x01\0\0\0\x01\0\0\0\0")),
    ]
}

/// Each is an even number for CIFAR-10 or an odd one for CIFAR-100, names, an empty line, and records.
pub fn cifar() -> Seeds {
    let record = |labels: &[u8]| [labels, &[7; 3072]].concat();
    let of = |which: u8, names: &str, records: &[u8]| {
        [&[which], names.as_bytes(), b"\n\n", records].concat()
    };
    vec![
        ("accepted-10", of(0, "airplane\nbird", &record(&[1]))),
        ("accepted-100", of(1, "apple\nbear\ncup", &record(&[0, 2]))),
        ("refused-label", of(0, "airplane\nbird", &record(&[2]))),
        ("refused-cut", of(0, "airplane\nbird", &record(&[0])[..3000])),
        ("refused-no-names", of(1, "\n", &record(&[0, 0]))),
    ]
}

pub fn packed() -> Seeds {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("set.lldata");
    let split = |images: &[u8], labels: &[u16]| {
        Split::new([1, 2, 1], images.to_vec(), labels.to_vec(), 2).expect("a split")
    };
    let about = About {
        name: "set".into(),
        title: "A set".into(),
        source: "these lines".into(),
        classes: vec!["no".into(), "yes".into()],
    };
    let set = Dataset::new(about, split(&[0, 100, 200, 50], &[0, 1]), split(&[9, 8], &[1]));
    save(&set.expect("a dataset"), &path).expect("it can be saved");
    let file = std::fs::read(&path).expect("it can be read");
    let mut version = file.clone();
    version[8] = 2;
    let mut header = file.clone();
    header[12..16].fill(0xff);
    vec![
        ("accepted-two-classes", file.clone()),
        ("refused-version", version),
        ("refused-header-of-gigabytes", header),
        ("refused-cut", file[..file.len() - 1].to_vec()),
    ]
}
