//! What an enum of another crate has. Such a one is not exhaustive, so that no match can tell; its
//! source can.

use std::collections::BTreeSet;
use std::fmt::Debug;

/// The names of the variants of an enum, by its source.
pub(crate) fn variants(name: &str, source: &str) -> BTreeSet<String> {
    let (_, rest) = source.split_once(&format!("pub enum {name} {{\n")).expect("the enum");
    let (body, _) = rest.split_once("\n}").expect("its end");
    let lines = body.lines().map(str::trim);
    let variants: BTreeSet<String> = lines
        .filter(|line| line.starts_with(|c: char| c.is_ascii_uppercase()))
        .filter_map(|line| line.split(|c: char| !c.is_alphanumeric()).next())
        .map(ToString::to_string)
        .collect();
    assert!(!variants.is_empty(), "{name} has no variants");
    variants
}

/// The name of the variant that a value is.
pub(crate) fn variant(value: &impl Debug) -> String {
    format!("{value:?}").split('(').next().unwrap_or_default().to_string()
}

#[test]
fn variants_are_read() {
    let source =
        "x\n/// A.\npub enum A {\n    /// One.\n    One(Two),\n    #[b]\n    Three,\n}\nD\n";
    assert_eq!(variants("A", source), ["One", "Three"].map(String::from).into());
    assert_eq!(variant(&Some(3)), "Some");
}
