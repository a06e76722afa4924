//! Weights.

use std::sync::Arc;

use lowland_core::DType;
use lowland_cpu::Cpu;
use lowland_models::state_dict::{Convention, Names};
use lowland_models::{Model, ModelConfig, StateDict, Values};

use crate::Verdict;

thread_local! {
    /// A network of 7 to 40 numbers a tensor.
    static MODEL: Model = ModelConfig { widths: Some(vec![2, 4]), ..ModelConfig::named("resnet-tiny") }
        .build([4, 4, 1], 2, &(Arc::new(Cpu::new(1)) as _), DType::F32, 0)
        .expect("the network can be built");
    /// Names of networks in other programs.
    static NAMES: Vec<Names> = ["resnet20", "zerosnet20"]
        .into_iter()
        .map(|name| ModelConfig::named(name).spec().expect("there is such a network"))
        .flat_map(|spec| Convention::ALL.into_iter().filter_map(move |c| c.names(&spec).ok()))
        .collect();
}

/// Reads a safetensors file as weights, writes and reads it again, loads it into a network, and takes
/// it for one of other programs.
pub fn safetensors(data: &[u8]) -> Verdict {
    let Ok(state) = StateDict::from_bytes(data, "given") else { return Verdict::Refused };
    let bytes = state.to_bytes().expect("what was read can be written");
    let again = StateDict::from_bytes(&bytes, "written").expect("what was written can be read");
    assert!(again.tensors.keys().eq(state.tensors.keys()), "the names are the same");
    // Bytes, as a NaN differs from itself.
    assert_eq!(again.to_bytes().ok(), Some(bytes), "the numbers are the same");
    MODEL.with(|model| load(model, &state));
    MODEL.with(|model| Convention::of(&state, &model.store, &model.spec));
    NAMES.with(|all| all.iter().for_each(|names| import(names, state.clone())));
    Verdict::Accepted
}

/// Either all that fits is loaded, or nothing.
fn load(model: &Model, state: &StateDict) {
    let now = || model.store.state_dict().expect("a network's weights can be had");
    let before = now().to_bytes().ok();
    match model.store.load_state_dict(state, true) {
        Err(error) => {
            assert!(!error.to_string().is_empty());
            assert_eq!(now().to_bytes().ok(), before, "a refused load changes nothing");
        }
        Ok(report) => {
            let after = now();
            assert_eq!(report.loaded, after.tensors.len(), "every tensor is loaded");
            for (name, tensor) in &after.tensors {
                let given = bits(&state.tensors[name].values);
                assert_eq!(bits(&tensor.values), given, "the numbers of `{name}` are those given");
            }
        }
    }
    if let Ok(report) = model.store.load_state_dict(state, false) {
        assert_eq!(report.loaded + report.missing.len(), now().tensors.len());
    }
}

/// Nothing is lost on the way from their names to ours.
fn import(names: &Names, state: StateDict) {
    let tensors = state.tensors.len();
    let imported = names.import(state);
    assert_eq!(imported.state.tensors.len() + imported.skipped.len(), tensors);
}

/// The numbers, as `f32`, by their bits; all NaNs are one.
fn bits(values: &Values) -> Vec<u32> {
    let bits = |x: f64| if x.is_nan() { u32::MAX } else { (x as f32).to_bits() };
    values.to_f64().into_iter().map(bits).collect()
}
