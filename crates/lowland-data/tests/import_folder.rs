//! Image folders: every layout and archive, and every way to be wrong.

mod common;

use std::fs;

use common::*;
use image::ExtendedColorType::{L8, L16, Rgba8};
use lowland_data::{Error, SourceKind, Stage, open};

#[test]
fn folder_becomes_a_dataset() {
    let fixture = png_folder("");
    fixture
        .write("README.txt", b"ignored")
        .write(".hidden/x.png", b"ignored")
        .write("train/labels.csv", b"ignored");
    let report = fixture.import().unwrap();
    assert_eq!(report.kind, SourceKind::ImageFolder);
    assert_eq!(report.path, fixture.target().join("set.lldata"));
    let set = open(fixture.target()).unwrap();
    assert_eq!(set.describe(), report.info);
    assert_eq!((set.title(), set.shape()), ("set", [4, 4, 3]));
    assert_eq!(set.classes(), ["cat", "dog"]);
    assert_eq!(set.train_split().labels(), [0, 0, 0, 1, 1, 1]);
    assert_eq!(set.test_split().labels(), [0, 0, 1, 1]);
    for (i, seed) in [0, 1, 2, 10, 11, 12].into_iter().enumerate() {
        assert_eq!(set.train().image(i), pixels(48, seed));
    }
    for (i, seed) in [100, 101, 110, 111].into_iter().enumerate() {
        assert_eq!(set.test().image(i), pixels(48, seed));
    }
}

#[test]
fn files_called_like_those_of_cifar100_do_not_hide_the_images() {
    for names in [&["train.bin", "test.bin"][..], &["a/train.bin", "b/test.bin"]] {
        let fixture = png_folder("");
        for name in names {
            fixture.write(name, b"of some other program");
        }
        let report = fixture.import().unwrap();
        assert_eq!(report.kind, SourceKind::ImageFolder, "{names:?}");
        assert_eq!(open(fixture.target()).unwrap().train_split().labels(), [0, 0, 0, 1, 1, 1]);
    }
}

#[test]
fn archives_and_leading_folders_give_the_same_dataset() {
    let plain = png_folder("");
    plain.import().unwrap();
    let want = open(plain.target()).unwrap();
    for prefix in ["", "pets-1.0/"] {
        let fixture = png_folder(prefix);
        let tar = tar_of(&fixture.source());
        for (name, bytes) in
            [("a.tar", tar.clone()), ("a.tar.gz", gzip(&tar)), ("misnamed.zip", xz(&tar))]
        {
            let archive = fixture.dir.path().join(name);
            fs::write(&archive, bytes).unwrap();
            fixture.import_from(&archive).unwrap();
            let set = open(fixture.target()).unwrap();
            assert_eq!(set.train_split().images(), want.train_split().images());
            assert_eq!(set.test_split().images(), want.test_split().images());
            assert_eq!((set.classes(), set.measured()), (want.classes(), want.measured()));
        }
        fixture.import().unwrap();
        assert_eq!(
            open(fixture.target()).unwrap().train_split().images(),
            want.train_split().images()
        );
    }
}

#[test]
fn jpeg_is_decoded() {
    let fixture = Fixture::new();
    fixture.write("train/a/0.jpg", TWO_TONE).write("test/a/0.JPEG", TWO_TONE);
    fixture.import().unwrap();
    let set = open(fixture.target()).unwrap();
    assert_eq!(set.shape(), [8, 8, 3]);
    for (i, &byte) in set.train().image(0).iter().enumerate() {
        let want = if (i / 3) % 8 < 4 { [200, 30, 60] } else { [20, 160, 220] }[i % 3];
        // Colour is stored at full quality; rounding in the colour transform remains.
        assert!(byte.abs_diff(want) <= 2, "byte {i} is {byte}, not {want}");
    }
    let grey = Fixture::new();
    grey.write("train/a/0.jpg", GREY).write("test/a/0.jpg", GREY);
    grey.import().unwrap();
    let set = open(grey.target()).unwrap();
    assert_eq!(set.shape(), [8, 8, 1]);
    assert!(set.train().image(0).iter().all(|&b| b == 100));
}

