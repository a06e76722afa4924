//! Packed files.

use lowland_data::open;
use serde_json::Value;

use crate::Verdict;
use crate::dataset::{consistent, scratch, write};

/// The bytes of a packed file before its JSON header.
const PREFIX: usize = 48;

/// Opens a packed file, and twice more with its checksums made right: no change gets past them else.
/// It is accepted where one of the three is.
pub fn packed(data: &[u8]) -> Verdict {
    let files = [Some(data.to_vec()), with_digest(data), with_checksums(data)];
    let verdicts: Vec<Verdict> = files.into_iter().flatten().map(|file| open_one(&file)).collect();
    if verdicts.contains(&Verdict::Accepted) { Verdict::Accepted } else { Verdict::Refused }
}

fn open_one(file: &[u8]) -> Verdict {
    let folder = scratch();
    write(folder.path(), "set.lldata", file);
    match open(folder.path()) {
        Ok(dataset) => {
            consistent(&dataset, folder.path());
            Verdict::Accepted
        }
        Err(_) => Verdict::Refused,
    }
}

/// The bytes of the JSON header; none where there are not as many.
fn json(data: &[u8]) -> Option<&[u8]> {
    let len = u32::from_le_bytes(data.get(12..16)?.try_into().ok()?);
    data.get(PREFIX..PREFIX.checked_add(usize::try_from(len).ok()?)?)
}

/// The file with the right checksum of its header.
fn with_digest(data: &[u8]) -> Option<Vec<u8>> {
    let json = json(data)?;
    let digest = blake3::hash(&[&data[..16], json].concat());
    let mut file = data.to_vec();
    file[16..PREFIX].copy_from_slice(digest.as_bytes());
    Some(file)
}

/// The file with the right checksums of its sections and its header.
fn with_checksums(data: &[u8]) -> Option<Vec<u8>> {
    let old = json(data)?;
    let sections = data.get((PREFIX + old.len()).next_multiple_of(64)..)?;
    let mut header: Value = serde_json::from_slice(old).ok()?;
    for section in header.get_mut("sections")?.as_array_mut()? {
        let start = usize::try_from(section.get("offset")?.as_u64()?).ok()?;
        let len = usize::try_from(section.get("bytes")?.as_u64()?).ok()?;
        let content = sections.get(start..start.checked_add(len)?)?;
        *section.get_mut("blake3")? = blake3::hash(content).to_hex().as_str().into();
    }
    let new = serde_json::to_vec(&header).ok()?;
    let len = u32::try_from(new.len()).ok()?;
    let mut file = [&data[..12], &len.to_le_bytes(), &[0; 32], &new].concat();
    file.resize(file.len().next_multiple_of(64), 0);
    file.extend_from_slice(sections);
    with_digest(&file)
}
