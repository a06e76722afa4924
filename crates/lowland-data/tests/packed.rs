//! The packed file: round trip, and every kind of damage.

mod common;

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use common::*;
use lowland_data::{About, Dataset, Error, Split, list, load_builtin, load_dataset, open, save};
use proptest::prelude::*;

/// A dataset small enough to try every byte: 3 and 2 images of 3x2x1.
fn small() -> Dataset {
    let about = About {
        name: "small".to_string(),
        title: "Small \"quoted\" — ünïcode".to_string(),
        source: "made up".to_string(),
        classes: vec!["a".to_string(), "b".to_string()],
    };
    let train = Split::new([3, 2, 1], pixels(18, 1), vec![0, 1, 1], 2).unwrap();
    let test = Split::new([3, 2, 1], pixels(12, 2), vec![1, 0], 2).unwrap();
    Dataset::new(about, train, test).unwrap()
}

static BYTES: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("small.lldata");
    save(&small(), &path).unwrap();
    fs::read(path).unwrap()
});

/// A file that is written over and over.
struct Scratch(tempfile::TempDir);

impl Scratch {
    fn new() -> Scratch {
        Scratch(tempfile::tempdir().unwrap())
    }

    fn open(&self, bytes: &[u8]) -> Result<Dataset, Error> {
        let path = self.0.path().join("x.lldata");
        fs::write(&path, bytes).unwrap();
        open(path)
    }
}

fn open_bytes(bytes: &[u8]) -> Result<Dataset, Error> {
    Scratch::new().open(bytes)
}

#[test]
fn round_trip_is_exact() {
    let dir = tempfile::tempdir().unwrap();
    for dataset in [small(), load_builtin("digits").unwrap()] {
        let path = dir.path().join(format!("{}.lldata", dataset.name()));
        let info = save(&dataset, &path).unwrap();
        assert_eq!(info, dataset.describe());
        assert_eq!(info.bytes, fs::metadata(&path).unwrap().len());
        assert_same(&open(&path).unwrap(), &dataset);
        // Saving what was opened gives the same bytes.
        let again = dir.path().join("again.lldata");
        save(&open(&path).unwrap(), &again).unwrap();
        assert_eq!(fs::read(&path).unwrap(), fs::read(&again).unwrap());
        fs::remove_file(again).unwrap();
    }
    assert_eq!(names_in(dir.path()), ["digits.lldata", "small.lldata"]);
}

#[test]
fn layout_is_the_documented_one() {
    let bytes = &*BYTES;
    assert_eq!(bytes[..8], *b"LLDATA\r\n");
    assert_eq!(bytes[8..12], 1u32.to_le_bytes());
    let json_len = u32::from_le_bytes(bytes[12..16].try_into().unwrap()) as usize;
    let json = &bytes[48..48 + json_len];
    let mut hasher = blake3::Hasher::new();
    assert_eq!(bytes[16..48], *hasher.update(&bytes[..16]).update(json).finalize().as_bytes());
    let header: serde_json::Value = serde_json::from_slice(json).unwrap();
    assert_eq!(header["shape"], serde_json::json!([3, 2, 1]));
    assert_eq!(header["images"], serde_json::json!([3, 2]));
    let start = (48 + json_len).next_multiple_of(64);
    assert_eq!(bytes[start..start + 18], pixels(18, 1));
    assert_eq!(bytes[start + 64..start + 70], [0, 0, 1, 0, 1, 0]);
    assert_eq!(bytes[start + 128..start + 140], pixels(12, 2));
    assert_eq!(bytes[start + 192..], [1, 0, 0, 0]);
    assert_eq!(header["sections"][2]["blake3"], blake3::hash(&pixels(12, 2)).to_hex().as_str());
}

/// Every bit of what comes before the sections' own checks, and one bit of every other byte.
#[test]
fn every_flipped_bit_is_detected() {
    let scratch = Scratch::new();
    let mut bytes = BYTES.clone();
    for at in 0..bytes.len() {
        let bits = if at < 48 { 0..8 } else { at % 8..at % 8 + 1 };
        for bit in bits {
            bytes[at] ^= 1 << bit;
            let error = scratch.open(&bytes).expect_err("a flipped bit went unnoticed");
            bytes[at] ^= 1 << bit;
            let expected = match at {
                0..8 => matches!(error, Error::NotPacked { .. }),
                8..12 => matches!(error, Error::UnknownVersion { .. }),
                12..16 => matches!(error, Error::Damaged { .. } | Error::Truncated { .. }),
                _ => matches!(error, Error::Damaged { .. }),
            };
            assert!(expected, "byte {at}, bit {bit}: {error}");
        }
    }
}