#[test]
fn cifar10_as_images_says_that_it_is_a_copy() {
    let fixture = Fixture::new();
    for class in
        ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
    {
        fixture.write(&format!("train/{class}/0.png"), &rgb_png(32, 1));
        fixture.write(&format!("test/{class}/0.png"), &rgb_png(32, 2));
    }
    let info = fixture.import().unwrap().info;
    assert_eq!(info.title, "CIFAR-10 (PNG copy)");
    assert_eq!(info.normalisation.mean, [0.4914, 0.4822, 0.4465]);
    assert_eq!(info.normalisation.std, [0.2470, 0.2435, 0.2616]);
    assert_ne!(info.measured, info.normalisation);
}

#[test]
fn progress_counts_every_image_on_the_calling_thread() {
    let fixture = png_folder("");
    let here = std::thread::current().id();
    let mut decoded = Vec::new();
    let mut written = (0, 0);
    import_set(&fixture.source(), &fixture.target(), &mut |progress| {
        assert_eq!(std::thread::current().id(), here);
        match progress.stage {
            Stage::Decode => decoded.push((progress.done, progress.total)),
            Stage::Write => written = (progress.done, progress.total.unwrap()),
            Stage::Read => {}
        }
    })
    .unwrap();
    assert_eq!(decoded, [(6, Some(10)), (10, Some(10))]);
    assert!(written.0 == written.1 && written.0 > 480);
}

#[test]
fn image_of_another_size_or_colour() {
    let fixture = png_folder("");
    fixture.write("test/dog/000.png", &rgb_png(5, 0));
    let error = fixture.refused();
    assert!(matches!(error, Error::ImageSize { .. }));
    assert_says(
        &error,
        &[
            "source",
            "entry `test/dog/000.png`",
            "shape 5x5x3",
            "`train/cat/000.png`, has 4x4x3",
            "bring all images to one size",
        ],
    );
    fixture.write("test/dog/000.png", &png(4, 4, L8, &[7; 16]));
    assert_says(&fixture.refused(), &["shape 4x4x1", "one colour type"]);
}

#[test]
fn the_first_of_several_bad_images_is_reported() {
    let fixture = Fixture::new();
    for i in 0..600 {
        let good = rgb_png(2, i as u8);
        fixture.write(
            &format!("train/a/{i:03}.png"),
            if i >= 130 && i % 2 == 0 { b"bad" } else { &good },
        );
    }
    fixture.write("test/a/0.png", &rgb_png(2, 0));
    for _ in 0..5 {
        assert_says(&fixture.refused(), &["entry `train/a/130.png`"]);
    }
}

#[test]
fn unreadable_images() {
    let cut = &TWO_TONE[..TWO_TONE.len() - 60];
    let whole = rgb_png(4, 0);
    let mut flipped = whole.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 0x10;
    let cases: [(&[u8], &str); 6] = [
        (b"", "the file is empty"),
        (b"GIF89a", "neither JPEG nor PNG"),
        (&whole[..whole.len() / 2], "unreadable image"),
        (&flipped, "unreadable image"),
        (&png(4, 4, Rgba8, &[9; 64]), "save it as 8-bit RGB or grey without transparency"),
        (&png(4, 4, L16, &[9; 32]), "save it as 8-bit RGB or grey without transparency"),
    ];
    for (bytes, says) in cases {
        let fixture = png_folder("");
        fixture.write("train/dog/001.png", bytes);
        let error = fixture.refused();
        assert!(matches!(error, Error::Image { .. }), "{error}");
        assert_says(&error, &["entry `train/dog/001.png`", says, "replace the file or remove it"]);
    }
    let fixture = Fixture::new();
    fixture
        .write("train/a/0.jpg", TWO_TONE)
        .write("train/a/1.jpg", cut)
        .write("test/a/0.jpg", TWO_TONE);
    assert_says(&fixture.refused(), &["entry `train/a/1.jpg`", "unreadable image"]);
}

