//! The parameter store: where numbers lie, where they come from, and copies of them.

mod common;

use lowland_core::{Buffer, DType, Shape};
use lowland_models::{Arena, Init, ModelConfig, ParamStore, Pass, Role, StoreBuilder, Values};

/// A store of three tensors of sizes that leave gaps, declared in this order.
fn store(order: [usize; 3], dtype: DType, seed: u64) -> ParamStore {
    let mut builder = StoreBuilder::new();
    let mut root = builder.root();
    for i in order {
        let (name, shape) =
            [("a", Shape::from([5])), ("b", Shape::from([3, 7])), ("c", Shape::from([64]))][i];
        root.scope("x").param(name, shape, Role::Bias, Init::Normal { std: 1.0 });
    }
    root.scope("x").stat("s", Shape::from([2]), 1.5);
    builder.build(&common::device(), dtype, seed).unwrap()
}

#[test]
fn slices_are_aligned_and_gaps_hold_zeros() {
    for (dtype, offsets, len) in [(DType::F32, [0, 64, 128], 192), (DType::F64, [0, 32, 64], 128)] {
        let store = store([0, 1, 2], dtype, 0);
        assert_eq!(store.count(), 5 + 21 + 64);
        assert_eq!(store.entries().iter().map(|e| e.offset).collect::<Vec<_>>(), offsets);
        assert_eq!((store.params().len(), store.grads().len()), (len, len));
        assert_eq!(store.stats().len(), Buffer::aligned_len(2, dtype));
        let values = Values::download(&**store.device(), store.params()).unwrap();
        let values = values.to_f64();
        for (i, value) in values.iter().enumerate() {
            let used =
                store.entries().iter().any(|e| (e.offset..e.offset + e.shape.len()).contains(&i));
            assert_eq!(used, *value != 0.0, "element {i}");
        }
    }
}

#[test]
fn initial_values_do_not_depend_on_order_or_type() {
    let (one, other) = (store([0, 1, 2], DType::F64, 9), store([2, 0, 1], DType::F64, 9));
    let narrow = store([1, 2, 0], DType::F32, 9);
    for name in ["x.a", "x.b", "x.c"] {
        let value = |store: &ParamStore| store.value_of(&store.param(name).unwrap()).unwrap();
        assert_eq!(value(&one), value(&other));
        let rounded: Vec<f64> = value(&one).iter().map(|&v| f64::from(v as f32)).collect();
        assert_eq!(value(&narrow), rounded);
    }
    let fresh = store([0, 1, 2], DType::F64, 10);
    let a = fresh.param("x.a").unwrap();
    assert_ne!(fresh.value_of(&a).unwrap(), one.value_of(&a).unwrap());
}

#[test]
fn what_cannot_be_built_is_refused() {
    let mut builder = StoreBuilder::new();
    builder.root().param("w", Shape::from([2]), Role::Bias, Init::Constant(0.0));
    builder.root().stat("w", Shape::from([2]), 0.0);
    let error = builder.build(&common::device(), DType::F32, 0).unwrap_err().to_string();
    assert_eq!(
        error,
        "parameter store: `w` was declared twice; give each layer a scope of its own"
    );
    let mut builder = StoreBuilder::new();
    builder.root().param("w", Shape::from([usize::MAX, 2]), Role::Bias, Init::Constant(0.0));
    builder.root().param("v", Shape::from([usize::MAX]), Role::Bias, Init::Constant(0.0));
    let error = builder.build(&common::device(), DType::F32, 0).unwrap_err();
    assert!(matches!(error, lowland_core::Error::OutOfMemory { .. }), "{error}");
    let error =
        StoreBuilder::new().build(&common::device(), DType::U32, 0).unwrap_err().to_string();
    assert_eq!(error, "parameter store: parameters must be f32 or f64, not u32");
}

#[test]
fn a_store_of_another_structure_is_refused() {
    let device = common::device();
    let model = common::narrow(&device, DType::F32, ModelConfig::named("resnet-tiny"));
    let other = common::narrow(&device, DType::F32, ModelConfig::named("resnet8"));
    let (images, _) = common::batch(&device, DType::F32, 2);
    let error = model.module.forward(&images, &Pass::eval(&other.store)).unwrap_err().to_string();
    assert!(error.contains("there is no `fc.weight` of shape [3, 32] in its place"), "{error}");
}

#[test]
fn a_module_is_evaluated_with_the_numbers_it_is_handed() {
    let device = common::device();
    let model = common::narrow(&device, DType::F32, ModelConfig::named("resnet-tiny"));
    let (images, labels) = common::batch(&device, DType::F32, 4);
    let logits = |store| -> Vec<f32> {
        model.module.forward(&images, &Pass::eval(store)).unwrap().to_vec().unwrap()
    };
    let before = logits(&model.store);
    let copy = model.store.try_clone().unwrap();
    let snapshot = model.store.snapshot().unwrap();
    assert_eq!(logits(&copy), before);

    // A training pass moves statistics, and this moves parameters, of one store alone.
    common::backward(&model, &Pass::train(&model.store), &images, &labels);
    common::descend(&model.store, 0.1);
    assert_ne!(logits(&model.store), before);
    assert_eq!(logits(&copy), before);
    assert!(device.to_vec::<f32>(copy.grads()).unwrap().iter().all(|g| *g == 0.0));

    model.store.restore(&snapshot).unwrap();
    assert_eq!(logits(&model.store), before);
    let other = common::narrow(&device, DType::F32, ModelConfig::named("resnet8"));
    assert!(other.store.restore(&snapshot).is_err());
}

#[test]
fn the_first_number_that_is_not_finite_is_found() {
    for dtype in [DType::F32, DType::F64] {
        let store = store([0, 1, 2], dtype, 0);
        for arena in [Arena::Params, Arena::Grads, Arena::Stats] {
            assert_eq!(store.first_non_finite(arena).unwrap(), None);
        }
        // The second of three tensors, of 3x7, and the third, of 64: `x.b` and `x.c`.
        let break_at = |arena, places: [(usize, f64); 2]| {
            let buffer = store.arena(arena);
            let values = Values::download(&**store.device(), buffer).unwrap();
            let mut values = values.to_f64();
            places.into_iter().for_each(|(at, value)| values[at] = value);
            let values = match dtype {
                DType::F32 => Values::F32(values.iter().map(|&v| v as f32).collect()),
                _ => Values::F64(values),
            };
            values.upload(&**store.device(), buffer).unwrap();
            store.first_non_finite(arena).unwrap().unwrap()
        };
        let [_, b, c] = [0, 1, 2].map(|i| store.entries()[i].offset);
        let found = break_at(Arena::Params, [(c + 22, f64::NAN), (b + 20, f64::INFINITY)]);
        assert_eq!((&*found.name, found.index), ("x.b", vec![2, 6]));
        assert_eq!(found.value, f64::INFINITY);
        let found = break_at(Arena::Grads, [(c + 63, f64::NAN), (c + 22, f64::NEG_INFINITY)]);
        assert_eq!((&*found.name, found.index, found.value), ("x.c", vec![22], -f64::INFINITY));
        let found = break_at(Arena::Stats, [(1, f64::NAN), (0, 3.0)]);
        assert_eq!((&*found.name, found.index), ("x.s", vec![1]));
        assert!(found.value.is_nan());
    }
}
