//! State dicts: files, strictness, and what is refused.

mod common;

use lowland_core::DType;
use lowland_models::zoo::Shortcut;
use lowland_models::{Error, Model, ModelConfig, StateDict, StateTensor, Values};
use safetensors::tensor::{Dtype, TensorView};

fn model(dtype: DType, seed: u64) -> Model {
    let config = ModelConfig { shortcut: Some(Shortcut::B), ..ModelConfig::named("resnet-tiny") };
    config.build([8, 8, 1], 3, &common::device(), dtype, seed).unwrap()
}

#[test]
fn names_and_shapes_are_those_of_the_golden_data() {
    let state = model(DType::F32, 0).store.state_dict().unwrap();
    let names: Vec<&str> = state.tensors.keys().map(String::as_str).collect();
    let bn = |name: &str| {
        ["bias", "running_mean", "running_var", "weight"].map(|part| format!("{name}.{part}"))
    };
    let mut expected = vec!["stem.weight".to_owned(), "fc.weight".into(), "fc.bias".into()];
    expected.extend(bn("stem_bn"));
    for block in ["blocks.0", "blocks.1"] {
        for i in [1, 2] {
            expected.push(format!("{block}.conv{i}.weight"));
            expected.extend(bn(&format!("{block}.bn{i}")));
        }
    }
    expected.push("blocks.1.short_conv.weight".into());
    expected.extend(bn("blocks.1.short_bn"));
    expected.sort();
    assert_eq!(names, expected);
    assert_eq!(state.tensors["blocks.1.conv1.weight"].shape, [32, 16, 3, 3]);
    assert_eq!(state.tensors["blocks.1.short_conv.weight"].shape, [32, 16, 1, 1]);
    assert_eq!(state.tensors["fc.weight"].shape, [3, 32]);
}

#[test]
fn a_round_trip_through_a_file_keeps_every_bit() {
    let folder = tempfile::tempdir().unwrap();
    for dtype in [DType::F32, DType::F64] {
        let (from, to) = (model(dtype, 1), model(dtype, 2));
        let path = folder.path().join("weights.safetensors");
        let state = from.store.state_dict().unwrap();
        assert_ne!(state, to.store.state_dict().unwrap());
        state.write(&path).unwrap();
        let read = StateDict::read(&path).unwrap();
        assert_eq!(read, state);
        let report = to.store.load_state_dict(&read, true).unwrap();
        assert_eq!((report.loaded, report.ignored.len()), (state.tensors.len(), 0));
        assert_eq!(to.store.state_dict().unwrap(), state);
        let arena = |model: &Model| {
            Values::download(&**model.store.device(), model.store.params()).unwrap()
        };
        assert_eq!(arena(&to), arena(&from));
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left behind");
}

#[test]
fn f64_state_dicts_are_rounded_and_f32_ones_widened() {
    let (wide, narrow) = (model(DType::F64, 1), model(DType::F32, 2));
    narrow.store.load_state_dict(&wide.store.state_dict().unwrap(), true).unwrap();
    let weight =
        |model: &Model| model.store.value_of(&model.store.param("fc.weight").unwrap()).unwrap();
    let rounded: Vec<f64> = weight(&wide).iter().map(|&v| f64::from(v as f32)).collect();
    assert_eq!(weight(&narrow), rounded);
    wide.store.load_state_dict(&narrow.store.state_dict().unwrap(), true).unwrap();
    assert_eq!(weight(&wide), rounded);
}

#[test]
fn strict_loading_lists_all_names_and_changes_nothing() {
    let model = model(DType::F32, 0);
    let before = model.store.state_dict().unwrap();
    let mut state = before.clone();
    for tensor in state.tensors.values_mut() {
        tensor.values = Values::F32(vec![7.0; tensor.values.len()]);
    }
    state.tensors.remove("stem.weight").unwrap();
    state.tensors.remove("stem_bn.running_var").unwrap();
    let extra = StateTensor { shape: vec![1], values: Values::F32(vec![0.0]) };
    state.tensors.insert("head.weight".to_owned(), extra);
    let fc = state.tensors.get_mut("fc.weight").unwrap();
    fc.shape = vec![32, 3];

    let error = model.store.load_state_dict(&state, true).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the state dict is not of this model: 2 missing (stem.weight, stem_bn.running_var); \
         1 unexpected (head.weight); 1 of another shape (fc.weight is [32, 3], not [3, 32])"
    );
    let Error::Mismatch(mismatch) = error else { panic!("{error}") };
    assert_eq!(mismatch.missing, ["stem.weight", "stem_bn.running_var"]);
    assert_eq!(mismatch.unexpected, ["head.weight"]);
    assert_eq!(mismatch.wrong_shape[0].name, "fc.weight");
    assert_eq!(model.store.state_dict().unwrap(), before);

    // Not strict: another shape is still refused, what is missing keeps its numbers.
    assert!(model.store.load_state_dict(&state, false).is_err());
    assert_eq!(model.store.state_dict().unwrap(), before);
    state.tensors.get_mut("fc.weight").unwrap().shape = vec![3, 32];
    let report = model.store.load_state_dict(&state, false).unwrap();
    assert_eq!(report.loaded, before.tensors.len() - 2);
    assert_eq!(report.missing, ["stem.weight", "stem_bn.running_var"]);
    assert_eq!(report.unexpected, ["head.weight"]);
    let after = model.store.state_dict().unwrap();
    assert_eq!(after.tensors["stem.weight"], before.tensors["stem.weight"]);
    assert_eq!(after.tensors["fc.bias"].values, Values::F32(vec![7.0; 3]));
}

