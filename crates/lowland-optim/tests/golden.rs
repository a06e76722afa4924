//! Trajectories of reference optimizers, step by step, from the golden folder.
//!
//! Every JSON file with a table of cases and a number of steps is read; a case says by its `op` what
//! it is a trajectory of. Nothing here goes by the name of a file or of a case.

#[path = "golden/case.rs"]
mod case;

use std::collections::BTreeMap;

use case::{Case, read_case};
use lowland_conformance::golden::{
    Error, FOLDER_VARIABLE, Folder, Report, Tensors, compare, compare_relative, damage,
};
use lowland_core::Clock;
use lowland_optim::{Method, Optimizer, OptimizerState, Recipe, Switch};
use serde_json::{Value, json};

/// By how much the stored scalar in front of the step, an `f64`, may differ in its last digits.
const STEP_SIZE_TOLERANCE: f64 = 1e-12;

type Result<T, E = Error> = std::result::Result<T, E>;

/// A parameter of the trajectories.
struct Param {
    name: String,
    init: Vec<f32>,
    grads: Vec<f32>,
}

fn check(folder: &Folder) -> Result<Report, String> {
    check_files(folder).map_err(|error| error.to_string())
}

fn check_files(folder: &Folder) -> Result<Report> {
    let mut report = Report::default();
    for file in folder.files_with("cases")? {
        let Some(steps) = file.json().get("steps").and_then(Value::as_u64) else {
            continue; // No trajectories.
        };
        let tensors = file.tensors()?;
        for (name, description) in file.table("cases")? {
            let Some(op) = description.get("op").and_then(Value::as_str) else {
                return Err(file.entry(name, "does not say its `op`"));
            };
            match read_case(&file, name, op)? {
                Some(case) => {
                    check_case(&case, &tensors, steps as usize)?;
                    report.check(op);
                }
                None => report.skip(name, format!("this build has no {op}")),
            }
        }
    }
    Ok(report)
}

fn read_params(tensors: &Tensors, grads: &str, steps: usize) -> Result<Vec<Param>> {
    let names = tensors.names();
    let mut params = Vec::new();
    for name in names.iter().filter_map(|name| name.strip_prefix("init.")) {
        let (shape, init) = tensors.f32(&format!("init.{name}"))?;
        let grads = format!("{grads}.{name}");
        let (grads_shape, values) = tensors.f32(&grads)?;
        if grads_shape.split_first() != Some((&steps, &shape)) {
            return Err(tensors.entry(&grads, format!("has the shape {grads_shape:?}")));
        }
        params.push(Param { name: name.to_owned(), init, grads: values });
    }
    match params.is_empty() {
        true => Err(tensors.entry("init.*", "are missing")),
        false => Ok(params),
    }
}

fn check_case(case: &Case<'_>, tensors: &Tensors, steps: usize) -> Result<()> {
    let Case { file, name, recipe, method, epochs, grads } = case;
    if epochs.as_ref().is_some_and(|epochs| epochs.len() != steps) {
        return Err(file.entry(&format!("{name}.hyper.epoch_of_step"), "is not one a step"));
    }
    let clock = |step: usize| {
        let epoch = epochs.as_ref().map_or(1, |epochs| epochs[step]);
        Clock {
            step: step as u64 + 1,
            epoch,
            progress: step as f64 / steps as f64,
            lr: recipe.learning_rate,
        }
    };
    let params = read_params(tensors, grads, steps)?;
    let failed =
        |error: lowland_optim::Error| file.entry(&format!("{name}.hyper"), error.to_string());
    let optimizer = Optimizer::new(recipe.update().map_err(failed)?);
    let (trajectories, state) = run(&params, steps, clock, optimizer);

    let place = format!("/cases/{name}/tolerance");
    let tolerance = file.tolerance(&place, "params_abs")?;
    for (param, got) in params.iter().zip(&trajectories) {
        let tensor = format!("{name}.params.{}", param.name);
        let want = widen(tensors.f32(&tensor)?.1);
        compare(&tensor, got, &want, tolerance)?;
        if let Method::Miadam(miadam) = method {
            let integrates = |step: &usize| match miadam.switch {
                Switch::Epoch(epoch) => clock(*step).epoch < epoch,
                _ => false,
            };
            let before = (0..steps).take_while(integrates).count() * param.init.len();
            if param.init.iter().all(|&x| x == 0.0) {
                let tolerance = file.tolerance(&place, "bias_before_switch_rel")?;
                compare_each(&tensor, &got[..before], &want[..before], tolerance)?;
            }
        }
    }
    let state_tolerance = file.tolerance(&place, "state_rel_to_max")?;
    check_state(tensors, method, name, &state, state_tolerance)?;
    if let Method::Miadam(miadam) = method {
        let tensor = format!("{name}.step_size");
        let got: Vec<f64> = (0..steps).map(|step| miadam.step_size(&clock(step))).collect();
        compare_each(&tensor, &got, &tensors.f64(&tensor)?.1, STEP_SIZE_TOLERANCE)?;
    }
    Ok(())
}

