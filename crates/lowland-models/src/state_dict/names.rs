//! The names that other programs give to what is in a state dict.

mod resnet;
mod zerosnet;

use std::collections::btree_map::Entry;

use serde::{Deserialize, Serialize};

use super::StateDict;
use crate::zoo::Spec;
use crate::{ParamStore, Result};

/// Whose names a state dict has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Convention {
    /// Those of this crate.
    Lowland,
    /// ResNets of torchvision (`torchvision/models/resnet.py`): `conv1`, `layer1.0.conv1`,
    /// `layer2.0.downsample.0`, `fc`.
    Torchvision,
    /// ResNets of kuangliu/pytorch-cifar and akamaster/pytorch_resnet_cifar10, which most ResNets for
    /// CIFAR descend from: `layer2.0.shortcut.0`, `linear`.
    PytorchCifar,
    /// ZeroSNets of their authors (LongJin-lab/ZeroSNet at 3717207, `CIFAR/models/ZeroSNet.py` and
    /// `ImageNet/models/zerosnet_imagenet.py`).
    ZerosnetAuthors,
}

impl Convention {
    /// All there are.
    pub const ALL: [Convention; 4] = [
        Convention::Lowland,
        Convention::Torchvision,
        Convention::PytorchCifar,
        Convention::ZerosnetAuthors,
    ];

    /// Its name, as in a config.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Convention::Lowland => "lowland",
            Convention::Torchvision => "torchvision",
            Convention::PytorchCifar => "pytorch-cifar",
            Convention::ZerosnetAuthors => "zerosnet-authors",
        }
    }

    /// The names in a network of this structure.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) of the field `name` where there are no such networks by this
    /// convention.
    ///
    /// ```
    /// use lowland_models::{ModelConfig, state_dict::Convention};
    /// let spec = ModelConfig::named("resnet18").spec()?;
    /// let names = Convention::Torchvision.names(&spec)?;
    /// assert_eq!(names.theirs("blocks.2.short_conv.weight"), "layer2.0.downsample.0.weight");
    /// let spec = ModelConfig::named("zerosnet20").spec()?;
    /// let names = Convention::ZerosnetAuthors.names(&spec)?;
    /// let theirs = "blocks.3.downsample_ll.downsample_.0.weight";
    /// assert_eq!(names.ours(theirs).as_deref(), Some("blocks.3.short_conv_2.weight"));
    /// assert_eq!(names.ours("bn1.weight"), None);
    /// # Ok::<(), lowland_models::Error>(())
    /// ```
    pub fn names(self, spec: &Spec) -> Result<Names> {
        match self {
            Convention::Lowland => Ok(Names::default()),
            Convention::Torchvision => resnet::names(spec, "downsample", "fc"),
            Convention::PytorchCifar => resnet::names(spec, "shortcut", "linear"),
            Convention::ZerosnetAuthors => zerosnet::names(spec),
        }
    }

    /// The convention by which a state dict has most of the names of a store, the first of equals.
    #[must_use]
    pub fn of(state: &StateDict, store: &ParamStore, spec: &Spec) -> Convention {
        let params = store.entries().iter().map(|entry| &*entry.name);
        let stats = store.stat_entries().iter().map(|entry| &*entry.name);
        let ours: Vec<&str> = params.chain(stats).collect();
        let score = |convention: Convention| {
            let names = convention.names(spec).ok()?;
            Some(ours.iter().filter(|name| state.tensors.contains_key(&names.theirs(name))).count())
        };
        let scored = Convention::ALL.into_iter().filter_map(|c| Some((score(c)?, c)));
        let best = scored.reduce(|best, next| if next.0 > best.0 { next } else { best });
        best.map_or(Convention::Lowland, |(_, convention)| convention)
    }
}

/// Names of one network, in another program's modules and here.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// Beginnings of names, ours and theirs. Of those that fit a name the longest holds.
    pairs: Vec<(String, String)>,
    /// Beginnings of their names without a use.
    unused: Vec<String>,
}

/// A state dict of another program in the names that are used here.
#[derive(Clone, Debug, PartialEq)]
pub struct Imported {
    /// The tensors; a name that is not one of theirs stays.
    pub state: StateDict,
    /// Their names of the tensors that nothing uses, sorted. So is a tensor whose name here another one
    /// has already, as where both `conv1.weight` and `stem.weight` are given.
    pub skipped: Vec<String>,
}

impl Names {
    fn pair(&mut self, ours: impl Into<String>, theirs: impl Into<String>) {
        self.pairs.push((ours.into(), theirs.into()));
    }

    /// The name here of what they give this name; `None` where it is without a use.
    #[must_use]
    pub fn ours(&self, theirs: &str) -> Option<String> {
        if self.unused.iter().any(|unused| behind(theirs, unused).is_some()) {
            return None;
        }
        let pairs = self.pairs.iter().map(|(ours, theirs)| (theirs, ours));
        Some(translated(theirs, pairs))
    }

    /// Their name of what has this name here.
    #[must_use]
    pub fn theirs(&self, ours: &str) -> String {
        translated(ours, self.pairs.iter().map(|(ours, theirs)| (ours, theirs)))
    }

    /// A state dict of theirs, renamed and without what nothing uses.
    #[must_use]
    pub fn import(&self, theirs: StateDict) -> Imported {
        let mut imported = Imported { state: StateDict::default(), skipped: Vec::new() };
        imported.state.ignored = theirs.ignored;
        for (name, tensor) in theirs.tensors {
            match self.ours(&name).map(|ours| imported.state.tensors.entry(ours)) {
                Some(Entry::Vacant(place)) => drop(place.insert(tensor)),
                Some(Entry::Occupied(_)) | None => imported.skipped.push(name),
            }
        }
        imported
    }

    /// A state dict in their names. What their modules hold beyond it, batch counters and what nothing
    /// uses, is not in it: load it with `strict=False`.
    #[must_use]
    pub fn export(&self, ours: &StateDict) -> StateDict {
        let renamed = ours.tensors.iter().map(|(name, tensor)| (self.theirs(name), tensor.clone()));
        StateDict { tensors: renamed.collect(), ignored: Vec::new() }
    }
}

/// A name with its beginning replaced by the partner of the longest one that fits.
fn translated<'a>(name: &str, pairs: impl Iterator<Item = (&'a String, &'a String)>) -> String {
    let fitting = pairs.filter_map(|(from, to)| Some((from, to, behind(name, from)?)));
    match fitting.max_by_key(|(from, ..)| from.len()) {
        Some((_, to, rest)) => format!("{to}{rest}"),
        None => name.to_owned(),
    }
}

/// What follows whole parts of a name, if it begins with them.
fn behind<'a>(name: &'a str, parts: &str) -> Option<&'a str> {
    name.strip_prefix(parts).filter(|rest| rest.is_empty() || rest.starts_with('.'))
}
