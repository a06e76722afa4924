//! Files that were made to do harm: they are refused before they cost memory or time.

mod common;

use std::fs;
use std::io::Write;

use common::{Fixture, GREY, TWO_TONE, assert_says, gzip, png, png_folder, rgb_png, tar_of, xz};
use lowland_data::Error;

const MIB: usize = 1 << 20;

/// An entry of a tar archive.
fn entry(kind: tar::EntryType, name: &str, content: &[u8]) -> Vec<u8> {
    let mut header = tar::Header::new_gnu();
    header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
    header.set_entry_type(kind);
    header.set_mode(0o644);
    header.set_size(content.len() as u64);
    header.set_cksum();
    let mut bytes = [header.as_bytes(), content].concat();
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

/// What is said of an archive of a good folder with some entries more.
fn refused(entries: &[Vec<u8>], pack: fn(&[u8]) -> Vec<u8>) -> Error {
    let fixture = png_folder("");
    let good = tar_of(&fixture.source());
    let archive = fixture.dir.path().join("a.tar");
    let tar = [&good[..good.len() - 1024], &entries.concat(), &[0; 1024]].concat();
    fs::write(&archive, pack(&tar)).unwrap();
    fixture.refused_from(&archive)
}

/// As small as gzip makes it.
fn gzip_best(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn plain(bytes: &[u8]) -> Vec<u8> {
    bytes.to_vec()
}

#[test]
fn an_archive_unpacks_to_what_its_length_makes_likely() {
    let zeros = vec![0; 64 * MIB];
    for (name, zeros) in [("train/cat/x.png", &zeros[..32 * MIB]), ("notes.md", &zeros[..])] {
        for pack in [gzip_best, xz] {
            let error = refused(&[entry(tar::EntryType::Regular, name, zeros)], pack);
            let Error::Unpacked { packed, limit, .. } = error else { panic!("{error}") };
            assert_eq!(limit, 16 * MIB as u64 + 256 * packed);
            assert_says(&error, &["a.tar", "leave out what is not images", "give the folder"]);
        }
    }
    // Behind the end of the archive.
    let error = refused(&[], |tar| xz(&[tar, &[0; 32 * MIB]].concat()));
    assert!(matches!(error, Error::Unpacked { .. }), "{error}");
}

#[test]
fn unpacking_takes_little_memory() {
    use liblzma::stream::{Check, Filters, LzmaOptions, Stream};
    let pack = |tar: &[u8], dictionary: u32| {
        let mut options = LzmaOptions::new_preset(0).unwrap();
        let mut filters = Filters::new();
        filters.lzma2(options.dict_size(dictionary));
        let stream = Stream::new_stream_encoder(&filters, Check::Crc32).unwrap();
        let mut encoder = liblzma::write::XzEncoder::new_stream(Vec::new(), stream);
        encoder.write_all(tar).unwrap();
        encoder.finish().unwrap()
    };
    let fixture = png_folder("");
    let tar = tar_of(&fixture.source());
    let archive = fixture.dir.path().join("a.tar.xz");
    // The dictionary of `xz -9`.
    fs::write(&archive, pack(&tar, 64 << 20)).unwrap();
    fixture.import_from(&archive).unwrap();
    fs::remove_dir_all(fixture.dir.path().join("packed")).unwrap();
    fs::write(&archive, pack(&tar, 1 << 30)).unwrap();
    assert_says(
        &fixture.refused_from(&archive),
        &["unpacking it takes more than 268435456 bytes of memory", "Give a folder"],
    );
}

#[test]
fn extended_headers_are_short_and_agree() {
    let image = entry(tar::EntryType::Regular, "train/cat/x.png", &rgb_png(4, 0));
    let long = vec![b'x'; 2 * MIB];
    for (kind, name) in
        [(tar::EntryType::GNULongName, "././@LongLink"), (tar::EntryType::XHeader, "pax")]
    {
        let error = refused(&[entry(kind, name, &long), image.clone()], gzip);
        assert!(matches!(error, Error::TooLarge { limit: 1_048_576, .. }), "{error}");
        let error = refused(&[entry(kind, name, b"")], plain);
        assert_says(&error, &["the entry of the last extended header is missing"]);
    }
    let pax = |record: &str| entry(tar::EntryType::XHeader, "pax", record.as_bytes());
    for (record, says) in [
        ("23 path=../../../x.png\n", "the path leaves the archive"),
        ("21 path=/etc/passwd1\n", "the path leaves the archive"),
        ("12 size=512\n", "its headers give two sizes"),
        ("22 GNU.sparse.major=1\n", "the file is stored with holes"),
        ("12 path=\x1b[c\n", "`\\u{1b}[c`: the name has control characters"),
        ("99 path=x\n", "truncated or damaged"),
    ] {
        assert_says(&refused(&[pax(record), image.clone()], plain), &[says]);
    }
    let sparse = entry(tar::EntryType::GNUSparse, "._hidden", b"");
    assert_says(&refused(&[sparse], plain), &["the file is stored with holes"]);
}

/// Archives of `git archive` begin with a header that is of no file.
#[test]
fn what_all_entries_have_in_common_is_passed_over() {
    let fixture = png_folder("");
    let global = entry(tar::EntryType::XGlobalHeader, "pax_global_header", b"18 comment=012345\n");
    let archive = fixture.dir.path().join("a.tar");
    fs::write(&archive, [global, tar_of(&fixture.source())].concat()).unwrap();
    let report = fixture.import_from(&archive).unwrap();
    assert_eq!(report.info.splits[0].images, 6);
}

#[test]
fn the_first_image_alone_asks_for_no_memory() {
    let large = png(4096, 4096, image::ExtendedColorType::L8, &vec![0; 4096 * 4096]);
    let fixture = Fixture::new();
    fixture.write("train/a/00.png", &large).write("test/a/00.png", &large);
    for i in 1..20 {
        fixture.write(&format!("train/a/{i:02}.png"), b"");
    }
    let error = fixture.refused();
    let Error::TooManyPixels { images: 20, encoded, limit, .. } = error else { panic!("{error}") };
    assert_eq!((encoded, limit), (large.len() as u64, (256 << 20) + 256 * large.len() as u64));
    assert_says(&error, &["20 images of 4096x4096x1", "bring all images to one smaller size"]);
}

/// Or a dataset would talk to the terminal that it is listed on.
#[test]
fn names_of_classes_have_no_control_characters() {
    let fixture = common::idx_folder("");
    fixture.write("classes.txt", b"0\n1\n2\n3\n4\n5\n6\n7\n8\n\x1b[31m9\n");
    assert_says(&fixture.refused(), &[r#""\u{1b}[31m9""#, "no control characters"]);
}

#[test]
fn a_jpeg_file_that_ends_early_is_not_a_grey_image() {
    let cut = TWO_TONE[..TWO_TONE.len() - 20].to_vec();
    let mut vast = GREY.to_vec();
    let frame = vast.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
    vast[frame + 5..frame + 9].copy_from_slice(&[0x10, 0, 0x10, 0]);
    for (bytes, says) in [
        (cut, "the file is cut off: its end mark is missing"),
        (vast, "bytes are not 4096x4096 pixels"),
    ] {
        let fixture = Fixture::new();
        fixture.write("train/a/0.jpg", &bytes).write("test/a/0.jpg", &bytes);
        assert_says(&fixture.refused(), &["entry `train/a/0.jpg`", says]);
    }
}

#[test]
fn an_animation_that_begins_with_a_part_is_not_an_image() {
    let mut bytes = Vec::new();
    let mut encoder = ::png::Encoder::new(&mut bytes, 4, 4);
    encoder.set_animated(2, 0).unwrap();
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&[7; 16]).unwrap();
    writer.write_image_data(&[9; 16]).unwrap();
    writer.finish().unwrap();
    let whole = Fixture::new();
    whole.write("train/a/0.png", &bytes).write("test/a/0.png", &bytes);
    whole.import().unwrap();
    // Width and height of the first frame, and the checksum behind them.
    let name = bytes.windows(4).position(|name| name == b"fcTL").unwrap();
    bytes[name + 8..name + 16].copy_from_slice(&[0, 0, 0, 2, 0, 0, 0, 2]);
    let mut crc = flate2::Crc::new();
    crc.update(&bytes[name..name + 30]);
    bytes[name + 30..name + 34].copy_from_slice(&crc.sum().to_be_bytes());
    let part = Fixture::new();
    part.write("train/a/0.png", &bytes).write("test/a/0.png", &bytes);
    assert_says(&part.refused(), &["entry `train/a/0.png`", "unreadable image"]);
}

#[test]
fn there_are_no_more_classes_than_labels() {
    let fixture = common::idx_folder("");
    fixture.write("classes.txt", "x\n".repeat(1 << 16).as_bytes());
    fixture.import().unwrap();
    fs::remove_dir_all(fixture.dir.path().join("packed")).unwrap();
    fixture.write("classes.txt", "x\n".repeat((1 << 16) + 1).as_bytes());
    assert_says(&fixture.refused(), &["classes.txt", "more than 65,536 classes"]);
}

/// A link to what never ends is not read.
#[test]
#[cfg(target_os = "linux")]
fn devices_are_not_read() {
    let fixture = png_folder("");
    std::os::unix::fs::symlink("/dev/zero", fixture.source().join("train/cat/zero.png")).unwrap();
    assert_says(&fixture.refused(), &["cannot read", "zero.png", "it is not a regular file"]);
}
