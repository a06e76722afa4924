//! Dotted keys of an experiment's file, and folder names.

use crate::config::{Node, Source, Value};

/// What `set` and the like hold: dotted keys with their values.
///
/// `set."optimizer.learning_rate" = 0.1` and `set.optimizer.learning_rate = 0.1` are the same. A table
/// in braces, or under a heading where `headings` says so, is a value, which takes the place of
/// everything that was there.
pub(super) fn dotted(table: &Node, source: &Source, headings: bool) -> Vec<(String, Node)> {
    let Value::Table(entries) = &table.value else { return Vec::new() };
    let mut found = Vec::new();
    for entry in entries {
        let written = source.written(&entry.node.place);
        let is_value = written.starts_with('{') || (headings && written.starts_with('['));
        if matches!(entry.node.value, Value::Table(_)) && !is_value {
            let below = dotted(&entry.node, source, headings);
            found.extend(
                below.into_iter().map(|(key, node)| (format!("{}.{key}", entry.key), node)),
            );
        } else {
            found.push((entry.key.clone(), entry.node.clone()));
        }
    }
    found
}

/// Whether one of two dotted keys is the other, or above it.
pub(super) fn overlap(a: &str, b: &str) -> bool {
    let below = |a: &str, b: &str| a.strip_prefix(b).is_some_and(|rest| rest.starts_with('.'));
    a == b || below(a, b) || below(b, a)
}

/// How a level is written for people: a text without its quotes, anything else as in the file.
pub(super) fn level(node: &Node, source: &Source) -> String {
    match &node.value {
        Value::String(text) => text.clone(),
        _ => source.written(&node.place).to_string(),
    }
}

/// A text as a part of a folder's name: letters, digits, `_` and `.`, everything else as `-`.
pub(super) fn slug(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.');
    let parts = text.split(|c: char| !plain(c)).filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join("-")
}

/// Whether a name can be that of a folder.
pub(super) fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    !name.is_empty() && name.len() <= 60 && !name.starts_with('.') && name.chars().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(text: &str, headings: bool) -> Vec<String> {
        let source = Source::parse("a.toml", text).unwrap();
        let mut keys: Vec<String> = dotted(source.tree.find("set").unwrap(), &source, headings)
            .into_iter()
            .map(|(key, _)| key)
            .collect();
        keys.sort();
        keys
    }

    #[test]
    fn keys_may_be_dotted_or_quoted_and_tables_in_braces_are_values() {
        assert_eq!(keys("set.a.b = 1\nset.\"a.c\" = 2", true), ["a.b", "a.c"]);
        assert_eq!(keys("set = { a = { b = 1 }, c.d = 2 }", true), ["a", "c.d"]);
        let headed = "[set.a]\nb = 1\n[set]\n\"c.d\".e = 1";
        assert_eq!(keys(headed, true), ["a", "c.d.e"]);
        assert_eq!(keys(headed, false), ["a.b", "c.d.e"]);
    }

    #[test]
    fn keys_overlap_where_one_holds_the_other() {
        assert!(overlap("a.b", "a.b") && overlap("a", "a.b") && overlap("a.b.c", "a.b"));
        assert!(!overlap("a.b", "a.bc") && !overlap("a.b", "a.c") && !overlap("b", "a.b"));
    }

    #[test]
    fn names_of_folders_are_plain() {
        assert_eq!(slug("label noise"), "label-noise");
        assert_eq!(slug("{ cosine = {} }"), "cosine");
        assert_eq!(slug("-0.5"), "0.5");
        assert!(is_name("adam-2.1_x") && !is_name("") && !is_name(".x") && !is_name("a/b"));
    }
}
