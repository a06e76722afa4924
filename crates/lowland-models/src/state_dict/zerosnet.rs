//! The names that the authors of ZeroSNet give to what is in its state dict.

use super::StateDict;
use crate::zoo::{Block, Family, Spec, Stem};
use crate::{Error, Result};

/// Names of one ZeroSNet, in the authors' PyTorch modules (LongJin-lab/ZeroSNet at 3717207,
/// `CIFAR/models/ZeroSNet.py` and `ImageNet/models/zerosnet_imagenet.py`) and here.
///
/// Their modules hold parameters that no forward pass reads: `bn1` of the CIFAR form, `downsample1`
/// where there are no bottlenecks, and the c of the first two blocks. They have no name here.
///
/// ```
/// use lowland_models::{ModelConfig, state_dict::ZeroSNetNames};
/// let names = ZeroSNetNames::of(&ModelConfig::named("zerosnet20").spec()?)?;
/// let theirs = "blocks.3.downsample_ll.downsample_.0.weight";
/// assert_eq!(names.ours(theirs).as_deref(), Some("blocks.3.short_conv_2.weight"));
/// assert_eq!(names.theirs("blocks.3.short_conv_2.weight"), theirs);
/// assert_eq!(names.ours("bn1.weight"), None);
/// # Ok::<(), lowland_models::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ZeroSNetNames {
    /// Beginnings of names, ours and theirs. Of those that fit a name the longest holds.
    pairs: Vec<(String, String)>,
    /// Beginnings of their names without a use.
    unused: Vec<String>,
}

/// A state dict of the authors in the names that are used here.
#[derive(Clone, Debug, PartialEq)]
pub struct Imported {
    /// The tensors; a name that is not one of theirs stays.
    pub state: StateDict,
    /// Their names of the tensors that nothing uses, sorted.
    pub skipped: Vec<String>,
}

impl ZeroSNetNames {
    /// The names in a network of this structure.
    ///
    /// # Errors
    /// [`Error::Config`] of the field `name` where it is no ZeroSNet.
    pub fn of(spec: &Spec) -> Result<Self> {
        if !matches!(spec.family, Family::ZeroSNet(_)) {
            let message = "the authors' names are those of ZeroSNets; this is another network";
            return Err(Error::config("name", message));
        }
        let mut names = ZeroSNetNames { pairs: Vec::new(), unused: Vec::new() };
        names.pair("stem", "conv1");
        match spec.stem {
            Stem::Cifar => names.cifar(spec),
            Stem::ImageNet => names.imagenet(spec),
        }
        Ok(names)
    }

    fn pair(&mut self, ours: impl Into<String>, theirs: impl Into<String>) {
        self.pairs.push((ours.into(), theirs.into()));
    }

    fn cifar(&mut self, spec: &Spec) {
        self.pair("final_bn", "bn");
        for i in 0..spec.blocks.iter().sum() {
            for (ours, theirs) in [("", "x"), ("_1", "l"), ("_2", "ll")] {
                let theirs = format!("blocks.{i}.downsample_{theirs}.downsample_.0");
                self.pair(format!("blocks.{i}.short_conv{ours}"), theirs);
            }
            self.pair(format!("blocks.{i}.c"), format!("blocks.{i}.coe"));
        }
        self.unused.extend(["bn1", "blocks.0.coe", "blocks.1.coe"].map(String::from));
        match spec.block {
            Block::Basic => self.unused.push("downsample1".into()),
            Block::Bottleneck => {
                self.pairs.retain(|(ours, _)| ours != "blocks.0.short_conv");
                self.pair("blocks.0.short_bn", "downsample1.downsample.0");
                self.pair("blocks.0.short_conv", "downsample1.downsample.2");
            }
        }
    }

    fn imagenet(&mut self, spec: &Spec) {
        self.pair("stem_bn", "bn1");
        let stages = spec.blocks.iter().zip(1..);
        let places = stages.flat_map(|(&n, stage)| (0..n).map(move |i| (stage, i)));
        for (i, (stage, place)) in places.enumerate() {
            let (ours, theirs) = (format!("blocks.{i}"), format!("layer{stage}.{place}"));
            for (end, state) in [("", "x"), ("_1", "l"), ("_2", "ll")] {
                let theirs = format!("{theirs}.shortcut_{state}.0");
                self.pair(format!("{ours}.short_conv{end}"), theirs);
            }
            self.pair(format!("{ours}.c"), format!("{theirs}.k"));
            self.pair(ours, theirs);
        }
        self.unused.extend(["layer1.0.k", "layer1.1.k"].map(String::from));
    }

    /// The name here of what the authors give this name; `None` where it is without a use.
    #[must_use]
    pub fn ours(&self, theirs: &str) -> Option<String> {
        if self.unused.iter().any(|unused| behind(theirs, unused).is_some()) {
            return None;
        }
        let pairs = self.pairs.iter().map(|(ours, theirs)| (theirs, ours));
        Some(translated(theirs, pairs))
    }

