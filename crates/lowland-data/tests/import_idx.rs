//! Sets of MNIST's kind: four IDX files.

mod common;

use std::fs;

use common::*;
use lowland_data::{Error, ImportReport, Loader, LoaderConfig, SourceKind, open};

const NAMES: [&str; 4] = [
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
];

fn assert_is_the_fixture(report: &ImportReport) {
    assert_eq!(report.kind, SourceKind::Idx);
    let set = open(&report.path).unwrap();
    assert_eq!((set.shape(), set.title()), ([6, 5, 1], "set"));
    assert_eq!(set.classes(), ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]);
    assert_eq!((set.train().len(), set.test().len()), (20, 10));
    assert_eq!(set.train_split().images(), pixels(600, 0));
    assert_eq!(set.test_split().images(), pixels(300, 1));
    assert_eq!(set.train().label(13), 3);
    // One channel's own statistics, measured.
    assert_eq!((set.measured().mean.len(), set.measured()), (1, set.normalisation()));
    let mean = pixels(600, 0).iter().map(|&b| f64::from(b)).sum::<f64>() / 600.0 / 255.0;
    assert!((f64::from(set.measured().mean[0]) - mean).abs() < 1e-7);
}

#[test]
fn a_set_is_read_from_folders_and_archives() {
    let plain = idx_folder("");
    assert_is_the_fixture(&plain.import().unwrap());
    // The way MNIST is published: each file compressed by itself; beside one of them its plain
    // copy.
    let packed = idx_folder("MNIST/raw/");
    for name in NAMES {
        let name = format!("MNIST/raw/{name}");
        let bytes = fs::read(packed.source().join(&name)).unwrap();
        packed.write(&format!("{name}.gz"), &gzip(&bytes));
        if !name.contains("train-labels") {
            packed.remove(&name);
        }
    }
    assert_is_the_fixture(&packed.import().unwrap());
    let archive = packed.dir.path().join("mnist.tar.gz");
    fs::write(&archive, gzip(&tar_of(&packed.source()))).unwrap();
    assert_is_the_fixture(&packed.import_from(&archive).unwrap());
    // The content counts, not the name: a plain file that calls itself compressed, and other names.
    let renamed = idx_folder("");
    for (from, to) in NAMES.into_iter().zip([
        "emnist-train-images.idx3-ubyte",
        "emnist-train-labels.idx1-ubyte.gz",
        "emnist-test-images.IDX3-UBYTE",
        "emnist-test-labels.idx1-ubyte",
    ]) {
        fs::rename(renamed.source().join(from), renamed.source().join(to)).unwrap();
    }
    assert_is_the_fixture(&renamed.import().unwrap());
}

#[test]
fn four_dimensions_are_channels_last() {
    let set = idx_folder("");
    set.write(NAMES[0], &idx(&[20, 3, 2, 3], &pixels(360, 5)));
    set.write(NAMES[2], &idx(&[10, 3, 2, 3], &pixels(180, 6)));
    let set = open(set.import().unwrap().path).unwrap();
    assert_eq!((set.shape(), set.measured().mean.len()), ([3, 2, 3], 3));
    assert_eq!(set.train_split().images(), pixels(360, 5));
    let planes = idx_folder("");
    planes.write(NAMES[0], &idx(&[20, 3, 6, 5], &pixels(1800, 5)));
    assert_says(
        &planes.refused(),
        &["byte 16: images of 5 channels", "store them as [N, H, W, C]"],
    );
}

#[test]
fn classes_may_be_named() {
    let set = idx_folder("a/");
    set.write("classes.txt", b"not beside the files\n");
    set.write(
        "a/classes.txt",
        (0..26).map(|i| format!("letter {i}\n")).collect::<String>().as_bytes(),
    );
    let classes = open(set.import().unwrap().path).unwrap().classes().to_vec();
    assert_eq!((classes.len(), classes[25].as_str()), (26, "letter 25"));
    set.write("a/classes.txt", b"zero\none\n");
    let error = set.import().unwrap_err();
    assert!(matches!(error, Error::LabelRange { label: 2, offset: 10, classes: 2, .. }));
    set.write("a/classes.txt", b"\n");
    assert_says(&set.import().unwrap_err(), &["entry `a/classes.txt`", "it names no classes"]);
}

