//! What the JSON says of a net: its structure, and under whose names its numbers are stored.

use lowland_conformance::golden::File;
use lowland_models::state_dict::{Convention, Names};
use lowland_models::zoo::{Block, Coefficients, Family, Spec, Stem};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::Check;

/// One entry of a table `nets`.
pub struct Net<'a> {
    pub file: &'a File,
    pub name: &'a str,
    pub json: &'a Value,
}

/// The structure of a net, in the terms of this crate.
pub struct Structure {
    pub spec: Spec,
    pub channels: usize,
    pub classes: usize,
    /// Where the names are those of the authors of ZeroSNet.
    pub authors: Option<Names>,
}

impl Structure {
    /// The name under which something is stored.
    pub fn stored(&self, name: &str) -> String {
        self.authors.as_ref().map_or_else(|| name.to_owned(), |names| names.theirs(name))
    }

    /// The name here of what is stored under a name, if anything uses it.
    pub fn ours(&self, stored: &str) -> Option<String> {
        self.authors.as_ref().map_or_else(|| Some(stored.to_owned()), |names| names.ours(stored))
    }
}

impl Net<'_> {
    /// What it is, for reports: a kind that people know.
    pub fn kind(&self) -> Check<String> {
        match self.json.pointer("/config/layers") {
            Some(_) => Ok("ZeroSNet of its authors".to_owned()),
            None => self.text("/config/kind"),
        }
    }

    /// Whether this build has such networks.
    pub fn is_known(&self) -> Check<bool> {
        let kind = self.kind()?;
        Ok(KINDS.contains(&family_of(&kind)))
    }

    pub fn structure(&self) -> Check<Structure> {
        for (key, expected) in [("input", "NCHW"), ("conv_weight", "OIHW"), ("linear_weight", "OI")]
        {
            let pointer = format!("/layout/{key}");
            let layout = self.text(&pointer)?;
            if layout != expected {
                return Err(
                    self.error(&pointer, &format!("is {layout}; this test knows {expected}"))
                );
            }
        }
        if self.json.pointer("/config/layers").is_some() {
            self.of_authors()
        } else {
            self.of_kind()
        }
    }

    /// A ZeroSNet at the authors' full width for CIFAR-10.
    fn of_authors(&self) -> Check<Structure> {
        let coefficients = match self.json.pointer("/config/fixed") {
            Some(_) => fixed(self.value("/config/fixed")?),
            None => Coefficients::Trainable { c: self.value("/config/coe_ini")? },
        };
        let spec = Spec {
            family: Family::ZeroSNet(coefficients),
            stem: Stem::Cifar,
            block: Block::Basic,
            widths: vec![16, 32, 64],
            blocks: self.value("/config/layers")?,
        };
        let authors = Some(Convention::ZerosnetAuthors.names(&spec)?);
        Ok(Structure { spec, channels: 3, classes: 10, authors })
    }

    /// A net whose config says it all. Blocks are basic and the stem is that for CIFAR where it does not
    /// say so.
    fn of_kind(&self) -> Check<Structure> {
        let kind = self.text("/config/kind")?;
        let family = match family_of(&kind) {
            "ResNet" => Family::ResNet { shortcut: self.value("/config/shortcut")? },
            "Plain" => Family::Plain,
            "PreAct" => Family::PreActResNet,
            "LM" => Family::LmResNet,
            "ZeroSNet" if self.json.pointer("/config/coefficients").is_some() => {
                Family::ZeroSNet(fixed(self.value("/config/coefficients")?))
            }
            "ZeroSNet" => Family::ZeroSNet(Coefficients::TRA),
            _ => return Err(self.error("/config/kind", &format!("`{kind}` is not in this build"))),
        };
        let choice = |pointer: &str, default: &str| match self.json.pointer(pointer) {
            Some(_) => self.text(pointer),
            None => Ok(default.to_owned()),
        };
        let block = match &*choice("/config/block", "basic")? {
            "basic" => Block::Basic,
            "bottleneck" => Block::Bottleneck,
            other => return Err(self.error("/config/block", &format!("is {other}"))),
        };
        let stem = match &*choice("/config/stem", "cifar")? {
            "cifar" => Stem::Cifar,
            "imagenet" => Stem::ImageNet,
            other => return Err(self.error("/config/stem", &format!("is {other}"))),
        };
        let (widths, blocks) = (self.value("/config/widths")?, self.value("/config/blocks")?);
        let spec = Spec { family, stem, block, widths, blocks };
        let input: [usize; 4] = self.value("/config/input")?;
        let classes = self.value("/config/classes")?;
        Ok(Structure { spec, channels: input[1], classes, authors: None })
    }

    fn text(&self, pointer: &str) -> Check<String> {
        self.value(pointer)
    }

    pub fn value<T: DeserializeOwned>(&self, pointer: &str) -> Check<T> {
        let value = self.json.pointer(pointer).cloned().unwrap_or_default();
        serde_json::from_value(value).map_err(|error| self.error(pointer, &error.to_string()))
    }

    pub fn error(&self, pointer: &str, message: &str) -> Box<dyn std::error::Error> {
        self.file.entry(&format!("/nets/{}{pointer}", self.name), message).into()
    }
}

/// What kinds begin with.
const KINDS: [&str; 5] = ["ResNet", "Plain", "PreAct", "LM", "ZeroSNet"];

/// The beginning of a kind, such as that of `ResNet-20`.
fn family_of(kind: &str) -> &str {
    kind.split(['-', ' ']).next().unwrap_or_default()
}

fn fixed([a0, a1, a2, b0]: [f64; 4]) -> Coefficients {
    Coefficients::Fixed { a: [a0, a1, a2], b0 }
}