#[test]
fn long_lists_are_cut_in_the_message_alone() {
    let model = model(DType::F32, 0);
    let error = model.store.load_state_dict(&StateDict::default(), true).unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("32 missing (stem.weight, ") && text.ends_with(", and 22 more)"),
        "{text}"
    );
    let Error::Mismatch(mismatch) = error else { panic!("{error}") };
    assert_eq!(mismatch.missing.len(), 32);
}

#[test]
fn files_of_pytorch_may_count_batches() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("torch.safetensors");
    let model = model(DType::F32, 3);
    let state = model.store.state_dict().unwrap();
    let bytes: Vec<(String, Vec<usize>, Vec<u8>)> = state
        .tensors
        .iter()
        .map(|(name, tensor)| {
            let Values::F32(values) = &tensor.values else { panic!("f32 was asked for") };
            let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
            (name.clone(), tensor.shape.clone(), bytes)
        })
        .collect();
    let mut views: Vec<(String, TensorView<'_>)> = bytes
        .iter()
        .map(|(name, shape, bytes)| {
            (name.clone(), TensorView::new(Dtype::F32, shape.clone(), bytes).unwrap())
        })
        .collect();
    let count = 12i64.to_le_bytes();
    let counter = TensorView::new(Dtype::I64, vec![], &count).unwrap();
    views.push(("stem_bn.num_batches_tracked".to_owned(), counter));
    std::fs::write(&path, safetensors::serialize(views, None).unwrap()).unwrap();

    let read = StateDict::read(&path).unwrap();
    assert_eq!(read.tensors, state.tensors);
    let report = model.store.load_state_dict(&read, true).unwrap();
    assert_eq!(report.ignored, ["stem_bn.num_batches_tracked"]);

    // Other integers are no weights.
    let number = TensorView::new(Dtype::I64, vec![], &count).unwrap();
    let file = safetensors::serialize([("fc.weight", number)], None).unwrap();
    std::fs::write(&path, file).unwrap();
    let error = StateDict::read(&path).unwrap_err().to_string();
    assert!(
        error.ends_with("torch.safetensors: `fc.weight` is of type I64; weights are F32 or F64"),
        "{error}"
    );
}

#[test]
fn damaged_files_and_impossible_places_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    let state = model(DType::F32, 0).store.state_dict().unwrap();
    state.write(&path).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    for length in [0, 7, 100, bytes.len() - 1] {
        std::fs::write(&path, &bytes[..length]).unwrap();
        let error = StateDict::read(&path).unwrap_err();
        assert!(matches!(error, Error::Format { .. }), "{error}");
        let text = error.to_string();
        assert!(
            text.contains(&format!("not a complete safetensors file of {length} bytes")),
            "{text}"
        );
    }
    let missing = folder.path().join("none").join("weights.safetensors");
    let error = StateDict::read(&missing).unwrap_err().to_string();
    assert!(error.starts_with("cannot read ") && error.contains("weights.safetensors"), "{error}");
    let error = state.write(&missing).unwrap_err().to_string();
    assert!(error.starts_with("cannot write ") && error.contains("weights.safetensors"), "{error}");
}

#[test]
fn a_write_that_fails_leaves_the_old_file_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    // A folder in the place of the file: the last step, the renaming, fails.
    let path = folder.path().join("weights.safetensors");
    std::fs::create_dir(&path).unwrap();
    let mut state = model(DType::F32, 0).store.state_dict().unwrap();
    assert!(matches!(state.write(&path), Err(Error::File { .. })));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);

    let path = folder.path().join("good.safetensors");
    state.write(&path).unwrap();
    let good = std::fs::read(&path).unwrap();
    state.tensors.get_mut("fc.bias").unwrap().shape = vec![4];
    let error = state.write(&path).unwrap_err().to_string();
    assert!(error.ends_with("3 values of `fc.bias` do not fill [4]"), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), good);
}