/// The parameters after each step, `[steps, len]` for each, and the state at the end.
fn run(
    params: &[Param],
    steps: usize,
    clock: impl Fn(usize) -> Clock,
    mut optimizer: Optimizer<f32>,
) -> (Vec<Vec<f64>>, OptimizerState<f32>) {
    let mut values: Vec<Vec<f32>> = params.iter().map(|param| param.init.clone()).collect();
    let mut trajectories = vec![Vec::new(); params.len()];
    for step in 0..steps {
        let mut table: Vec<(&str, &mut [f32], &[f32])> = Vec::new();
        for (param, values) in params.iter().zip(&mut values) {
            let len = values.len();
            table.push((&param.name, values, &param.grads[step * len..(step + 1) * len]));
        }
        optimizer.step(&clock(step), &mut table).expect("parameters and clock are in order");
        for (trajectory, values) in trajectories.iter_mut().zip(&values) {
            trajectory.extend(values.iter().map(|&x| f64::from(x)));
        }
    }
    (trajectories, optimizer.state())
}

/// Compares each stored state tensor with ours, and finds each of ours among the stored ones.
fn check_state(
    tensors: &Tensors,
    method: &Method,
    case: &str,
    state: &OptimizerState<f32>,
    tolerance: f64,
) -> Result<()> {
    let names = tensors.names();
    let prefix = format!("{case}.final.");
    let mut compared = BTreeMap::new();
    for tensor in names.iter().filter(|name| name.starts_with(&prefix)) {
        let (shape, want) = tensors.f32(tensor)?;
        let parts = tensor[prefix.len()..].split_once('.');
        let Some((slot, param)) =
            parts.and_then(|(slot, name)| Some((slot, state.params.get(name)?)))
        else {
            return Err(tensors.entry(tensor, "is state of no parameter"));
        };
        if slot == "step" {
            compare(tensor, &[param.steps as f64], &widen(want), f64::MIN_POSITIVE)?;
            continue;
        }
        if let ("mu_product", Method::Nadam(nadam)) = (slot, method) {
            // A matter of the step alone, of which we keep no state.
            let factor = |t: u64| {
                nadam.betas[0] * (1.0 - 0.5 * 0.96f64.powf(t as f64 * nadam.momentum_decay))
            };
            let product: f64 = (1..=param.steps).map(factor).product();
            compare_relative(tensor, &[product], &widen(want), tolerance)?;
            continue;
        }
        let ours = our_slot(slot);
        let Some((_, got)) = param.slots.iter().find(|(name, _)| name.ends_with(&ours)) else {
            return Err(
                tensors.entry(tensor, format!("is a slot that we do not have; shape {shape:?}"))
            );
        };
        compare_relative(tensor, &widen(got.clone()), &widen(want), tolerance)?;
        *compared.entry(parts.map(|(_, name)| name)).or_insert(0) += 1;
    }
    for (name, param) in &state.params {
        let stored = compared.get(&Some(name.as_str())).copied().unwrap_or(0);
        if stored != param.slots.len() {
            let message =
                format!("store {stored} slots of `{name}`, we have {}", param.slots.len());
            return Err(tensors.entry(&format!("{prefix}*"), message));
        }
    }
    Ok(())
}

