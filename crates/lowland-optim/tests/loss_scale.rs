//! Loss scales against PyTorch's, step by step, from the golden folder; saved and restored.

use lowland_conformance::golden::{FOLDER_VARIABLE, Folder};
use lowland_optim::LossScale;
use serde_json::Value;

/// A column of a run: a value a step.
fn column<'a>(run: &'a Value, name: &str) -> &'a [Value] {
    run[name].as_array().unwrap_or_else(|| panic!("no column {name}"))
}

fn number(value: &Value) -> f32 {
    value.as_f64().expect("a number") as f32
}

#[test]
fn golden_scales_are_those_of_pytorch() {
    let (mut runs, mut grown, mut skipped) = (0, 0, 0);
    for file in Folder::open_from_env().unwrap().files_with("loss_scale").unwrap() {
        for run in file.json()["loss_scale"].as_array().expect("a list of runs") {
            // Its state is read as it is.
            let mut scale: LossScale = serde_json::from_value(run["start"].clone()).unwrap();
            scale.validate().unwrap();
            for (step, found_inf) in column(run, "found_inf").iter().enumerate() {
                assert_eq!(scale.scale, number(&column(run, "scale")[step]), "step {step}");
                let overflows = found_inf.as_bool().expect("a flag");
                let last = if overflows { f32::INFINITY } else { 1e-3 };
                let mut grads = [number(&column(run, "scaled")[step]), -7.0, last];
                let finite = scale.unscale(&mut grads);
                assert_eq!(grads[0], number(&column(run, "unscaled")[step]), "step {step}");
                assert_eq!(finite, column(run, "stepped")[step].as_bool().expect("a flag"));
                let before = scale.scale;
                scale.update(finite);
                let tracker = column(run, "growth_tracker")[step].as_u64();
                assert_eq!(Some(scale.growth_tracker), tracker, "step {step}");
                grown += u32::from(scale.scale > before);
                skipped += u32::from(!finite);
            }
            let end: LossScale = serde_json::from_value(run["end"].clone()).unwrap();
            assert_eq!(scale, end);
            runs += 1;
        }
    }
    println!("{runs} runs checked");
    if std::env::var_os(FOLDER_VARIABLE).is_none() {
        assert_eq!(runs, 5);
        assert!(grown > 50 && skipped > 50, "{grown} {skipped}");
    }
}

#[test]
fn a_scale_goes_on_from_a_checkpoint() {
    let flags = |i: u32| !i.is_multiple_of(7);
    let start = LossScale { growth_interval: 4, ..LossScale::default() };
    let (mut whole, mut part) = (start, start);
    (1..40).for_each(|i| whole.update(flags(i)));
    (1..18).for_each(|i| part.update(flags(i)));
    let saved = serde_json::to_string(&part).unwrap();
    assert_eq!(
        saved,
        "{\"scale\":65536.0,\"growth_factor\":2.0,\"backoff_factor\":0.5,\"growth_interval\":4,\
         \"_growth_tracker\":3}"
    );
    let mut restored: LossScale = serde_json::from_str(&saved).unwrap();
    (18..40).for_each(|i| restored.update(flags(i)));
    assert_eq!(restored, whole);
    let unknown = serde_json::from_str::<LossScale>("{\"scale\":2.0,\"growth\":3.0}");
    assert!(unknown.unwrap_err().to_string().contains("unknown field `growth`"));
}