#[test]
fn wrong_layouts() {
    let only_train = Fixture::new();
    only_train.write("train/a/0.png", &rgb_png(4, 0));
    assert_says(
        &only_train.refused(),
        &["entry `test`", "is missing", "train/<class>/*.jpg and test/<class>/*.jpg"],
    );

    let classes_only = Fixture::new();
    classes_only.write("cat/0.png", &rgb_png(4, 0)).write("dog/0.png", &rgb_png(4, 0));
    assert_says(
        &classes_only.refused(),
        &["neither a folder `train` nor a folder `test`", "lay the images out as"],
    );

    let two = png_folder("a/");
    two.write("b/train/cat/0.png", &rgb_png(4, 0));
    assert_says(&two.refused(), &["entry `b/`", "`a/.`", "one dataset at a time"]);

    let nested = png_folder("");
    nested.write("train/cat/more/0.png", &rgb_png(4, 0));
    assert_says(&nested.refused(), &["entry `train/cat/more", "a folder inside a class folder"]);

    let loose = png_folder("");
    loose.write("train/0.png", &rgb_png(4, 0));
    assert_says(&loose.refused(), &["entry `train/0.png`", "not in a class folder"]);

    let webp = png_folder("");
    webp.write("train/cat/0.webp", b"RIFF");
    assert_says(
        &webp.refused(),
        &["entry `train/cat/0.webp`", "neither .jpg, .jpeg nor .png", "convert it"],
    );

    let nothing = Fixture::new();
    nothing.write("notes.doc", b"x");
    let error = nothing.refused();
    assert!(matches!(error, Error::UnknownSource { .. }));
    assert_says(&error, &["none of its 1 files", "Give a folder or a .tar"]);

    let missing = nothing.refused_from(&nothing.dir.path().join("nowhere"));
    assert_says(&missing, &["cannot open", "nowhere", "check that the path exists"]);
}

#[test]
fn classes_must_be_in_both_splits_with_images() {
    let empty = png_folder("");
    empty.mkdir("train/eel").write("test/eel/0.png", &rgb_png(4, 0));
    let error = empty.refused();
    assert!(matches!(error, Error::EmptyClass { .. }));
    assert_says(
        &error,
        &["entry `train/eel`", "class `eel` has no images in the train split", "add images"],
    );

    let untested = png_folder("");
    untested.write("train/eel/0.png", &rgb_png(4, 0));
    assert_says(&untested.refused(), &["entry `test/eel`", "no images in the test split"]);

    let unknown = png_folder("");
    unknown.write("test/eel/0.png", &rgb_png(4, 0));
    let error = unknown.refused();
    assert!(matches!(error, Error::UnknownClass { .. }));
    assert_says(
        &error,
        &["entry `test/eel`", "class `eel`", "not in the train split", "add training images"],
    );

    // The same in an archive, where only the folder's own entry tells of it.
    let archived = png_folder("");
    archived.mkdir("train/eel").mkdir("test/eel");
    let archive = archived.dir.path().join("a.tar");
    fs::write(&archive, tar_of(&archived.source())).unwrap();
    assert_says(
        &archived.refused_from(&archive),
        &["a.tar", "entry `train/eel`", "class `eel` has no images"],
    );
}

#[test]
fn truncated_archives_are_refused_at_every_length() {
    let fixture = png_folder("");
    let tar = tar_of(&fixture.source());
    for (name, bytes, step) in
        [("a.tar", tar.clone(), 512), ("a.tar.gz", gzip(&tar), 61), ("a.tar.xz", xz(&tar), 61)]
    {
        let archive = fixture.dir.path().join(name);
        for len in (0..bytes.len()).step_by(step).chain([bytes.len() - 1]) {
            fs::write(&archive, &bytes[..len]).unwrap();
            let error = fixture.refused_from(&archive);
            assert_says(&error, &[name]);
            if len >= 512 {
                assert!(matches!(error, Error::Archive { .. }), "{len}: {error}");
                assert_says(
                    &error,
                    &["truncated or damaged", "unpacked byte", "fetch or make it again"],
                );
            }
        }
    }
}