/// What the reference's state slot is called here, after the name of the stage.
fn our_slot(reference: &str) -> String {
    match reference.strip_prefix("buf_exp_avg") {
        Some("") => ".integral_1".into(),
        Some(order) => format!(".integral_{order}"),
        None => format!(".{reference}"),
    }
}

/// Compares with a tolerance relative to each stored value; zeros are left to the other checks.
fn compare_each(what: &str, got: &[f64], want: &[f64], tolerance: f64) -> Result<()> {
    let ratio = |(&got, &want): (&f64, &f64)| if want == 0.0 { 1.0 } else { got / want };
    let ratios: Vec<f64> = got.iter().zip(want).map(ratio).collect();
    compare(&format!("{what} (ratio)"), &ratios, &vec![1.0; want.len()], tolerance)
}

fn widen(values: Vec<f32>) -> Vec<f64> {
    values.into_iter().map(f64::from).collect()
}

#[test]
fn golden_trajectories() {
    let folder = Folder::open_from_env().unwrap();
    let report = check(&folder).unwrap();
    println!("{}\n{report}", folder.path().display());
    if std::env::var_os(FOLDER_VARIABLE).is_none() {
        let counts = report.checked_by_kind();
        let count = |op: &str| counts.get(op).copied().unwrap_or(0);
        assert_eq!(["SGD", "Adam", "AdamW", "miadam"].map(count), [5, 3, 2, 31]);
        assert_eq!(["NAdam", "RAdam", "RMSprop"].map(count), [3, 3, 3 + 3]);
        let activated = ["SGD_ori", "SGD_atan", "SGD_atanMom", "SGD_tanh_Mom", "SGD_log_Mom"];
        assert_eq!(activated.map(count), [5; 5]);
        assert_eq!(["SGD_atanMom_Ada", "Adam_atan"].map(count), [3, 3]);
        assert!(report.skipped().is_empty(), "{report}");
    }
}

/// A copy of the folder with one change must fail. Returns the message.
fn fails_when(folder: &Folder, what: &str, damage: impl FnOnce(&Folder) -> Result<()>) -> String {
    let place = tempfile::tempdir().unwrap();
    let copy = damage::copy(folder, place.path()).unwrap();
    check(&copy).unwrap_or_else(|error| panic!("the copy itself fails: {error}"));
    damage(&copy).unwrap();
    match check(&copy) {
        Ok(_) => panic!("passes although {what}"),
        Err(message) => message,
    }
}

#[test]
fn golden_damage_is_found() {
    let folder = Folder::own().unwrap();
    let mut files = 0;
    for file in folder.files_with("cases").unwrap() {
        let mut damaged = None;
        for (name, case) in file.table("cases").unwrap() {
            let op = case["op"].as_str().unwrap_or_default();
            // Cases with state, so that state can be damaged.
            let tensors = file.tensors().unwrap().names();
            let state =
                tensors.into_iter().find(|t| t.starts_with(&format!("{name}.final.exp_avg.")));
            if let (Ok(Some(_)), Some(state)) = (read_case(&file, name, op), state) {
                damaged = Some((name.as_str(), state));
            }
        }
        let Some((case, state)) = damaged else { continue };
        files += 1;
        let at = |folder: &Folder| folder.path().join(file.path().file_name().unwrap());
        let numbers = |folder: &Folder| damage::tensors_beside(&at(folder));
        let param = state.rsplit('.').next().unwrap();
        let trajectory = format!("{case}.params.{param}");

        let message = fails_when(&folder, "a parameter is another", |copy| {
            damage::change_element(&numbers(copy), &trajectory, 3)
        });
        assert!(message.starts_with(&format!("{trajectory}: element 3 is")), "{message}");
        for (tensor, index) in
            [(state.clone(), 2), (format!("grads.{param}"), 4), (format!("init.{param}"), 1)]
        {
            fails_when(&folder, &tensor, |copy| {
                damage::change_element(&numbers(copy), &tensor, index)
            });
        }
        let truncated = fails_when(&folder, "truncated", |copy| damage::truncate(&numbers(copy)));
        assert!(truncated.contains(".safetensors"), "{truncated}");
        let truncated = fails_when(&folder, "truncated", |copy| damage::truncate(&at(copy)));
        assert!(truncated.contains("is no JSON"), "{truncated}");
        for (field, value) in [
            ("hyper/lr", json!(0.0101)),
            ("hyper/betas", json!([0.89, 0.999])),
            ("hyper/eps", json!(1e-4)),
            ("hyper/eps", json!(-1)),
            ("hyper", json!({ "lr": 0.1, "unheard_of": 1 })),
            ("tolerance/params_abs", json!(0)),
            ("tolerance/params_abs", json!(1e6)),
            ("tolerance/state_rel_to_max", json!(1e-12)),
            ("tolerance", json!({})),
            ("op", json!(null)),
        ] {
            let pointer = format!("/cases/{case}/{field}");
            fails_when(&folder, &pointer, |copy| {
                damage::change_json(&at(copy), &pointer, value.clone())
            });
        }
    }
    assert!(files > 0, "nothing to damage in {}", folder.path().display());
}

