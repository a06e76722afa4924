//! The CIFAR binary versions.

mod common;

use std::fs;

use common::*;
use lowland_data::{Cifar100Labels, Error, ImportOptions, SourceKind, import, open};

#[test]
fn cifar10_binary_is_read_from_folder_and_archive() {
    let fixture = cifar10_folder("cifar-10-batches-bin/", 3);
    let tar = tar_of(&fixture.source());
    let archive = fixture.dir.path().join("cifar-10-binary.tar.gz");
    fs::write(&archive, gzip(&tar)).unwrap();
    for from in [fixture.source(), archive] {
        let report = fixture.import_from(&from).unwrap();
        assert_eq!(report.kind, SourceKind::Cifar10Binary);
        let set = open(&report.path).unwrap();
        assert_eq!((set.title(), set.shape()), ("CIFAR-10", [32, 32, 3]));
        assert_eq!((set.train().len(), set.test().len()), (15, 3));
        assert_eq!(set.classes()[9], "truck");
        assert_eq!(set.train_split().labels(), [0, 1, 2].repeat(5));
        assert_eq!(set.normalisation().mean, [0.4914, 0.4822, 0.4465]);
        // Planes become pixels: record 1 of batch 2 is image 4.
        let planes = pixels(3072, 2 * 16 + 1);
        for (i, &byte) in set.train().image(4).iter().enumerate() {
            assert_eq!(byte, planes[(i % 3) * 1024 + i / 3]);
        }
        assert_eq!(set.test().image(0)[..3], [0, 1024, 2048].map(|p| pixels(3072, 96)[p]));
    }
}

#[test]
fn cifar10_bad_files() {
    let missing = cifar10_folder("", 2);
    missing.remove("data_batch_3.bin");
    let error = missing.refused();
    assert!(matches!(error, Error::MissingFile { .. }));
    assert_says(&error, &["source", "`data_batch_3.bin` is missing", "fetch the dataset again"]);

    let nameless = cifar10_folder("", 2);
    nameless.remove("batches.meta.txt");
    assert_says(&nameless.refused(), &["`batches.meta.txt` is missing"]);
    nameless.write("batches.meta.txt", b"\n\n");
    assert_says(&nameless.refused(), &["entry `batches.meta.txt`: 2 bytes, it names no classes"]);

    // Cut between two records, and inside one in all files.
    let cut = cifar10_folder("", 2);
    let bytes = fs::read(cut.source().join("data_batch_5.bin")).unwrap();
    cut.write("data_batch_5.bin", &bytes[..3073]);
    assert_says(
        &cut.refused(),
        &["entry `data_batch_5.bin`: 3073 bytes", "`test_batch.bin` has 6146", "truncated"],
    );
    let odd = cifar10_folder("", 2);
    for name in [
        "data_batch_1",
        "data_batch_2",
        "data_batch_3",
        "data_batch_4",
        "data_batch_5",
        "test_batch",
    ] {
        odd.write(&format!("{name}.bin"), &bytes[..6000]);
    }
    let error = odd.refused();
    assert!(matches!(error, Error::Length { .. }));
    assert_says(
        &error,
        &["entry `data_batch_1.bin`: 6000 bytes", "not a whole number of 3073-byte records"],
    );

    let mislabelled = cifar10_folder("sub/", 3);
    let mut bytes = fs::read(mislabelled.source().join("sub/data_batch_4.bin")).unwrap();
    bytes[2 * 3073] = 10;
    mislabelled.write("sub/data_batch_4.bin", &bytes);
    let error = mislabelled.refused();
    assert!(matches!(error, Error::LabelRange { label: 10, offset: 6146, .. }));
    assert_says(
        &error,
        &[
            "entry `sub/data_batch_4.bin`, byte 6146",
            "label 10 is out of range",
            "(0 to 9)",
            "fetch",
        ],
    );
}

fn cifar100() -> Fixture {
    let fixture = Fixture::new();
    let names = |n: usize| (0..n).map(|i| format!("name{i}\n")).collect::<String>();
    fixture.write("fine_label_names.txt", names(100).as_bytes());
    fixture.write("coarse_label_names.txt", names(20).as_bytes());
    let records = |n: u8| {
        (0..n).flat_map(|i| [vec![i % 20, 99 - i], pixels(3072, i)].concat()).collect::<Vec<u8>>()
    };
    fixture.write("train.bin", &records(10)).write("test.bin", &records(2));
    fixture
}

#[test]
fn cifar100_binary_has_fine_and_coarse_labels() {
    let fixture = cifar100();
    let report = fixture.import().unwrap();
    assert_eq!(report.kind, SourceKind::Cifar100Binary);
    let set = open(&report.path).unwrap();
    assert_eq!((set.title(), set.classes().len()), ("CIFAR-100", 100));
    assert_eq!(set.train_split().labels(), [99, 98, 97, 96, 95, 94, 93, 92, 91, 90]);
    assert_eq!(set.normalisation().std, [0.2675, 0.2565, 0.2761]);

    let options =
        ImportOptions { cifar100_labels: Cifar100Labels::Coarse, ..ImportOptions::new("coarse") };
    let report =
        import(fixture.source(), fixture.dir.path().join("c"), &options, &mut |_| ()).unwrap();
    let set = open(&report.path).unwrap();
    assert_eq!(set.classes().len(), 20);
    assert_eq!(set.test_split().labels(), [0, 1]);
    assert_eq!(set.test().image(1)[1], pixels(3072, 1)[1024]);
}

#[test]
fn cifar100_bad_files() {
    for name in ["train.bin", "test.bin", "fine_label_names.txt"] {
        let missing = cifar100();
        missing.remove(name);
        assert_says(&missing.refused(), &[&format!("`{name}` is missing")]);
    }
    let cut = cifar100();
    let bytes = fs::read(cut.source().join("train.bin")).unwrap();
    cut.write("train.bin", &bytes[..9 * 3074]);
    assert_says(
        &cut.refused(),
        &["entry `train.bin`: 27666 bytes", "five times `test.bin` is 30740"],
    );
    let mislabelled = cifar100();
    let mut bytes = fs::read(mislabelled.source().join("train.bin")).unwrap();
    bytes[3074 + 1] = 100;
    mislabelled.write("train.bin", &bytes);
    assert_says(
        &mislabelled.refused(),
        &["entry `train.bin`, byte 3075", "label 100", "(0 to 99)"],
    );
}
