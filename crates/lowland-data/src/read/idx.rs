//! The IDX format (Y. LeCun, C. Cortes and C. J. C. Burges, "The MNIST database of handwritten
//! digits"), plain or compressed with gzip, as told from the first bytes.
//!
//! Bytes 0 and 1 are 0, byte 2 is the type of the elements (8: u8), byte 3 the number of
//! dimensions; then each dimension as u32, big-endian; then the elements, row-major. This reads u8
//! alone, of which the sets of MNIST's kind consist.

use std::io::{self, ErrorKind, Read};

use flate2::bufread::MultiGzDecoder;

use crate::source::{MAX_IDX_FILE, most_unpacked};

/// An array of bytes with its dimensions.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Array {
    pub dims: Vec<usize>,
    pub bytes: Vec<u8>,
}

/// What is wrong with a file, and at which byte of it, gzip undone.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub offset: u64,
    pub problem: String,
}

impl Array {
    /// Reads a whole file, whose number of dimensions must be one of `ranks`. Memory is never asked
    /// for on the word of the header: an array grows with the bytes that are there.
    pub fn read(file: &[u8], ranks: &[u8]) -> Result<Array, Fault> {
        if file.starts_with(&[0x1f, 0x8b]) {
            let most = most_unpacked(file.len() as u64).min(MAX_IDX_FILE);
            read_from(&mut MultiGzDecoder::new(file), ranks, most)
        } else {
            read_from(&mut &*file, ranks, MAX_IDX_FILE)
        }
    }
}

/// The offset of the first element of an array with that many dimensions.
pub(super) fn header_len(rank: usize) -> u64 {
    4 + 4 * rank as u64
}

/// Reads an array of at most `most` bytes.
fn read_from(from: &mut dyn Read, ranks: &[u8], most: u64) -> Result<Array, Fault> {
    let magic = take(from, 0, 4, "the header")?;
    if magic[..2] != [0, 0] {
        return Err(fault(0, "an IDX file starts with two zero bytes; this is none"));
    }
    if magic[2] != 8 {
        let problem = format!("elements of type {:#04x}, but only u8 (0x08) is read", magic[2]);
        return Err(fault(2, problem));
    }
    if !ranks.contains(&magic[3]) {
        let wanted: Vec<String> = ranks.iter().map(u8::to_string).collect();
        let problem = format!("{} dimensions, but there must be {}", magic[3], wanted.join(" or "));
        return Err(fault(3, problem));
    }
    let sizes = take(from, 4, 4 * u64::from(magic[3]), "the header")?;
    let (sizes, _) = sizes.as_chunks::<4>();
    let sizes: Vec<u64> = sizes.iter().map(|size| u64::from(u32::from_be_bytes(*size))).collect();
    let mut len = 1u64;
    for (i, &size) in sizes.iter().enumerate() {
        len = len.saturating_mul(size);
        if len == 0 || len > most {
            let problem = format!(
                "sizes {sizes:?} are not possible: 1 to {most} bytes are in a file of this length"
            );
            return Err(fault(4 + 4 * i as u64, problem));
        }
    }
    let start = header_len(sizes.len());
    let bytes = take(from, start, len, &format!("{len} elements"))?;
    let more = io::copy(&mut from.take(1), &mut io::sink()).map_err(|e| broken(start + len, &e))?;
    if more > 0 {
        return Err(fault(start + len, format!("bytes follow the {len} that the header tells of")));
    }
    Ok(Array { dims: sizes.iter().map(|&size| size as usize).collect(), bytes })
}

/// The next `len` bytes, which start at `offset` and are all of `what`.
fn take(from: &mut dyn Read, offset: u64, len: u64, what: &str) -> Result<Vec<u8>, Fault> {
    let mut bytes = Vec::new();
    let read = from.take(len).read_to_end(&mut bytes);
    let end = offset + bytes.len() as u64;
    match read {
        Err(cause) if cause.kind() != ErrorKind::UnexpectedEof => Err(broken(end, &cause)),
        _ if end < offset + len => Err(fault(
            end,
            format!("the file ends inside {what}, which end at byte {}", offset + len),
        )),
        _ => Ok(bytes),
    }
}

fn broken(offset: u64, cause: &io::Error) -> Fault {
    fault(offset, format!("the gzip stream is truncated or damaged: {cause}"))
}

