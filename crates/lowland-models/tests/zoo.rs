//! The zoo: sizes as published, and what a config may say.

mod common;

use lowland_core::DType;
use lowland_models::zoo::{ENTRIES, Shortcut, find, help, names};
use lowland_models::{Error, ModelConfig};

/// He et al. 2016, table 6, give 0.27, 0.46, 0.66, 0.85 and 1.7 million; the exact numbers are
/// counted by hand: convolutions, two numbers per normalised channel, and the last layer.
#[test]
fn parameter_counts_are_as_published() {
    for (name, count) in [
        ("resnet8", 75_290),
        ("resnet20", 269_722),
        ("resnet32", 464_154),
        ("resnet44", 658_586),
        ("resnet56", 853_018),
        ("resnet110", 1_727_962),
        ("resnet18", 11_173_962),
        ("resnet34", 21_282_122),
    ] {
        assert_eq!(find(name).unwrap().parameters(3, 10).unwrap(), count, "{name}");
    }
    assert_eq!(find("resnet-tiny").unwrap().parameters(1, 10).unwrap(), 19_130);
    // Shortcut B adds a 1x1 convolution and a normalisation to each of two blocks.
    let mut spec = find("resnet20").unwrap().spec();
    spec.shortcut = Shortcut::B;
    assert_eq!(spec.parameters(3, 10).unwrap(), 269_722 + 16 * 32 + 64 + 32 * 64 + 128);
}

#[test]
fn multiply_adds_are_counted_by_hand() {
    let count = |name: &str| find(name).unwrap().spec().multiply_adds([32, 32, 3], 10);
    // Stem 442,368; a stage of six convolutions 14,155,776, where the first one of a later stage
    // costs half of the others; fc 640.
    assert_eq!(count("resnet20"), 442_368 + 14_155_776 + 2 * (14_155_776 - 1_179_648) + 640);
    // torchvision's widths on 32x32 pixels: the known 0.56 billion.
    assert_eq!(count("resnet18"), 555_422_720);
}

#[test]
fn every_name_can_be_built_and_its_store_has_the_listed_count() {
    let device = common::device();
    for name in names().filter(|name| !["resnet18", "resnet34", "resnet110"].contains(name)) {
        let model = ModelConfig::named(name).build([8, 8, 1], 10, &device, DType::F32, 0).unwrap();
        assert_eq!(model.store.count(), find(name).unwrap().parameters(1, 10).unwrap());
        let (images, _) = common::batch(&device, DType::F32, 2);
        let logits = model.eval(&images).unwrap();
        assert_eq!(logits.shape().extents(), [2, 10]);
        assert!(logits.to_vec::<f32>().unwrap().iter().all(|logit| logit.is_finite()));
    }
    assert_eq!(help().lines().count(), ENTRIES.len());
}

fn parse(json: &str) -> Result<ModelConfig, String> {
    serde_json::from_str(json).map_err(|error| error.to_string())
}

#[test]
fn configs_are_read_and_resolved() {
    let config = parse(r#"{"name": "resnet20", "shortcut": "B", "widths": [4, 8, 16]}"#).unwrap();
    let resolved = config.resolved().unwrap();
    assert_eq!(
        serde_json::to_string(&resolved).unwrap(),
        r#"{"name":"resnet20","shortcut":"B","widths":[4,8,16],"blocks":[3,3,3]}"#
    );
    assert_eq!(resolved.spec().unwrap(), config.spec().unwrap());
    assert_eq!(
        serde_json::to_string(&ModelConfig::named("resnet18")).unwrap(),
        r#"{"name":"resnet18"}"#
    );
}

#[test]
fn wrong_configs_name_the_field_and_what_is_allowed() {
    assert!(
        parse(r#"{"name": "resnet20", "depth": 3}"#).unwrap_err().contains("unknown field `depth`")
    );
    assert!(parse(r#"{"name": "resnet20", "shortcut": "C"}"#).unwrap_err().contains("`A` or `B`"));
    assert!(parse(r#"{}"#).unwrap_err().contains("missing field `name`"));
    let error = |json: &str| parse(json).unwrap().spec().unwrap_err().to_string();
    for (json, text) in [
        (
            r#"{"name": "vgg"}"#,
            "name: there is no network `vgg`; one of resnet-tiny, resnet8, resnet20, resnet32, \
             resnet44, resnet56, resnet110, resnet18, resnet34",
        ),
        (r#"{"name": "resnet20", "widths": []}"#, "widths: 0 stages; there can be 1 to 16"),
        (
            r#"{"name": "resnet20", "widths": [4, 0, 8]}"#,
            "widths: 0 channels; a stage can have 1 to 65536",
        ),
        (
            r#"{"name": "resnet20", "widths": [4, 8]}"#,
            "blocks: 3 stages, but there are 2 widths; give one number for each stage",
        ),
        (
            r#"{"name": "resnet20", "blocks": [3, 0, 3]}"#,
            "blocks: 0 blocks; a stage can have 1 to 1024",
        ),
        (
            r#"{"name": "resnet20", "widths": [8, 4, 16]}"#,
            "widths: [8, 4, 16]; shortcut A only adds channels, use B to have fewer",
        ),
    ] {
        assert_eq!(error(json), text);
    }
}

#[test]
fn impossible_images_and_classes_are_refused() {
    let device = common::device();
    let config = ModelConfig::named("resnet-tiny");
    let build = |input, classes| config.build(input, classes, &device, DType::F32, 0);
    let error = build([8, 0, 1], 10).unwrap_err().to_string();
    assert_eq!(error, "input: [8, 0, 1]; height, width and channels can be 1 to 1048576");
    for classes in [0, usize::MAX] {
        let error = build([8, 8, 1], classes).unwrap_err().to_string();
        assert_eq!(error, format!("classes: {classes}; there can be 1 to 1048576"));
    }
}

#[test]
fn a_network_beyond_all_memory_is_refused_before_it_is_made() {
    let widths = Some(vec![1 << 16; 16]);
    let blocks = Some(vec![1024; 16]);
    let config = ModelConfig { widths, blocks, ..ModelConfig::named("resnet20") };
    let result = config.build([8, 8, 1], 10, &common::device(), DType::F64, 0);
    assert!(matches!(result, Err(Error::Engine(lowland_core::Error::OutOfMemory { .. }))));
}
