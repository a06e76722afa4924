//! The names of the authors of ZeroSNet.

use super::Names;
use crate::zoo::{Block, Family, Spec, Stem};
use crate::{Error, Result};

/// Those in a network of this structure.
///
/// Their modules hold parameters that no forward pass reads: `bn1` of the CIFAR form, `downsample1`
/// where there are no bottlenecks, and the c of the first two blocks. They have no name here.
pub(super) fn names(spec: &Spec) -> Result<Names> {
    if !matches!(spec.family, Family::ZeroSNet(_)) {
        let message = "the authors' names are those of ZeroSNets; this is another network";
        return Err(Error::config("name", message));
    }
    let mut names = Names::default();
    names.pair("stem", "conv1");
    match spec.stem {
        Stem::Cifar => names.cifar(spec),
        Stem::ImageNet => names.imagenet(spec),
    }
    Ok(names)
}

impl Names {
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ModelConfig, StateDict, StateTensor, Values};

    fn names_of(network: &str) -> Names {
        names(&ModelConfig::named(network).spec().unwrap()).unwrap()
    }

    #[track_caller]
    fn assert_pairs(names: &Names, pairs: &[(&str, &str)]) {
        for (ours, theirs) in pairs {
            assert_eq!(names.theirs(ours), *theirs);
            assert_eq!(names.ours(theirs).as_deref(), Some(*ours));
        }
    }

    #[test]
    fn names_of_the_cifar_form_go_both_ways() {
        let basic = names_of("zerosnet20");
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

        let bottleneck = names_of("zerosnet164");
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
        let names = names_of("zerosnet18-imagenet");
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
        let imported = names_of("zerosnet20").import(state);
        assert_eq!(imported.skipped, ["blocks.0.coe", "bn1.weight"]);
        let names: Vec<&String> = imported.state.tensors.keys().collect();
        assert_eq!(names, ["extra", "stem.weight"]);
        assert_eq!(imported.state.ignored, ["bn.num_batches_tracked"]);
    }

    #[test]
    fn no_tensor_takes_the_place_of_another() {
        let tensor = |x| StateTensor { shape: vec![1], values: Values::F32(vec![x]) };
        let given = [("conv1.weight", 1.0), ("stem.weight", 2.0)];
        let tensors = given.map(|(name, x)| (name.to_string(), tensor(x))).into();
        let imported = names_of("zerosnet20").import(StateDict { tensors, ..StateDict::default() });
        assert_eq!(imported.state.tensors["stem.weight"], tensor(1.0));
        assert_eq!(imported.skipped, ["stem.weight"]);
    }

    #[test]
    fn other_networks_have_no_such_names() {
        let spec = ModelConfig::named("resnet20").spec().unwrap();
        let error = names(&spec).unwrap_err().to_string();
        assert!(error.starts_with("name: the authors' names are those of ZeroSNets"), "{error}");
    }
}