fn fault(offset: u64, problem: impl Into<String>) -> Fault {
    Fault { offset, problem: problem.into() }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use proptest::prelude::*;

    fn idx(dims: &[u32], bytes: &[u8]) -> Vec<u8> {
        let sizes = dims.iter().flat_map(|size| size.to_be_bytes());
        [0, 0, 8, dims.len() as u8].into_iter().chain(sizes).chain(bytes.iter().copied()).collect()
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn refused(file: &[u8]) -> (u64, String) {
        let Fault { offset, problem } = Array::read(file, &[1, 3]).unwrap_err();
        (offset, problem)
    }

    #[test]
    fn headers_by_hand() {
        let labels = [0, 0, 8, 1, 0, 0, 0, 2, 7, 3];
        let array = Array::read(&labels, &[1]).unwrap();
        assert_eq!(array, Array { dims: vec![2], bytes: vec![7, 3] });
        assert_eq!(header_len(1), 8);
        let (offset, problem) = refused(&[0x89, b'P', b'N', b'G']);
        assert_eq!((offset, problem.contains("two zero bytes")), (0, true));
        let (offset, problem) = refused(&[0, 0, 0x0d, 1, 0, 0, 0, 1, 0, 0, 0, 0]);
        assert_eq!((offset, problem.contains("type 0x0d")), (2, true));
        let (offset, problem) = refused(&[0, 0, 8, 2, 0, 0, 0, 1, 0, 0, 0, 1, 0]);
        assert_eq!((offset, problem.as_str()), (3, "2 dimensions, but there must be 1 or 3"));
    }

    #[test]
    fn sizes_are_refused_before_memory_is_asked_for() {
        // 4294967295^3 bytes, and a billion that are not there.
        assert_eq!(refused(&idx(&[u32::MAX; 3], &[0])).0, 4);
        assert_eq!(refused(&idx(&[1 << 20, 1 << 20, 1], &[0])).0, 8);
        assert_eq!(refused(&idx(&[5, 0, 5], &[])).0, 8);
        let (offset, problem) = refused(&idx(&[1 << 30], &[1, 2, 3]));
        assert_eq!(offset, 11);
        assert!(problem.contains("ends inside 1073741824 elements"), "{problem}");
    }

    #[test]
    fn a_gzip_file_unpacks_to_what_its_length_makes_likely() {
        let small = gzip(&idx(&[1 << 20], &vec![0; 1 << 20]));
        assert_eq!(Array::read(&small, &[1]).unwrap().bytes.len(), 1 << 20);
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(&idx(&[32 << 20], &vec![0; 32 << 20])).unwrap();
        let bomb = encoder.finish().unwrap();
        let most = (16 << 20) + 256 * bomb.len();
        let (offset, problem) = refused(&bomb);
        assert!(offset == 4 && problem.contains(&format!("1 to {most} bytes")), "{problem}");
    }

    #[test]
    fn a_damaged_gzip_stream_is_noticed_at_its_very_end() {
        let mut file = gzip(&idx(&[4], &[1, 2, 3, 4]));
        assert!(Array::read(&file, &[1]).is_ok());
        let checksum = file.len() - 8;
        file[checksum] ^= 1;
        let (offset, problem) = refused(&file);
        assert!(offset == 12 && problem.contains("damaged"), "{offset} {problem}");
        assert_eq!(refused(&file[..checksum]).0, 12);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// What was written is read, plain and compressed; any other length is refused where it
        /// differs.
        #[test]
        fn only_the_exact_length_is_read(
            (n, h, w) in (1u32..6, 1u32..5, 1u32..5), cut in any::<prop::sample::Index>(), packed in any::<bool>(),
        ) {
            let bytes: Vec<u8> = (0..n * h * w).map(|i| i as u8).collect();
            let file = idx(&[n, h, w], &bytes);
            let pack = |file: &[u8]| if packed { gzip(file) } else { file.to_vec() };
            let array = Array::read(&pack(&file), &[1, 3]).unwrap();
            prop_assert_eq!(array.dims, [n as usize, h as usize, w as usize]);
            prop_assert_eq!(array.bytes, bytes);
            let cut = cut.index(file.len());
            prop_assert_eq!(refused(&pack(&file[..cut])).0, cut as u64);
            let longer = [&file[..], &[0]].concat();
            prop_assert_eq!(refused(&pack(&longer)).0, file.len() as u64);
        }

        #[test]
        fn no_bytes_make_it_panic(mut file in prop::collection::vec(any::<u8>(), 0..64), like_idx in any::<bool>()) {
            if like_idx && file.len() > 4 {
                file[..4].copy_from_slice(&[0, 0, 8, 3]);
            }
            let _ = Array::read(&file, &[1, 3, 4]);
        }
    }
}
