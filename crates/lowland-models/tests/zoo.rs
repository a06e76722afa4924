//! The zoo: sizes as published, and what a config may say.

mod common;

use lowland_conformance::golden::{FOLDER_VARIABLE, Folder};
use lowland_core::DType;
use lowland_models::zoo::{ENTRIES, Shortcut, Variant, find, help, names};
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
    let config = ModelConfig { shortcut: Some(Shortcut::B), ..ModelConfig::named("resnet20") };
    let count = config.spec().unwrap().parameters(3, 10).unwrap();
    assert_eq!(count, 269_722 + 16 * 32 + 64 + 32 * 64 + 128);
}

/// Counts that are well known from elsewhere, and what differs from them by hand.
#[test]
fn parameter_counts_of_other_families_are_known() {
    let count = |name: &str, classes| find(name).unwrap().parameters(3, classes).unwrap();
    // torchvision's ResNet-50, and the same without the larger stem and with ten classes.
    assert_eq!(count("resnet50-imagenet", 1000), 25_557_032);
    let stem = 64 * 3 * (49 - 9);
    assert_eq!(count("resnet50", 10), 25_557_032 - stem - 990 * 2049);
    for n in ["20", "56"] {
        assert_eq!(count(&format!("plain{n}"), 10), count(&format!("resnet{n}"), 10));
    }
    // Against a ResNet: 1x1 convolutions in two blocks; no normalisation of the stem but one at the end;
    // that of a block which widens has the narrower input.
    let short = 16 * 32 + 32 * 64;
    for n in ["20", "56", "110"] {
        let preact = count(&format!("resnet{n}"), 10) + short - 32 + 128 - 32 - 64;
        assert_eq!(count(&format!("preact-resnet{n}"), 10), preact);
        // Two normalisations before these convolutions, and k in all blocks but three.
        let ks = 3 * (n.parse::<usize>().unwrap() - 2) / 6 - 3;
        assert_eq!(count(&format!("lm-resnet{n}"), 10), preact + 32 + 64 + ks);
    }
    assert_eq!(count("preact-resnet164", 10), 1_703_258);
    // Three normalisations and k in all blocks but three.
    assert_eq!(count("lm-resnet164", 10), 1_703_258 + 2 * (16 + 64 + 128) + 51);
}

/// Every block more of a stage adds as many numbers.
#[test]
fn deep_zerosnets_grow_evenly() {
    let depths = ["164", "326", "650", "1298"];
    let counts = depths.map(|n| find(&format!("zerosnet{n}")).unwrap().parameters(3, 10).unwrap());
    // n is 18, 36, 72 and 144.
    let per_n = (counts[1] - counts[0]) / 18;
    assert_eq!(counts[2] - counts[1], 36 * per_n);
    assert_eq!(counts[3] - counts[2], 72 * per_n);
    // A bottleneck of width w: 17 w² in convolutions and 12 w in normalisations.
    let each = [16, 32, 64].map(|w| 17 * w * w + 12 * w);
    assert_eq!(per_n, each.iter().sum::<usize>());
}

/// The golden counts include parameters that the authors' modules never use; what gets a gradient is
/// what is here.
#[test]
fn golden_parameter_counts() {
    let mut checked = 0;
    for file in Folder::open_from_env().unwrap().files_with("parameter_counts").unwrap() {
        for row in file.json()["parameter_counts"].as_array().expect("a list") {
            let name = row["name"].as_str().expect("a name").to_lowercase();
            let (name, variant) = name.split_once('_').expect("a variant");
            let variant = if variant == "tra" { Variant::Tra } else { Variant::Opt };
            let config = ModelConfig { variant: Some(variant), ..ModelConfig::named(name) };
            let spec = config.spec().unwrap();
            let classes = row["classes"].as_u64().expect("a number") as usize;
            let expected =
                row["parameters_receiving_gradient"].as_u64().expect("a number") as usize;
            assert_eq!(spec.parameters(3, classes).unwrap(), expected, "{row}");
            assert_eq!(spec.blocks.iter().sum::<usize>() as u64, row["blocks"]);
            checked += 1;
        }
    }
    println!("{checked} counts checked");
    if std::env::var_os(FOLDER_VARIABLE).is_none() {
        assert_eq!(checked, 24);
    }
}