#[test]
fn bad_files_are_named_with_the_byte() {
    for name in NAMES {
        let missing = idx_folder("");
        missing.remove(name);
        let error = missing.refused();
        assert!(matches!(error, Error::MissingFile { .. }));
        assert_says(&error, &[&format!("`{name}` is missing")]);
    }
    let with = |name: &str, bytes: &[u8]| idx_folder("").write(name, bytes).refused();
    let error = with(NAMES[0], &idx(&[20, 6, 5], &pixels(599, 0)));
    assert!(matches!(error, Error::Idx { offset: 615, .. }));
    assert_says(
        &error,
        &[
            "source",
            "entry `train-images-idx3-ubyte`, byte 615: the file ends",
            "fetch the file again",
        ],
    );
    let longer = gzip(&idx(&[10, 6, 5], &pixels(301, 0)));
    assert_says(&with(NAMES[2], &longer), &["t10k-images", "byte 316: bytes follow the 300"]);
    let labels: Vec<u8> = (0..20).map(|i| i % 10).collect();
    assert_says(&with(NAMES[0], &idx(&[20], &labels)), &["byte 3: 1 dimensions", "be 3 or 4"]);
    assert_says(
        &with(NAMES[1], b"\x89PNG\r\n\x1a\n"),
        &["train-labels", "byte 0", "two zero bytes"],
    );
    assert_says(
        &with(NAMES[1], &idx(&[19], &labels[1..])),
        &[
            "train-labels-idx1-ubyte`, byte 4: 19 labels, but `train-images-idx3-ubyte` has 20 images",
        ],
    );
    assert_says(
        &with(NAMES[2], &idx(&[10, 5, 6], &pixels(300, 0))),
        &["t10k-images-idx3-ubyte`, byte 8: images of 5x6x1, but the training images are 6x5x1"],
    );
    let error = with(NAMES[3], &idx(&[10], &[0, 1, 2, 3, 4, 5, 6, 7, 8, 10]));
    assert!(matches!(error, Error::LabelRange { label: 10, offset: 17, .. }));
    assert_says(&error, &["t10k-labels-idx1-ubyte`, byte 17", "(0 to 9)", "`classes.txt`"]);
    assert_says(&with(NAMES[0], &idx(&[u32::MAX; 3], &[])), &["byte 4: sizes", "are not possible"]);
}

#[test]
fn one_dataset_at_a_time() {
    let two = idx_folder("mnist/");
    two.write("fashion/train-images-idx3-ubyte", &idx(&[1, 1, 1], &[0]));
    assert_says(&two.refused(), &["IDX files in `fashion` too", "one dataset at a time"]);
    let twice = idx_folder("");
    twice.write("letters-train-labels-idx1-ubyte", &idx(&[1], &[0]));
    assert_says(
        &twice.refused(),
        &["`train-labels-idx1-ubyte`", "`letters-train-labels-idx1-ubyte` is there", "remove one"],
    );
}

/// One channel of a size that no vector divides goes through augmentation and normalisation.
#[test]
fn an_imported_set_trains() {
    let set = open(idx_folder("").import().unwrap().path).unwrap();
    let stats = set.normalisation().clone();
    let loader = Loader::new(set.train(), LoaderConfig::training(8, stats.clone(), 3)).unwrap();
    let mut seen = Vec::new();
    for batch in loader.epoch(0) {
        let batch = batch.unwrap();
        assert_eq!(batch.shape()[1..], [6, 5, 1]);
        for (&index, &label) in batch.indices().iter().zip(batch.labels()) {
            assert_eq!(label, index % 10);
            seen.push(index);
        }
        // Every value is a byte's: no other channel's statistics, nothing left over.
        for value in batch.images() {
            let byte =
                (f64::from(*value) * f64::from(stats.std[0]) + f64::from(stats.mean[0])) * 255.0;
            assert!((byte - byte.round()).abs() < 1e-3 && (-0.5..255.5).contains(&byte), "{byte}");
        }
    }
    seen.sort_unstable();
    assert_eq!(seen, (0..20).collect::<Vec<_>>());
}
