//! The real CIFAR-10, when its archive is there: `LOWLAND_DATA` names the folder that holds
//! `cifar10-jpeg.tar.xz`.

mod common;

use std::io::Write;
use std::path::PathBuf;
use std::time::Instant;

use common::assert_same;
use lowland_data::{ImportOptions, Loader, LoaderConfig, SourceKind, import, open};

#[test]
fn import_open_and_load() {
    let archive = |folder| PathBuf::from(folder).join("cifar10-jpeg.tar.xz");
    let Some(from) = std::env::var_os("LOWLAND_DATA").map(archive).filter(|path| path.exists())
    else {
        // Not by a macro: what those print is kept back while a test passes.
        let skip =
            "real CIFAR-10: SKIPPED, LOWLAND_DATA names no folder with cifar10-jpeg.tar.xz\n";
        std::io::stderr().write_all(skip.as_bytes()).unwrap();
        return;
    };
    let dir = tempfile::tempdir().unwrap();

    let start = Instant::now();
    let report = import(&from, dir.path(), &ImportOptions::new("cifar10"), &mut |_| ()).unwrap();
    println!("import: {:.2} s", start.elapsed().as_secs_f64());
    assert_eq!(report.kind, SourceKind::ImageFolder);
    assert_eq!(report.info.title, "CIFAR-10 (JPEG copy)");

    let start = Instant::now();
    let set = open(dir.path()).unwrap();
    println!("open and verify {} bytes: {:.3} s", report.info.bytes, start.elapsed().as_secs_f64());
    assert_eq!(set.describe(), report.info);
    assert_eq!(set.shape(), [32, 32, 3]);
    assert_eq!((set.train().len(), set.test().len()), (50_000, 10_000));
    assert_eq!(set.train_split().class_counts(), [5_000; 10]);
    assert_eq!(set.test_split().class_counts(), [1_000; 10]);
    // The published mean and deviation of CIFAR-10; the re-encoded copy is close.
    for (measured, usual) in [
        (&set.measured().mean, &set.normalisation().mean),
        (&set.measured().std, &set.normalisation().std),
    ] {
        assert!(
            measured.iter().zip(usual).all(|(a, b)| (a - b).abs() < 5e-3),
            "{measured:?} {usual:?}"
        );
    }

    // The number of decoding threads leaves no trace.
    let options = ImportOptions { threads: 1, ..ImportOptions::new("cifar10") };
    let again = import(&from, dir.path().join("again"), &options, &mut |_| ()).unwrap();
    assert_eq!(again.info, report.info);
    assert_same(&open(&again.path).unwrap(), &set);

    for workers in [0, 1, 2] {
        let config =
            LoaderConfig { workers, ..LoaderConfig::training(128, set.normalisation().clone(), 0) };
        let loader = Loader::new(set.train(), config).unwrap();
        let start = Instant::now();
        let images: usize = loader.epoch(0).map(|batch| batch.unwrap().len()).sum();
        println!(
            "{workers} workers: {:.0} images/s",
            images as f64 / start.elapsed().as_secs_f64()
        );
        assert_eq!(images, 50_000);
    }
}
