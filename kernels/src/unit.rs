//! Which files a unit is made of, and a name for exactly that text.

use crate::{Source, source};

/// The files of this crate that a text includes, and those that they include, by name.
///
/// Lines of the form `#include "name"` count wherever they stand; a name that is not in this crate,
/// such as that of the host shim's header, is left to the compiler.
#[must_use]
pub fn included(text: &str) -> Vec<Source> {
    let mut found: Vec<Source> = Vec::new();
    let mut texts = vec![text];
    while let Some(text) = texts.pop() {
        for source in text.lines().filter_map(include).filter_map(source) {
            if !found.contains(&source) {
                found.push(source);
                texts.push(source.text);
            }
        }
    }
    found.sort_by_key(|source| source.name);
    found
}

/// The name in an include of this crate's kind.
fn include(line: &str) -> Option<&str> {
    let rest = line.trim_start().strip_prefix('#')?.trim_start().strip_prefix("include")?;
    rest.trim_start().strip_prefix('"')?.split('"').next()
}

/// The BLAKE3 hash, in hexadecimal, of a text and of all that it includes from this crate: two units
/// with the same fingerprint compile to the same code.
#[must_use]
pub fn fingerprint(text: &str) -> String {
    let mut hasher = blake3::Hasher::new();
    let mut add = |part: &str| {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    };
    add(text);
    for source in included(text) {
        add(source.name);
        add(source.text);
    }
    hasher.finalize().to_hex().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<&'static str> {
        included(text).iter().map(|source| source.name).collect()
    }

    #[test]
    fn includes_are_followed() {
        assert!(names("#include \"ops/fill.cu\"\n").starts_with(&["lowland.cuh", "ops/fill.cu"]));
        assert_eq!(
            names("  # include \"lowland.cuh\" // twice\n#include \"lowland.cuh\"\n").len(),
            1
        );
        assert!(names("#include \"shim.h\"\n#include <cmath>\n// \"lowland.cuh\"\n").is_empty());
    }

    #[test]
    fn a_fingerprint_is_of_the_text_and_of_what_it_includes() {
        let fill = source("ops/fill.cu").unwrap().text;
        let alone = fill.replace("#include", "// include");
        assert_eq!(fingerprint(fill).len(), 64);
        assert_ne!(fingerprint(fill), fingerprint(&format!("{fill} ")));
        let of_text_alone = |text: &str| {
            let mut hasher = blake3::Hasher::new();
            hasher.update(&(text.len() as u64).to_le_bytes()).update(text.as_bytes());
            hasher.finalize().to_hex().to_string()
        };
        assert_eq!(fingerprint(&alone), of_text_alone(&alone));
        assert_ne!(fingerprint(fill), of_text_alone(fill));
    }
}