#[test]
fn multiply_adds_are_counted_by_hand() {
    let count = |name: &str| find(name).unwrap().spec().multiply_adds([32, 32, 3], 10);
    // Stem 442,368; a stage of six convolutions 14,155,776, where the first one of a later stage
    // costs half of the others; fc 640.
    assert_eq!(count("resnet20"), 442_368 + 14_155_776 + 2 * (14_155_776 - 1_179_648) + 640);
    // torchvision's widths on 32x32 pixels: the known 0.56 billion.
    assert_eq!(count("resnet18"), 555_422_720);
    assert_eq!(count("plain20"), count("resnet20"));
    // 1x1 convolutions for one state, or for three.
    let short = 16 * 16 * 16 * 32 + 8 * 8 * 32 * 64;
    assert_eq!(count("preact-resnet20"), count("resnet20") + short);
    assert_eq!(count("lm-resnet20"), count("resnet20") + short);
    assert_eq!(count("zerosnet20"), count("resnet20") + 3 * short);
    // The well-known 4.09 billion.
    let resnet50 = find("resnet50-imagenet").unwrap().spec();
    assert_eq!(resnet50.multiply_adds([224, 224, 3], 1000), 4_089_184_256);
    assert_eq!(resnet50.last_map([224, 224, 3]), [7, 7]);
    assert_eq!(resnet50.last_map([225, 193, 3]), [8, 7]);
}

#[test]
fn every_name_can_be_built_and_its_store_has_the_listed_count() {
    let device = common::device();
    // Those that build and run in a moment.
    let small = |name: &&str| find(name).unwrap().parameters(1, 10).unwrap() < 2_000_000;
    let deep = ["resnet110", "lm-resnet110", "lm-resnet164", "zerosnet110"];
    for name in names().filter(small).filter(|name| !deep.contains(name)) {
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
    for (config, resolved) in [
        (
            r#"{"name": "zerosnet20"}"#,
            r#"{"name":"zerosnet20","widths":[16,32,64],"blocks":[3,3,3],"variant":"opt","coefficients":[0.3333333333333333,0.5555555555555556,0.1111111111111111,1.7777777777777777]}"#,
        ),
        (
            r#"{"name": "zerosnet32", "c": 1, "blocks": [2, 1, 1]}"#,
            r#"{"name":"zerosnet32","widths":[16,32,64],"blocks":[2,1,1],"variant":"opt","coefficients":[1.5,-1.0,0.5,1.0]}"#,
        ),
        (
            r#"{"name": "zerosnet18-imagenet", "variant": "tra"}"#,
            r#"{"name":"zerosnet18-imagenet","widths":[64,128,256,512],"blocks":[2,2,2,2],"variant":"tra","c":-1.8}"#,
        ),
        (r#"{"name": "plain20"}"#, r#"{"name":"plain20","widths":[16,32,64],"blocks":[3,3,3]}"#),
    ] {
        let config = parse(config).unwrap();
        let again = config.resolved().unwrap();
        assert_eq!(serde_json::to_string(&again).unwrap(), resolved);
        assert_eq!(again.spec().unwrap(), config.spec().unwrap());
    }
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
        (
            r#"{"name": "plain20", "shortcut": "A"}"#,
            "shortcut: `plain20` has none; networks whose name begins with `resnet` have",
        ),
        (
            r#"{"name": "resnet20", "c": 1.0}"#,
            "c: `resnet20` has none; networks whose name begins with `zerosnet` have",
        ),
        (
            r#"{"name": "zerosnet20", "shortcut": "B"}"#,
            "shortcut: `zerosnet20` has none; networks whose name begins with `resnet` have",
        ),
        (
            r#"{"name": "zerosnet20", "coefficients": [1, 0, 0]}"#,
            "coefficients: 3 numbers; give four: a0, a1, a2 and b0",
        ),
        (
            r#"{"name": "zerosnet20", "coefficients": [1, 0, 0, 1e9]}"#,
            "coefficients: 1000000000; each can be -1000000 to 1000000",
        ),
        (
            r#"{"name": "zerosnet20", "coefficients": [1, 0, 0, 1], "c": 1}"#,
            "c: coefficients are given too; leave one of the two out",
        ),
        (
            r#"{"name": "zerosnet20", "coefficients": [1, 0, 0, 1], "variant": "tra"}"#,
            "coefficients: the variant `tra` trains c; leave them out, or choose `opt`",
        ),
        (
            r#"{"name": "zerosnet20", "c": 0}"#,
            "c: 0; its magnitude can be 0.000001 to 1000000, as coefficients divide by it",
        ),
        (
            r#"{"name": "zerosnet20", "variant": "tra", "c": 1e-9}"#,
            "c: 0.000000001; its magnitude can be 0.000001 to 1000000, as coefficients divide by it",
        ),
        (
            r#"{"name": "zerosnet20", "blocks": [1, 3, 3]}"#,
            "blocks: 1 block in the first stage; a ZeroSNet needs at least 2 there, which make the \
             history of the others",
        ),
    ] {
        assert_eq!(error(json), text);
    }
    assert!(
        parse(r#"{"name": "zerosnet20", "variant": "best"}"#)
            .unwrap_err()
            .contains("`opt` or `tra`")
    );
    let message = error(r#"{"name": "vgg"}"#);
    assert!(message.starts_with("name: there is no network `vgg`; one of resnet-tiny, resnet8, "));
    assert!(names().all(|name| message.contains(name)), "{message}");
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