/// A few bits of a gzip stream do not matter (a match may copy the same bytes from another place),
/// but what is read is either the original or refused.
#[test]
fn damaged_compressed_archives_never_give_other_data() {
    let fixture = png_folder("");
    let tar = tar_of(&fixture.source());
    for (name, bytes) in [("a.tar.gz", gzip(&tar)), ("a.tar.xz", xz(&tar))] {
        let archive = fixture.dir.path().join(name);
        fs::write(&archive, &bytes).unwrap();
        let original = fixture.import_from(&archive).unwrap();
        let mut refused = 0;
        for at in (0..bytes.len()).step_by(37) {
            let mut bytes = bytes.clone();
            bytes[at] ^= 4;
            fs::write(&archive, &bytes).unwrap();
            match fixture.import_from(&archive) {
                Ok(report) => assert_eq!(report, original, "byte {at}"),
                Err(error) => {
                    assert_says(&error, &[name]);
                    refused += 1;
                }
            }
        }
        assert!(refused * 37 > bytes.len() / 2, "{refused} of {} bytes", bytes.len());
    }
}

#[test]
fn hostile_archives_are_refused() {
    let fixture = Fixture::new();
    let archive = fixture.dir.path().join("a.tar");
    let header = |name: &str, size: u64, kind: tar::EntryType| {
        let mut header = tar::Header::new_ustar();
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.set_size(size);
        header.set_mode(0o644);
        header.set_entry_type(kind);
        header.set_cksum();
        header.as_bytes().to_vec()
    };
    let refused = |header: Vec<u8>| {
        fs::write(&archive, [header, vec![0; 1024]].concat()).unwrap();
        fixture.refused_from(&archive)
    };
    for name in ["../train/a/0.png", "train/../../x.png", "/train/a/0.png"] {
        let error = refused(header(name, 0, tar::EntryType::Regular));
        assert_says(&error, &["a.tar", name, "the path leaves the archive", "relative paths"]);
    }
    let error = refused(header("train/a/0.png", 1 << 32, tar::EntryType::Regular));
    assert!(matches!(error, Error::TooLarge { .. }));
    assert_says(&error, &["entry `train/a/0.png`", "4294967296 bytes", "limit of 67108864"]);
    let error = refused(header("train/a/0.png", 0, tar::EntryType::Symlink));
    assert_says(&error, &["entry `train/a/0.png`", "is a link", "--dereference"]);
    let error = refused(header("train/a/0.png", 10_000, tar::EntryType::Regular));
    assert_says(&error, &["entry `train/a/0.png`", "should have 10000 bytes but 1024 are left"]);
}

#[test]
fn absurd_dimensions_are_refused_before_they_cost_memory() {
    // A PNG header that promises 100,000 x 100,000 pixels.
    let mut bytes = rgb_png(4, 0);
    bytes[16..20].copy_from_slice(&100_000u32.to_be_bytes());
    bytes[20..24].copy_from_slice(&100_000u32.to_be_bytes());
    let fixture = png_folder("");
    fixture.write("train/cat/000.png", &bytes);
    assert_says(&fixture.refused(), &["entry `train/cat/000.png`", "unreadable image"]);
}

#[test]
fn names_and_targets_are_checked() {
    let fixture = png_folder("");
    for name in ["", "../x", "A", "a b"] {
        let options = lowland_data::ImportOptions::new(name);
        let error = lowland_data::import(fixture.source(), fixture.target(), &options, &mut |_| ())
            .unwrap_err();
        assert_says(&error, &["dataset name", "lower-case letters, digits"]);
    }
    // A file where the folder should be.
    fs::write(fixture.dir.path().join("packed"), b"").unwrap();
    let error = fixture.import().unwrap_err();
    assert_says(&error, &["cannot create the folder", "packed/set"]);
}