#[test]
fn every_truncation_is_detected() {
    let scratch = Scratch::new();
    for len in 0..BYTES.len() {
        let error = scratch.open(&BYTES[..len]).expect_err("a truncated file was opened");
        assert!(matches!(error, Error::Truncated { .. }), "{len}: {error}");
    }
    let error = open_bytes(&BYTES[..BYTES.len() - 1]).unwrap_err();
    let (len, whole) = (BYTES.len() - 1, BYTES.len());
    assert_says(
        &error,
        &[
            "x.lldata` is truncated",
            &format!("{len} bytes of at least {whole}"),
            "import the data again",
        ],
    );
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    /// Any number of changed bytes, cut or appended, anywhere.
    #[test]
    fn no_damage_goes_unnoticed(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        keep in any::<prop::sample::Index>(),
        cut in any::<bool>(),
        extra in prop::collection::vec(any::<u8>(), 0..80),
    ) {
        let mut bytes = BYTES.clone();
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if cut {
            bytes.truncate(keep.index(bytes.len()));
        }
        bytes.extend(extra);
        prop_assert_eq!(open_bytes(&bytes).is_ok(), bytes == *BYTES);
    }

    /// Bytes without any structure never do worse than an error.
    #[test]
    fn noise_is_refused(noise in prop::collection::vec(any::<u8>(), 0..300), signed in any::<bool>()) {
        let bytes = if signed { [&b"LLDATA\r\n\x01\0\0\0"[..], &noise].concat() } else { noise };
        prop_assert!(open_bytes(&bytes).is_err());
    }
}

#[test]
fn each_kind_of_damage_has_its_own_message() {
    let flipped = |at: usize| {
        let mut bytes = BYTES.clone();
        bytes[at] ^= 1;
        open_bytes(&bytes).unwrap_err()
    };
    assert_says(&flipped(0), &["is not a packed Lowland dataset", "import the data first"]);
    assert_says(&flipped(9), &["byte 8: format version 257 is unknown", "reads version 1"]);
    assert_says(
        &flipped(60),
        &["the header (from byte 0) does not match its checksum", "import the data again"],
    );
    let end = BYTES.len();
    let from = |back: usize| format!("(from byte {})", end - back);
    assert_says(
        &flipped(end - 4),
        &["section test.labels", &from(4), "does not match its checksum"],
    );
    assert_says(&flipped(end - 20), &["the filling", "is not zero"]);
    assert_says(
        &flipped(end - 68),
        &["section test.images", &from(68), "does not match its checksum"],
    );
    let longer = open_bytes(&[&BYTES[..], b"more"].concat()).unwrap_err();
    assert_says(&longer, &["4 more bytes", "follow the last section"]);
}

#[test]
fn headers_that_lie_are_refused() {
    // A header with a valid checksum that somebody wrote by hand.
    let forge = |change: &dyn Fn(&mut serde_json::Value)| {
        let json_len = u32::from_le_bytes(BYTES[12..16].try_into().unwrap()) as usize;
        let mut header: serde_json::Value =
            serde_json::from_slice(&BYTES[48..48 + json_len]).unwrap();
        change(&mut header);
        let json = serde_json::to_vec(&header).unwrap();
        let mut bytes = [&BYTES[..12], &(json.len() as u32).to_le_bytes()].concat();
        let digest = *blake3::Hasher::new().update(&bytes).update(&json).finalize().as_bytes();
        bytes.extend(digest);
        bytes.extend(&json);
        bytes.resize(bytes.len().next_multiple_of(64), 0);
        bytes.extend(&BYTES[(48 + json_len).next_multiple_of(64)..]);
        open_bytes(&bytes)
    };
    assert!(forge(&|_| ()).is_ok());
    let refused = |change: &dyn Fn(&mut serde_json::Value)| forge(change).unwrap_err();
    let big = serde_json::json!(u64::MAX);
    assert_says(
        &refused(&|h| h["shape"][0] = 4.into()),
        &["describes section train.images inconsistently"],
    );
    assert_says(&refused(&|h| h["shape"][0] = 0.into()), &["every size must be at least 1"]);
    assert_says(&refused(&|h| h["shape"] = serde_json::json!([big, big, 3])), &["the header"]);
    assert_says(
        &refused(&|h| h["images"][1] = big.clone()),
        &["describes section test.images inconsistently"],
    );
    assert_says(&refused(&|h| h["sections"][0]["offset"] = big.clone()), &["inconsistently"]);
    assert_says(
        &refused(&|h| h["surprise"] = 1.into()),
        &["the header", "unknown field `surprise`"],
    );
    assert_says(&refused(&|h| h["about"]["name"] = "../x".into()), &["the header", "dataset name"]);
    assert_says(
        &refused(&|h| h["measured"]["std"][0] = 0.into()),
        &["the header", "positive deviations"],
    );
    let error = refused(&|h| h["about"]["classes"] = serde_json::json!(["a"]));
    assert!(matches!(error, Error::LabelRange { label: 1, classes: 1, offset: 2, .. }));
    assert_says(&error, &["entry `train.labels`, byte 2", "label 1 is out of range"]);
}

