//! The committed figures: how many instructions each piece of work takes.

use std::collections::BTreeMap;

/// Instructions by the name of the work, and the compiler that they were counted with.
#[derive(Debug, Default, PartialEq)]
pub struct Table {
    /// What `rustc --version` says.
    pub rustc: String,
    /// Instructions of one call.
    pub instructions: BTreeMap<String, u64>,
}

const HEADER: &str = "\
# Instructions that one call of each piece of work in benches/kernels.rs takes on one thread with AVX2,
# or with the portable kernels where the name says so, as callgrind counts them. `cargo xtask guard`
# compares. It fails where a count exceeds its figure by more than 3 %: counting again moves a count by
# less than 0.1 %, and a change of code that the compiler sees differently by 1 or 2 %. With another
# compiler than the one below it fails above 10 %. Memory is not modelled: a benchmark tells that.
# `cargo xtask guard --update` writes this file.
";

impl Table {
    /// The table in the text of its file, which is TOML with one figure a line.
    pub fn parse(text: &str) -> Result<Table, String> {
        let mut table = Table::default();
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with(['#', '[']) {
                continue;
            }
            let wrong =
                || format!("line {}: `{line}` is no figure; write `name = 1_234`", number + 1);
            let (name, value) = line.split_once('=').ok_or_else(wrong)?;
            let (name, value) = (name.trim(), value.trim());
            if name == "rustc" {
                table.rustc = value.trim_matches('"').into();
                continue;
            }
            let figure = value.replace('_', "").parse().map_err(|_| wrong())?;
            if table.instructions.insert(name.into(), figure).is_some() {
                return Err(format!("line {}: {name} is there twice", number + 1));
            }
        }
        Ok(table)
    }

    /// The text of its file.
    pub fn render(&self) -> String {
        let mut text = format!("{HEADER}rustc = \"{}\"\n\n[instructions]\n", self.rustc);
        for (name, &figure) in &self.instructions {
            text += &format!("{name} = {}\n", grouped(figure, '_'));
        }
        text
    }
}

/// A number with a mark between groups of three digits.
pub fn grouped(number: u64, mark: char) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(mark);
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_survives_its_file() {
        let instructions =
            [("a", 7), ("b_2", 999), ("c", 1_000), ("d", 1_234_567)].map(|(n, i)| (n.into(), i));
        let table = Table { rustc: "rustc 1.95.0 (x)".into(), instructions: instructions.into() };
        let text = table.render();
        assert!(text.ends_with("a = 7\nb_2 = 999\nc = 1_000\nd = 1_234_567\n"), "{text}");
        assert_eq!(Table::parse(&text), Ok(table));
    }

    #[test]
    fn what_is_no_figure_is_named() {
        for (text, says) in [
            ("a = 1\nb = many\n", "line 2: `b = many` is no figure"),
            ("a\n", "line 1: `a` is no figure"),
            ("a = -1\n", "line 1: `a = -1` is no figure"),
            ("a = 1\n\na = 2\n", "line 3: a is there twice"),
        ] {
            let error = Table::parse(text).unwrap_err();
            assert!(error.starts_with(says), "{error}");
        }
    }
}
