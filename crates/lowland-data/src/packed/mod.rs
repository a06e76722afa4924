//! The packed file: one dataset, checked in every byte, ready to be mapped.
//!
//! All numbers are little-endian. The file is
//!
//! | offset | bytes | content |
//! |---|---|---|
//! | 0 | 8 | signature `LLDATA\r\n` (a transfer in text mode breaks it) |
//! | 8 | 4 | format version, 1 |
//! | 12 | 4 | length J of the JSON header |
//! | 16 | 32 | BLAKE3 of bytes 0..16 followed by the JSON header |
//! | 48 | J | JSON header |
//! | D = 48 + J rounded up to 64 | | four sections, each at a multiple of 64, filled up with zero bytes between them |
//!
//! The sections are `train.images` (u8 `[N, H, W, C]`), `train.labels` (u16 `[N]`), `test.images`
//! and `test.labels`, in this order; the file ends with the last byte of the last one. The JSON
//! header holds `about` (`name`, `title`, `source`, `classes`), `shape` (`[H, W, C]`), `measured`
//! and `normalisation` (`mean` and `std` per channel), `images` (how many in each split) and
//! `sections`: for each its `name`, its `offset` from D, its `bytes` and its `blake3`. Nothing is
//! optional, nothing else is allowed, and filling is zero: any change to any byte of a file is
//! noticed on opening.

mod open;
mod write;

use serde::{Deserialize, Serialize};

use crate::dataset::{About, Dataset};
use crate::statistics::ChannelStats;

pub use open::{list, open};
pub use write::save;
pub(crate) use write::save_with;

/// The extension of packed files.
pub const EXTENSION: &str = "lldata";

const SIGNATURE: [u8; 8] = *b"LLDATA\r\n";
const VERSION: u32 = 1;
/// Bytes before the JSON header.
const PREFIX: usize = 48;
const ALIGNMENT: u64 = 64;
const SECTION_NAMES: [&str; 4] = ["train.images", "train.labels", "test.images", "test.labels"];

/// The JSON header.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    about: About,
    shape: [usize; 3],
    measured: ChannelStats,
    normalisation: ChannelStats,
    images: [u64; 2],
    sections: [Section; 4],
}

/// One section of the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Section {
    name: String,
    offset: u64,
    bytes: u64,
    pub(crate) blake3: String,
}

/// Everything of a packed file that is not a section: its header, encoded, and where the sections
/// go.
pub(crate) struct Layout {
    header: Header,
    head: Vec<u8>,
}

impl Layout {
    /// The layout of a dataset's packed file; hashes all of it.
    pub(crate) fn of(dataset: &Dataset) -> Layout {
        let splits = [dataset.train_split(), dataset.test_split()];
        let mut end = 0;
        let sections = std::array::from_fn(|i| {
            let split = splits[i / 2];
            let labels;
            let content = if i % 2 == 0 {
                split.images()
            } else {
                labels = label_bytes(split.labels());
                &labels
            };
            let offset = align(end);
            end = offset + content.len() as u64;
            let blake3 = blake3::hash(content).to_hex().to_string();
            Section {
                name: SECTION_NAMES[i].to_string(),
                offset,
                bytes: content.len() as u64,
                blake3,
            }
        });
        let header = Header {
            about: dataset.about().clone(),
            shape: dataset.shape(),
            measured: dataset.measured().clone(),
            normalisation: dataset.normalisation().clone(),
            images: splits.map(|split| split.len() as u64),
            sections,
        };
        let head = encode(&header);
        Layout { header, head }
    }

    /// The four sections, in file order.
    pub(crate) fn sections(&self) -> &[Section; 4] {
        &self.header.sections
    }

    /// Length of the whole file, bytes.
    pub(crate) fn file_len(&self) -> u64 {
        let last = &self.header.sections[3];
        self.head.len() as u64 + last.offset + last.bytes
    }

    /// The header's checksum, hexadecimal.
    pub(crate) fn checksum(&self) -> String {
        self.head[16..PREFIX].iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// The bytes before the first section: prefix, JSON and filling.
fn encode(header: &Header) -> Vec<u8> {
    let json = serde_json::to_vec(header).expect("strings and numbers always serialise");
    let mut head = Vec::with_capacity(PREFIX + json.len() + ALIGNMENT as usize);
    head.extend_from_slice(&SIGNATURE);
    head.extend_from_slice(&VERSION.to_le_bytes());
    head.extend_from_slice(&(json.len() as u32).to_le_bytes());
    let digest = header_digest(&head, &json);
    head.extend_from_slice(&digest);
    head.extend_from_slice(&json);
    head.resize(align(head.len() as u64) as usize, 0);
    head
}

fn header_digest(prefix: &[u8], json: &[u8]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(prefix);
    hasher.update(json);
    *hasher.finalize().as_bytes()
}

fn align(offset: u64) -> u64 {
    offset.next_multiple_of(ALIGNMENT)
}

fn label_bytes(labels: &[u16]) -> Vec<u8> {
    labels.iter().flat_map(|label| label.to_le_bytes()).collect()
}
