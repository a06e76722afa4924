//! Weights of the small network of the target, and safetensors files that are none.

use std::sync::Arc;

use lowland_core::DType;
use lowland_cpu::Cpu;
use lowland_models::{ModelConfig, StateDict, StateTensor, Values};

use super::Seeds;

pub fn seeds() -> Seeds {
    let config = ModelConfig { widths: Some(vec![2, 4]), ..ModelConfig::named("resnet-tiny") };
    let model = config.build([4, 4, 1], 2, &(Arc::new(Cpu::new(1)) as _), DType::F32, 0);
    let state = model.expect("the network").store.state_dict().expect("its weights");
    let tensor = |values: &[f64]| StateTensor {
        shape: vec![1, values.len()],
        values: Values::F64(values.to_vec()),
    };
    let theirs = [
        "conv1.weight",
        "bn1.weight",
        "blocks.2.coe",
        "blocks.6.downsample_x.downsample_.0.weight",
    ];
    let theirs = theirs.map(|name| (name.to_string(), tensor(&[0.5, f64::NAN, -0.0])));
    let both = ["conv1.weight", "stem.weight"].map(|name| (name.to_string(), tensor(&[1.0])));
    let bytes = |tensors| {
        let state = StateDict { tensors, ..StateDict::default() };
        state.to_bytes().expect("they can be written")
    };
    vec![
        ("accepted-network", state.to_bytes().expect("they can be written")),
        ("accepted-authors-names", bytes(theirs.into())),
        ("accepted-two-names-of-one", bytes(both.into())),
        (
            "accepted-counter",
            file(
                r#"{"bn.num_batches_tracked":{"dtype":"I64","shape":[],"data_offsets":[0,8]}}"#,
                &[1; 8],
            ),
        ),
        (
            "accepted-empty-tensor",
            file(
                r#"{"a":{"dtype":"F32","shape":[0,9223372036854775808],"data_offsets":[0,0]}}"#,
                &[],
            ),
        ),
        (
            "accepted-metadata",
            file(
                r#"{"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#,
                &[0; 4],
            ),
        ),
        (
            "refused-half-floats",
            file(r#"{"a":{"dtype":"F16","shape":[1],"data_offsets":[0,2]}}"#, &[0; 2]),
        ),
        (
            "refused-overflow",
            file(
                r#"{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}}"#,
                &[],
            ),
        ),
        (
            "refused-hole",
            file(r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#, &[0; 8]),
        ),
        ("refused-header-of-exabytes", [&[0xff; 8][..], b"{}"].concat()),
        ("refused-deep", file(&format!("{{\"a\":{}", "[".repeat(2000)), &[])),
    ]
}

/// A safetensors file of a header and its data.
fn file(header: &str, data: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), data].concat()
}