#[test]
fn golden_miadam_damage_is_found() {
    let folder = Folder::own().unwrap();
    let mut cases = 0;
    for file in folder.files_with("cases").unwrap() {
        let miadam = |(_, case): &(&String, &Value)| {
            case["op"] == "miadam" && case["hyper"]["sub_epoch"].as_u64() > Some(1)
        };
        let Some((case, _)) = file.table("cases").unwrap().iter().find(miadam) else { continue };
        cases += 1;
        let at = |folder: &Folder| folder.path().join(file.path().file_name().unwrap());
        for (field, value) in [
            ("hyper/kappa", json!(0.5)),
            ("hyper/order", json!(4)),
            ("hyper/sub_epoch", json!(2)),
            ("hyper/called_without_epoch_args", json!(true)),
            ("hyper/epoch_of_step", json!([1, 1])),
            ("tolerance/bias_before_switch_rel", json!(1e-12)),
        ] {
            let pointer = format!("/cases/{case}/{field}");
            fails_when(&folder, &pointer, |copy| {
                damage::change_json(&at(copy), &pointer, value.clone())
            });
        }
        let size = format!("{case}.step_size");
        let message = fails_when(&folder, &size, |copy| {
            damage::change_element(&damage::tensors_beside(&at(copy)), &size, 7)
        });
        assert!(message.contains("step_size"), "{message}");
    }
    assert_eq!(cases, 1, "one file of miadam trajectories");
}

#[test]
fn golden_activation_damage_is_found() {
    let folder = Folder::own().unwrap();
    let mut activated = std::collections::BTreeSet::new();
    for file in folder.files_with("cases").unwrap() {
        for (case, description) in file.table("cases").unwrap() {
            let op = description["op"].as_str().unwrap_or_default();
            let Ok(Some(Case { recipe: Recipe { activation: Some(_), .. }, .. })) =
                read_case(&file, case, op)
            else {
                continue;
            };
            let fields = ["alpha", "beta", "shrink", "gamma"];
            let hyper = &description["hyper"];
            let Some(field) = fields.into_iter().find(|&field| hyper[field].is_number()) else {
                continue;
            };
            if op == "RMSprop" || !activated.insert(op.to_owned()) {
                continue;
            }
            let pointer = format!("/cases/{case}/hyper/{field}");
            let value = json!(hyper[field].as_f64().unwrap() * 1.01);
            fails_when(&folder, &pointer, |copy| {
                let path = copy.path().join(file.path().file_name().unwrap());
                damage::change_json(&path, &pointer, value.clone())
            });
        }
    }
    assert_eq!(activated.len(), 6, "{activated:?}");
}

/// What an error of a checker may be; none of them is a panic.
#[test]
fn golden_folder_without_trajectories_checks_nothing() {
    let place = tempfile::tempdir().unwrap();
    std::fs::write(place.path().join("other.json"), r#"{"cases": {"a": {}}}"#).unwrap();
    let folder = Folder::open(place.path()).unwrap();
    assert_eq!(check(&folder).unwrap().checked(), 0);
    std::fs::write(place.path().join("other.json"), r#"{"steps": 40, "cases": {"a": {}}}"#)
        .unwrap();
    assert!(matches!(check_files(&folder), Err(Error::Read { .. })));
}
