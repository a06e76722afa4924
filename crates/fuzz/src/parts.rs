//! Several files in one.

/// The files that follow each other in `data`, each behind a line `--- NAME`, with the names that are among
/// `known`. What comes before the first is no file's. The last line break before a heading is the
/// heading's, so that files need not end in one.
pub fn parts(data: &[u8], known: &[&'static str]) -> Vec<(&'static str, Vec<u8>)> {
    let mut parts: Vec<(&str, Vec<u8>)> = Vec::new();
    for line in data.split_inclusive(|&byte| byte == b'\n') {
        let heading = line.strip_prefix(b"--- ").map(<[u8]>::trim_ascii);
        let name = heading.and_then(|name| known.iter().find(|file| file.as_bytes() == name));
        match (name, parts.last_mut()) {
            (Some(name), last) => {
                if let Some((_, content)) = last {
                    content.pop_if(|byte| *byte == b'\n');
                }
                parts.push((name, Vec::new()));
            }
            (None, Some((_, content))) => content.extend_from_slice(line),
            (None, None) => {}
        }
    }
    parts
}