    /// The authors' name of what has this name here.
    #[must_use]
    pub fn theirs(&self, ours: &str) -> String {
        translated(ours, self.pairs.iter().map(|(ours, theirs)| (ours, theirs)))
    }

    /// A state dict of the authors, renamed and without what nothing uses.
    #[must_use]
    pub fn import(&self, theirs: StateDict) -> Imported {
        let mut imported = Imported { state: StateDict::default(), skipped: Vec::new() };
        imported.state.ignored = theirs.ignored;
        for (name, tensor) in theirs.tensors {
            match self.ours(&name) {
                Some(ours) => drop(imported.state.tensors.insert(ours, tensor)),
                None => imported.skipped.push(name),
            }
        }
        imported
    }

    /// A state dict in the authors' names. What their modules hold beyond it is not in it: load it with
    /// `strict=False`.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ModelConfig, StateTensor, Values};

    fn names(network: &str) -> ZeroSNetNames {
        ZeroSNetNames::of(&ModelConfig::named(network).spec().unwrap()).unwrap()
    }

    #[track_caller]
    fn assert_pairs(names: &ZeroSNetNames, pairs: &[(&str, &str)]) {
        for (ours, theirs) in pairs {
            assert_eq!(names.theirs(ours), *theirs);
            assert_eq!(names.ours(theirs).as_deref(), Some(*ours));
        }
    }

    #[test]
    fn names_of_the_cifar_form_go_both_ways() {
        let basic = names("zerosnet20");
        assert_pairs(
            &basic,
            &[
                ("stem.weight", "conv1.weight"),
                ("blocks.1.conv1.weight", "blocks.1.conv1.weight"),
                ("blocks.2.c", "blocks.2.coe"),
                ("blocks.6.short_conv.weight", "blocks.6.downsample_x.downsample_.0.weight"),
                ("blocks.6.short_conv_1.weight", "blocks.6.downsample_l.downsample_.0.weight"),
                ("final_bn.running_var", "bn.running_var"),
                ("fc.bias", "fc.bias"),
            ],
        );
        let unused = ["bn1.running_mean", "downsample1.downsample.2.weight", "blocks.1.coe"];
        assert!(unused.iter().all(|theirs| basic.ours(theirs).is_none()));

        let bottleneck = names("zerosnet164");
        assert_pairs(
            &bottleneck,
            &[
                ("blocks.0.short_bn.bias", "downsample1.downsample.0.bias"),
                ("blocks.0.short_conv.weight", "downsample1.downsample.2.weight"),
                ("blocks.2.short_conv_2.weight", "blocks.2.downsample_ll.downsample_.0.weight"),
                ("blocks.10.bn3.weight", "blocks.10.bn3.weight"),
            ],
        );
        assert_eq!(bottleneck.ours("bn1.weight"), None);
    }

    #[test]
    fn names_of_the_imagenet_form_go_both_ways() {
        let names = names("zerosnet18-imagenet");
        assert_pairs(
            &names,
            &[
                ("stem.weight", "conv1.weight"),
                ("stem_bn.bias", "bn1.bias"),
                ("blocks.1.conv2.weight", "layer1.1.conv2.weight"),
                ("blocks.2.short_conv.weight", "layer2.0.shortcut_x.0.weight"),
                ("blocks.2.short_conv_2.weight", "layer2.0.shortcut_ll.0.weight"),
                ("blocks.7.c", "layer4.1.k"),
                ("fc.weight", "fc.weight"),
            ],
        );
        assert_eq!(names.ours("layer1.1.k"), None);
    }

    #[test]
    fn what_is_skipped_is_listed_and_what_is_unknown_stays() {
        let tensor = |x| StateTensor { shape: vec![1], values: Values::F32(vec![x]) };
        let theirs = ["bn1.weight", "blocks.0.coe", "conv1.weight", "extra"];
        let tensors = theirs.iter().map(|name| (name.to_string(), tensor(1.0))).collect();
        let state = StateDict { tensors, ignored: vec!["bn.num_batches_tracked".into()] };
        let imported = names("zerosnet20").import(state);
        assert_eq!(imported.skipped, ["blocks.0.coe", "bn1.weight"]);
        let names: Vec<&String> = imported.state.tensors.keys().collect();
        assert_eq!(names, ["extra", "stem.weight"]);
        assert_eq!(imported.state.ignored, ["bn.num_batches_tracked"]);
    }

    #[test]
    fn other_networks_have_no_such_names() {
        let spec = ModelConfig::named("resnet20").spec().unwrap();
        let error = ZeroSNetNames::of(&spec).unwrap_err().to_string();
        assert!(error.starts_with("name: the authors' names are those of ZeroSNets"), "{error}");
    }
}
