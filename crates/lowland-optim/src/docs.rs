//! What can be named in a config, told in words and equations: the text behind a list of methods.
//!
//! Each entry stands in the file of what it describes, and is listed in the registry with it.

use std::fmt;

use crate::deformation::config;
use crate::method;
use crate::recipe::{activation, channel_directed, clip_docs};

/// What an entry describes, by the table of a config that it is named in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// An optimization method: `[optimizer.NAME]`.
    Method,
    /// A gradient activation: `[optimizer.activation.NAME]`.
    Activation,
    /// A way of clipping: `clip = { NAME = ... }` in `[optimizer]`.
    Clipping,
    /// A metric of channel-directed gradients: `metric = "NAME"` in `[optimizer.channel_directed]`.
    Metric,
    /// A deformation of the loss: `[deformation.NAME]`.
    Deformation,
}

/// A hyper-parameter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hyper {
    /// Its name in a config.
    pub name: &'static str,
    /// What the paper, or its code, calls it.
    pub symbol: &'static str,
    /// Its default as TOML; empty where it must be given.
    pub default: &'static str,
    /// What it does.
    pub meaning: &'static str,
}

impl Hyper {
    pub(crate) const fn new(
        name: &'static str,
        symbol: &'static str,
        default: &'static str,
        meaning: &'static str,
    ) -> Self {
        Hyper { name, symbol, default, meaning }
    }
}

/// One thing that can be named in a config.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Entry {
    /// What it is.
    pub kind: Kind,
    /// Its name in a config.
    pub name: &'static str,
    /// Its name in words.
    pub title: &'static str,
    /// Its equations, one a line.
    pub definition: &'static str,
    /// Its hyper-parameters.
    pub hyper: &'static [Hyper],
    /// Its state slots with the default hyper-parameters, each with one number a parameter.
    pub state: &'static [&'static str],
    /// What a step moves with it: bytes a parameter in `f32`.
    pub bytes: &'static str,
    /// Where it is from.
    pub source: &'static str,
}

/// The lists, in the order of [`ENTRIES`].
const LISTS: [&[&Entry]; 5] = [
    method::DOCS,
    activation::DOCS,
    &[&clip_docs::NORM, &clip_docs::VALUE],
    channel_directed::DOCS,
    config::DOCS,
];

const COUNT: usize = {
    let (mut list, mut count) = (0, 0);
    while list < LISTS.len() {
        count += LISTS[list].len();
        list += 1;
    }
    count
};

/// Every entry.
pub const ENTRIES: &[&Entry] = &{
    let mut all = [LISTS[0][0]; COUNT];
    let (mut list, mut at) = (0, 0);
    while list < LISTS.len() {
        let mut i = 0;
        while i < LISTS[list].len() {
            all[at] = LISTS[list][i];
            (i, at) = (i + 1, at + 1);
        }
        list += 1;
    }
    all
};

/// The entries of a name: a few names, such as `sobolev`, may have more than one.
pub fn find(name: &str) -> impl Iterator<Item = &'static Entry> {
    ENTRIES.iter().copied().filter(move |entry| entry.name == name)
}

impl Entry {
    /// How a config names it.
    #[must_use]
    pub fn table(&self) -> String {
        let name = self.name;
        match self.kind {
            Kind::Method => format!("[optimizer.{name}]"),
            Kind::Activation => format!("[optimizer.activation.{name}]"),
            Kind::Clipping => format!("[optimizer] clip = {{ {name} = ... }}"),
            Kind::Metric => format!("[optimizer.channel_directed] metric = \"{name}\""),
            Kind::Deformation => format!("[deformation.{name}]"),
        }
    }
}

/// As a page of text.
impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}\n", self.name, self.title)?;
        writeln!(f, "  {}\n", self.table())?;
        for line in self.definition.lines() {
            writeln!(f, "  {line}")?;
        }
        if !self.hyper.is_empty() {
            writeln!(f)?;
        }
        let width = self.hyper.iter().map(|hyper| hyper.name.len()).max().unwrap_or(0);
        for Hyper { name, symbol, default, meaning } in self.hyper {
            let default = if default.is_empty() { "must be given" } else { default };
            let paper =
                if symbol.is_empty() { String::new() } else { format!("paper: {symbol}; ") };
            writeln!(f, "  {name:width$}  {meaning} ({paper}default: {default})")?;
        }
        let state = if self.state.is_empty() { "none".into() } else { self.state.join(", ") };
        writeln!(f, "\n  state: {state}\n  moves: {}\n  from: {}", self.bytes, self.source)
    }
}
