//! The names of ResNets in PyTorch: torchvision's, and those of the implementations for CIFAR.

use super::Names;
use crate::zoo::{Family, Spec};
use crate::{Error, Result};

/// Those in a network of this structure, with these names for a shortcut and for the linear layer.
pub(super) fn names(spec: &Spec, shortcut: &str, linear: &str) -> Result<Names> {
    if !matches!(spec.family, Family::ResNet { .. }) {
        let message = "these names are those of ResNets; this is another network";
        return Err(Error::config("name", message));
    }
    let mut names = Names::default();
    names.pair("stem", "conv1");
    names.pair("stem_bn", "bn1");
    names.pair("fc", linear);
    let stages = spec.blocks.iter().zip(1..);
    let places = stages.flat_map(|(&n, stage)| (0..n).map(move |i| (stage, i)));
    for (i, (stage, place)) in places.enumerate() {
        let (ours, theirs) = (format!("blocks.{i}"), format!("layer{stage}.{place}"));
        names.pair(format!("{ours}.short_conv"), format!("{theirs}.{shortcut}.0"));
        names.pair(format!("{ours}.short_bn"), format!("{theirs}.{shortcut}.1"));
        names.pair(ours, theirs);
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use crate::ModelConfig;
    use crate::state_dict::Convention;

    #[track_caller]
    fn assert_pairs(network: &str, convention: Convention, pairs: &[(&str, &str)]) {
        let names = convention.names(&ModelConfig::named(network).spec().unwrap()).unwrap();
        for (ours, theirs) in pairs {
            assert_eq!(names.theirs(ours), *theirs);
            assert_eq!(names.ours(theirs).as_deref(), Some(*ours));
        }
    }

    #[test]
    fn names_of_stems_blocks_shortcuts_and_heads_go_both_ways() {
        let pairs = [
            ("stem.weight", "conv1.weight"),
            ("stem_bn.running_mean", "bn1.running_mean"),
            ("blocks.0.conv1.weight", "layer1.0.conv1.weight"),
            ("blocks.2.short_conv.weight", "layer2.0.downsample.0.weight"),
            ("blocks.2.short_bn.running_var", "layer2.0.downsample.1.running_var"),
            ("blocks.7.bn2.bias", "layer4.1.bn2.bias"),
            ("fc.bias", "fc.bias"),
        ];
        assert_pairs("resnet18", Convention::Torchvision, &pairs);
        let pairs = [
            ("blocks.2.short_conv.weight", "layer2.0.shortcut.0.weight"),
            ("fc.weight", "linear.weight"),
        ];
        assert_pairs("resnet18", Convention::PytorchCifar, &pairs);
        let pairs = [("blocks.8.bn1.weight", "layer3.2.bn1.weight")];
        assert_pairs("resnet20", Convention::PytorchCifar, &pairs);
    }

    #[test]
    fn other_networks_have_no_such_names() {
        let spec = ModelConfig::named("zerosnet20").spec().unwrap();
        let error = Convention::Torchvision.names(&spec).unwrap_err().to_string();
        assert!(error.starts_with("name: these names are those of ResNets"), "{error}");
    }
}
