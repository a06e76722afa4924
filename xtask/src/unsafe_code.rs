//! The inventory of unsafe code: what the sources hold, and what docs/src/unsafe.md says of it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The chapter with the table: a row for each file, `| path | count | why | tested by |`.
const CHAPTER: &str = "docs/src/unsafe.md";

/// Lines above an unsafe block in which its comment may begin.
const COMMENT_LINES: usize = 8;

/// Compares sources and chapter: each file with unsafe code has a row with its count, a header that says
/// why, and a comment for each block.
///
/// # Errors
/// A line for each problem, with the file.
pub fn check(root: &Path) -> Result<(), Vec<String>> {
    let chapter = fs::read_to_string(root.join(CHAPTER));
    let rows = rows(&chapter.map_err(|error| vec![format!("{CHAPTER}: {error}")])?);
    let mut problems = Vec::new();
    let mut found = BTreeMap::new();
    for file in sources(root) {
        let Ok(text) = fs::read_to_string(&file) else {
            problems.push(format!("{}: cannot be read", file.display()));
            continue;
        };
        let path = file.strip_prefix(root).unwrap_or(&file).display().to_string();
        let lines = unsafe_lines(&text);
        if !lines.is_empty() {
            problems.extend(problems_of(&path, &text, &lines));
            found.insert(path, lines.len());
        }
    }
    for (path, count) in &found {
        match rows.get(path) {
            None => problems.push(format!("{path}: has unsafe code, but no row in {CHAPTER}")),
            Some(said) if said == count => {}
            Some(said) => problems.push(format!(
                "{path}: says `unsafe` {count} times, {CHAPTER} says {said}: look at the row again"
            )),
        }
    }
    let gone = rows.keys().filter(|path| !found.contains_key(*path));
    problems.extend(gone.map(|path| format!("{path}: has a row in {CHAPTER}, but no unsafe code")));
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

/// The count that the chapter says of each file.
fn rows(chapter: &str) -> BTreeMap<String, usize> {
    let row = |line: &str| {
        let mut cells = line.strip_prefix('|')?.split('|').map(str::trim);
        let path = cells.next()?.strip_prefix('`')?.strip_suffix('`')?;
        Some((path.to_string(), cells.next()?.parse().ok()?))
    };
    chapter.lines().filter_map(row).collect()
}

/// Every Rust source below the root but what was built.
fn sources(root: &Path) -> Vec<PathBuf> {
    let (mut files, mut folders) = (Vec::new(), vec![root.to_path_buf()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let (path, name) = (entry.path(), entry.file_name());
            let hidden = name.to_string_lossy().starts_with('.');
            if path.is_dir() && !path.is_symlink() && !hidden && name != "target" {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

/// What is not said where it should be.
fn problems_of(path: &str, text: &str, lines: &[usize]) -> Vec<String> {
    let mut problems = Vec::new();
    let header: String = text.lines().take_while(|line| line.starts_with("//!")).collect();
    if !header.to_lowercase().contains("unsafe") {
        problems.push(format!("{path}: its header does not say why there is unsafe code"));
    }
    let all: Vec<&str> = text.lines().collect();
    for (k, &line) in lines.iter().enumerate() {
        let before = if k > 0 { lines[k - 1] } else { 0 };
        let first = line.saturating_sub(COMMENT_LINES).max(before);
        let said = all[first..line].iter().any(|above| {
            above.trim_start().starts_with("//")
                && (above.contains("SAFETY") || above.contains("# Safety"))
        });
        // A type of functions does nothing.
        let is_type = all[line - 1].contains("unsafe extern \"C\" fn(");
        if !said && !is_type && !is_of_a_trait(&all[..line]) {
            problems
                .push(format!("{path}:{line}: `unsafe` without a comment that begins with SAFETY"));
        }
    }
    problems
}

/// Whether the last line declares a method of a trait's impl: its conditions are those of the trait.
fn is_of_a_trait(lines: &[&str]) -> bool {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let Some((last, above)) = lines.split_last() else { return false };
    let outer = above.iter().rev().find(|l| !l.trim().is_empty() && indent(l) < indent(last));
    let outer = outer.map_or("", |line| line.trim_start());
    let is_impl =
        outer.trim_start_matches("unsafe ").starts_with("impl") && outer.contains(" for ");
    last.trim_start().starts_with("unsafe fn ") && is_impl
}

/// The number of the line, from 1, of every `unsafe` that is code: not in a comment or a literal.
fn unsafe_lines(text: &str) -> Vec<usize> {
    let code = code(text);
    let mut lines = Vec::new();
    for (number, line) in code.lines().enumerate() {
        let words = line.split(|c: char| !c.is_alphanumeric() && c != '_');
        lines.extend(words.filter(|word| *word == "unsafe").map(|_| number + 1));
    }
    lines
}

/// A source with spaces in the place of its comments and literals.
fn code(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut code = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let end = literal_or_comment(&chars, at);
        if end == at {
            code.push(chars[at]);
            at += 1;
            continue;
        }
        code.extend(chars[at..end].iter().map(|&c| if c == '\n' { '\n' } else { ' ' }));
        at = end;
    }
    code
}

/// Where the comment or literal ends that begins at a character; there, where none does.
fn literal_or_comment(chars: &[char], at: usize) -> usize {
    let next = |ahead: usize| chars.get(at + ahead).copied();
    let in_word = at > 0 && (chars[at - 1].is_alphanumeric() || chars[at - 1] == '_');
    match (chars[at], next(1)) {
        ('/', Some('/')) => {
            let rest = chars[at..].iter().position(|&c| c == '\n');
            rest.map_or(chars.len(), |len| at + len)
        }
        ('/', Some('*')) => end_of_block_comment(chars, at),
        ('"', _) => end_of_string(chars, at + 1),
        ('r', Some('"' | '#')) if !in_word || raw_prefix(chars, at) => end_of_raw(chars, at + 1),
        // A lifetime has no quote behind its first letter; a character has.
        ('\'', Some('\\')) => {
            let rest = chars[(at + 3).min(chars.len())..].iter().position(|&c| c == '\'');
            rest.map_or(chars.len(), |len| at + 3 + len + 1)
        }
        ('\'', Some(_)) if next(2) == Some('\'') => at + 3,
        _ => at,
    }
}

/// Whether the letter before an `r` is a prefix of a literal: `br"..."`, `cr"..."`.
fn raw_prefix(chars: &[char], at: usize) -> bool {
    let before = |n: usize| at.checked_sub(n).map(|i| chars[i]);
    matches!(before(1), Some('b' | 'c'))
        && before(2).is_none_or(|c| !c.is_alphanumeric() && c != '_')
}

fn end_of_block_comment(chars: &[char], start: usize) -> usize {
    let (mut at, mut depth) = (start, 0);
    while at < chars.len() {
        match (chars[at], chars.get(at + 1)) {
            ('/', Some('*')) => (at, depth) = (at + 2, depth + 1),
            ('*', Some('/')) => (at, depth) = (at + 2, depth - 1),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

/// Behind the quote that ends a string whose first character is at `at`.
fn end_of_string(chars: &[char], mut at: usize) -> usize {
    while at < chars.len() && chars[at] != '"' {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(chars.len())
}

/// Behind a raw string whose hashes or quote begin at `at`; before them, where it is no string but a
/// raw identifier.
fn end_of_raw(chars: &[char], at: usize) -> usize {
    let hashes = chars[at..].iter().take_while(|&&c| c == '#').count();
    if chars.get(at + hashes) != Some(&'"') {
        return at - 1;
    }
    let mut end = at + hashes + 1;
    while end < chars.len() {
        let closing = chars[end..].iter().skip(1).take(hashes).filter(|&&c| c == '#').count();
        if chars[end] == '"' && closing == hashes {
            return end + 1 + hashes;
        }
        end += 1;
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spawn::root;

    #[test]
    fn the_inventory_is_that_of_the_sources() {
        if let Err(problems) = check(&root()) {
            panic!("{}", problems.join("\n"));
        }
    }

    #[test]
    fn comments_and_literals_are_not_code() {
        let source = r####"
            // unsafe
            /* unsafe /* unsafe */ unsafe */ unsafe { a() }
            let s = "unsafe \" unsafe"; let t = r#"unsafe " unsafe"#; let u = br"unsafe";
            let c = '"'; unsafe { b() } let d = '\''; let e = 'x'; fn f<'a>(x: &'a str) { unsafe { c() } }
            let unsafe_code = 1; let r#unsafe_r = 2; #![allow(unsafe_code)]
            unsafe impl Send for X {} // "
            let multi = "
                unsafe
            "; unsafe { d() }
        "####;
        assert_eq!(unsafe_lines(source), [3, 5, 5, 7, 10]);
    }

    #[test]
    fn what_is_not_said_is_a_problem() {
        let good = "//! Unsafe, because it must.\nfn f() {\n    // SAFETY: it is.\n    unsafe { g() }\n}\n";
        assert_eq!(problems_of("a.rs", good, &unsafe_lines(good)), [""; 0]);
        let bad = "//! A file.\nfn f() {\n    unsafe { g() }\n}\n";
        assert_eq!(
            problems_of("a.rs", bad, &unsafe_lines(bad)),
            [
                "a.rs: its header does not say why there is unsafe code",
                "a.rs:3: `unsafe` without a comment that begins with SAFETY"
            ]
        );
        let second = "//! unsafe\n// SAFETY: one.\nunsafe { g() }\nunsafe { h() }\n";
        assert_eq!(problems_of("a.rs", second, &unsafe_lines(second)).len(), 1, "one comment each");
    }

    #[test]
    fn rows_of_the_chapter_are_read() {
        let chapter =
            "| file | `unsafe` | why |\n|---|---|---|\n| `a/b.rs` | 12 | x |\n| c | d |\n";
        assert_eq!(rows(chapter), BTreeMap::from([("a/b.rs".to_string(), 12)]));
    }
}