#[test]
fn folders_are_opened_when_they_hold_one_packed_file() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("data");
    assert!(list(&folder).unwrap().is_empty());
    fs::create_dir_all(folder.join("small")).unwrap();
    assert_says(
        &open(&folder).unwrap_err(),
        &["holds 0 packed datasets", "import a dataset into it first"],
    );
    let path = folder.join("small/small.lldata");
    save(&small(), &path).unwrap();
    fs::write(folder.join("small/.abc.partial"), b"left by a killed program").unwrap();
    assert_same(&open(folder.join("small")).unwrap(), &small());
    assert_same(&load_dataset(folder.join("small").to_str().unwrap()).unwrap(), &small());
    assert_eq!(list(&folder).unwrap(), [path]);
    save(&small(), folder.join("small/again.lldata")).unwrap();
    let error = open(folder.join("small")).unwrap_err();
    assert_says(
        &error,
        &["holds 2 packed datasets (*.lldata): again.lldata, small.lldata; name one of them"],
    );
    assert_says(
        &open(dir.path().join("none.lldata")).unwrap_err(),
        &["cannot open", "none.lldata"],
    );
}

#[test]
fn a_failed_save_leaves_the_old_file_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let error = save(&small(), dir.path().join("nowhere/small.lldata")).unwrap_err();
    assert_says(&error, &["cannot create a file in", "nowhere"]);
    assert!(names_in(dir.path()).is_empty());
    // The target is a folder that cannot be replaced by a file.
    fs::create_dir_all(dir.path().join("small.lldata/inner")).unwrap();
    let error = save(&small(), dir.path().join("small.lldata")).unwrap_err();
    assert_says(&error, &["cannot write", "small.lldata"]);
    assert_eq!(names_in(dir.path()), ["small.lldata"]);
    // An open dataset survives the replacement of its file.
    let path = dir.path().join("digits.lldata");
    save(&small(), &path).unwrap();
    let opened = open(&path).unwrap();
    save(&load_builtin("digits").unwrap(), &path).unwrap();
    assert_same(&opened, &small());
    assert_eq!(open(&path).unwrap().train().len(), 1437);
}

#[test]
fn impossible_datasets_are_refused() {
    let split = |n: usize, shape: [usize; 3]| {
        Split::new(shape, vec![0; n * shape.iter().product::<usize>()], vec![0; n], 1).unwrap()
    };
    let about = |name: &str, classes: usize| About {
        name: name.to_string(),
        title: String::new(),
        source: String::new(),
        classes: vec![String::new(); classes],
    };
    let refused = |about, train, test| Dataset::new(about, train, test).unwrap_err();
    assert_says(
        &refused(about("a", 1), split(0, [1, 1, 1]), split(1, [1, 1, 1])),
        &["at least one image"],
    );
    assert_says(
        &refused(about("a", 1), split(1, [1, 1, 1]), split(1, [1, 2, 1])),
        &["training images are [1, 1, 1]"],
    );
    assert_says(
        &refused(about("a", 2), split(1, [1, 1, 1]), split(1, [1, 1, 1])),
        &["classes = 2"],
    );
    assert_says(
        &refused(about("A", 1), split(1, [1, 1, 1]), split(1, [1, 1, 1])),
        &["dataset name"],
    );
    let bad = |shape, images: usize, labels: &[u16]| {
        Split::new(shape, vec![0; images], labels.to_vec(), 2).unwrap_err()
    };
    assert_says(&bad([1, 0, 1], 0, &[0]), &["every size must be at least 1"]);
    assert_says(&bad([1, 2, 1], 3, &[0, 0]), &["images (bytes) = 3", "2 labels of 2-byte images"]);
    assert_says(&bad([1, 1, 1], 2, &[0, 2]), &["label = 2", "image 1 must have a label below 2"]);
}

fn names_in(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}
