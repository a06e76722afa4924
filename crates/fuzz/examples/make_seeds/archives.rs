//! Archives of a small image folder, and those that people make to do harm.

use std::io::Write;

use liblzma::stream::{Check, Filters, LzmaOptions, Stream};
use liblzma::write::XzEncoder;
use tar::{EntryType, Header};

use super::Seeds;
use super::images::rgb;
use super::sets::{gzip, idx_file};

pub fn seeds() -> Seeds {
    let whole = with(&[]);
    let mut cut = whole.clone();
    cut.truncate(cut.len() - 1024);
    let long = "train/cat/".to_string() + &"x".repeat(150) + ".png";
    let pax = |record: &str| entry(EntryType::XHeader, "pax", record.as_bytes());
    let global = entry(
        EntryType::XGlobalHeader,
        "pax_global_header",
        b"52 comment=0123456789012345678901234567890123456789\n",
    );
    let link = |kind| {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_path("train/cat/link.png").expect("a name");
        header.set_link_name("/etc/passwd").expect("a name");
        header.set_size(0);
        header.set_cksum();
        header.as_bytes().to_vec()
    };
    let zeros = vec![0; 24 << 20];
    let labels = idx_file(&[1], &[0]);
    let bomb = [
        entry(EntryType::Regular, "train-images-idx3-ubyte", &idx_file(&[24 << 20, 1, 1], &zeros)),
        entry(EntryType::Regular, "train-labels-idx1-ubyte", &labels),
    ]
    .concat();
    vec![
        ("accepted-folder.tar", whole.clone()),
        ("accepted-folder.tar.gz", gzip(&whole)),
        ("accepted-folder.tar.xz", xz(&whole, 1 << 16)),
        ("accepted-two-members.tar.gz", [gzip(&whole[..1000]), gzip(&whole[1000..])].concat()),
        (
            "accepted-long-name.tar",
            with(&[
                entry(EntryType::GNULongName, "././@LongLink", format!("{long}\0").as_bytes()),
                file("short"),
            ]),
        ),
        ("accepted-pax-name.tar", with(&[pax("28 path=train/cat/other.png\n"), file("short")])),
        ("accepted-global-header.tar", with(&[global])),
        ("refused-climbs.tar", with(&[file("train/cat/../../../x.png")])),
        ("refused-absolute.tar", with(&[file("/train/cat/x.png")])),
        (
            "refused-pax-climbs.tar",
            with(&[pax("23 path=../../../x.png\n"), file("train/cat/x.png")]),
        ),
        ("refused-symbolic-link.tar", with(&[link(EntryType::Symlink)])),
        ("refused-hard-link.tar", with(&[link(EntryType::Link)])),
        ("refused-twice.tar", with(&[file("./train/cat/0.png")])),
        (
            "refused-name-of-gigabytes.tar",
            with(&[sized(EntryType::GNULongName, "././@LongLink", 8 << 30)]),
        ),
        (
            "refused-long-name-bomb.tar.gz",
            gzip(&with(&[
                entry(EntryType::GNULongName, "././@LongLink", &[b'x'; 2 << 20]),
                file("short"),
            ])),
        ),
        ("refused-pax-of-gigabytes.tar", with(&[sized(EntryType::XHeader, "pax", 8 << 30)])),
        ("refused-pax-size.tar", with(&[pax("12 size=512\n"), file("train/cat/x.png")])),
        ("refused-sparse.tar", with(&[sized(EntryType::GNUSparse, "train/cat/x.png", 0)])),
        (
            "refused-file-of-exabytes.tar",
            with(&[sized(EntryType::Regular, "train/cat/x.png", u64::MAX - 600)]),
        ),
        ("refused-bomb.tar.xz", xz(&bomb, 1 << 16)),
        (
            "refused-bomb-that-is-skipped.tar.xz",
            xz(&with(&[entry(EntryType::Regular, "notes.md", &zeros)]), 1 << 16),
        ),
        ("refused-bomb-behind-the-end.tar.xz", xz(&[&whole[..], &zeros].concat(), 1 << 16)),
        ("refused-dictionary-of-a-gigabyte.tar.xz", xz(&whole, 1 << 30)),
        ("refused-cut.tar", cut),
        ("refused-no-archive", b"PK\x03\x04".to_vec()),
    ]
}

/// A tar archive of two classes with an image a split, and what else is put before its end.
fn with(more: &[Vec<u8>]) -> Vec<u8> {
    let mut tar = Vec::new();
    for path in ["train/cat/0.png", "train/dog/0.png", "test/cat/0.png", "test/dog/0.png"] {
        tar.extend(file(path));
    }
    more.iter().for_each(|entry| tar.extend(entry));
    tar.resize(tar.len() + 1024, 0);
    tar
}

/// The entry of an image.
fn file(path: &str) -> Vec<u8> {
    entry(EntryType::Regular, path, &rgb())
}

/// An entry with its content, filled up to whole blocks.
fn entry(kind: EntryType, path: &str, content: &[u8]) -> Vec<u8> {
    let mut bytes = sized(kind, path, content.len() as u64);
    bytes.extend_from_slice(content);
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

/// The header of an entry of some size.
fn sized(kind: EntryType, path: &str, size: u64) -> Vec<u8> {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    // As it is: the library refuses to write some of these names.
    header.as_mut_bytes()[..path.len()].copy_from_slice(path.as_bytes());
    header.set_mode(0o644);
    header.set_size(size);
    header.set_cksum();
    header.as_bytes().to_vec()
}

fn xz(bytes: &[u8], dictionary: u32) -> Vec<u8> {
    let mut options = LzmaOptions::new_preset(0).expect("a preset");
    options.dict_size(dictionary);
    let mut filters = Filters::new();
    filters.lzma2(&options);
    let stream = Stream::new_stream_encoder(&filters, Check::Crc32).expect("an encoder");
    let mut encoder = XzEncoder::new_stream(Vec::new(), stream);
    encoder.write_all(bytes).expect("it can be packed");
    encoder.finish().expect("it can be packed")
}
