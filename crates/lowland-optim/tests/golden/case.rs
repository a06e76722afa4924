//! One case of a trajectory: from the hyper-parameters that a file tells to a recipe.

use lowland_conformance::golden::{Error, File};
use lowland_optim::{ActivationConfig, Method, Placement, Recipe};
use serde_json::{Map, Value, json};

type Result<T, E = Error> = std::result::Result<T, E>;

/// One case, read.
pub struct Case<'a> {
    pub file: &'a File,
    pub name: &'a str,
    pub recipe: Recipe,
    pub method: Method,
    /// The epoch of each step, where the reference was told one.
    pub epochs: Option<Vec<u64>>,
    /// The gradients: the first part of the names of their tensors.
    pub grads: &'static str,
}

/// The recipe that an op stands for, with the hyper-parameters that only a loop needs split off;
/// `None` for an op that is not built. A hyper-parameter that the method does not have is an error.
pub fn read_case<'a>(file: &'a File, name: &'a str, op: &str) -> Result<Option<Case<'a>>> {
    let failed = |message: String| file.entry(&format!("{name}.hyper"), message);
    let case = &file.json()["cases"][name];
    let Some(hyper) = case.get("hyper").and_then(Value::as_object) else {
        return Err(failed("is no table".into()));
    };
    let mut hyper = hyper.clone();
    hyper.remove("file");
    let class = hyper.remove("cls");
    let Some(lr) = hyper.remove("lr").as_ref().and_then(Value::as_f64) else {
        return Err(failed("has no `lr`".into()));
    };
    let mut epochs = None;
    let activation = match op {
        "SGD_atan" | "Adam_atan" => take_activation(&mut hyper, "atan", Placement::Gradient),
        "SGD_atanMom" => take_activation(&mut hyper, "atan", Placement::Direction),
        "SGD_tanh_Mom" => take_activation(&mut hyper, "tanh", Placement::Direction),
        "SGD_log_Mom" => take_activation(&mut hyper, "log", Placement::Direction),
        "SGD_atanMom_Ada" => take_activation(&mut hyper, "adaptive_atan", Placement::Direction),
        // The authors' RMSprop has an activation built in, with hyper-parameters of its own.
        "RMSprop" if class.as_ref().is_some_and(|class| class.to_string().contains("atan")) => {
            let mut built_in = Map::from_iter([("alpha", 0.7), ("beta", 0.7)].map(owned));
            take_activation(&mut built_in, "atan", Placement::Gradient)
        }
        _ => Ok(None),
    };
    let table = match op {
        "SGD" | "SGD_ori" | "SGD_atan" | "SGD_atanMom" | "SGD_tanh_Mom" | "SGD_log_Mom"
        | "SGD_atanMom_Ada" => "sgd",
        "Adam" => "adam",
        "AdamW" => "adamw",
        "NAdam" => "nadam",
        "RAdam" => "radam",
        "RMSprop" => "rmsprop",
        "Adam_atan" => {
            hyper.insert("uncorrected_eps".into(), json!(true));
            "adam"
        }
        "miadam" => {
            (hyper, epochs) = miadam_fields(hyper).map_err(failed)?;
            "miadam"
        }
        _ => return Ok(None),
    };
    let recipe = json!({ "learning_rate": lr, table: hyper });
    let recipe = serde_json::from_value::<Recipe>(recipe).map_err(|e| failed(e.to_string()))?;
    let recipe = Recipe { activation: activation.map_err(failed)?, ..recipe };
    let method = recipe.method().map_err(|e| failed(e.to_string()))?;
    let replaced = case.get("gradients").is_some_and(|text| text.to_string().contains("ada_grads"));
    let grads = if replaced { "ada_grads" } else { "grads" };
    Ok(Some(Case { file, name, recipe, method, epochs, grads }))
}

fn owned((key, value): (&str, f64)) -> (String, Value) {
    (key.to_owned(), json!(value))
}

/// Splits the activation off the hyper-parameters; one with a negative factor is switched off.
fn take_activation(
    hyper: &mut Map<String, Value>,
    kind: &str,
    placement: Placement,
) -> Result<Option<ActivationConfig>, String> {
    let fields = if kind == "adaptive_atan" { ["shrink", "gamma"] } else { ["alpha", "beta"] };
    let mut table = Map::new();
    for field in fields {
        let value = hyper.remove(field).ok_or(format!("has no `{field}`"))?;
        table.insert(field.into(), value);
    }
    if table.values().any(|value| value.as_f64().is_some_and(|value| value < 0.0)) {
        return Ok(None);
    }
    let config = json!({ "placement": placement, kind: table });
    serde_json::from_value(config).map(Some).map_err(|error| error.to_string())
}

/// Renames what the authors call otherwise, and splits off the epochs.
type Fields = Map<String, Value>;

fn miadam_fields(mut fields: Fields) -> Result<(Fields, Option<Vec<u64>>), String> {
    let mut take = |key: &str| fields.remove(key).ok_or(format!("has no `{key}`"));
    let sub_epoch = take("sub_epoch")?;
    let epochs: Option<Vec<u64>> =
        serde_json::from_value(take("epoch_of_step")?).map_err(|e| e.to_string())?;
    if take("called_without_epoch_args")? != Value::Bool(epochs.is_none()) {
        return Err("has epochs for a call without epochs, or none for one with them".into());
    }
    fields.insert("switch".into(), json!({ "epoch": sub_epoch }));
    Ok((fields, epochs))
}
