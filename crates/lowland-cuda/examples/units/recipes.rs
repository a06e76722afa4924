//! Optimizers that stand for all: those that are compiled beforehand, and that a GPU is held to.

use std::error::Error;
use std::fmt::Display;
use std::fs;
use std::path::{Path, PathBuf};

use lowland_core::Chain;
use lowland_optim::{AdamW, Recipe, Sgd, WeightDecayOn};

/// Recipes whose updates together have every stage, every transform and every measure: the methods with
/// what changes their chains, and what can be put around one.
const RECIPES: &[&str] = &[
    "sgd = {}",
    "sgd = { weight_decay = 5e-4 }",
    "sgd = { momentum = 0.9 }",
    "sgd = { momentum = 0.9, weight_decay = 5e-4 }",
    "sgd = { momentum = 0.9, nesterov = true, weight_decay = 5e-4 }",
    "sgd = { momentum = 0.9, weight_decay = 5e-4, decoupled_weight_decay = true }",
    "adam = {}",
    "adam = { weight_decay = 5e-4 }",
    "adam = { amsgrad = true }",
    "adam = { amsgrad = true, weight_decay = 5e-4 }",
    "adam = { uncorrected_eps = true }",
    "adamw = {}",
    "miadam = { order = 1 }",
    "miadam = { order = 1, weight_decay = 5e-5 }",
    "miadam = { order = 2, step_scale = 'unit-gain', switch = { fraction = 0.5 } }",
    "miadam = { order = 3, switch = { fraction = 0.5 }, weight_decay = 5e-5 }",
    "miadam = { order = 3, amsgrad = true }",
    "rmsprop = {}",
    "rmsprop = { centered = true, momentum = 0.9 }",
    "nadam = {}",
    "radam = {}",
    "adabelief = {}",
    "adabound = {}",
    "adabound = { amsbound = true }",
    "adai = {}",
    "adai = { weight_decay = 5e-4 }",
    "swats = {}",
    // So wide that the switch comes at the first step at which it can.
    "swats = { tolerance = 1e3 }",
    "adam = {}\nclip = { value = 0.5 }",
    "adam = {}\nclip = { norm = 5.0 }",
    "adam = {}\nactivation = { atan = {} }",
    "adam = {}\nactivation = { placement = 'direction', tanh = {} }",
    "adam = {}\nactivation = { log = {} }",
    "adam = {}\nactivation = { adaptive_atan = { shrink = 1.5, gamma = 1.0 } }",
    "sgd = { momentum = 0.9 }\nactivation = { placement = 'direction', adaptive_atan = { shrink = 1.5, gamma = 1.0 } }",
    "adam = {}\nchannel_directed = { metric = 'h0', lambda = 0.1 }",
    "adam = {}\nchannel_directed = { metric = 'h1', lambda = 0.1 }",
    "adam = {}\nchannel_directed = { metric = 'h1', lambda = 0.1, ends = 'neumann' }",
    "adam = {}\nchannel_directed = { metric = 'sobolev', lambda = 0.1, axis = 'height' }",
    "adam = {}\nchannel_directed = { metric = 'sobolev', lambda = 0.1, ends = 'neumann' }",
];

/// Those of the list, and those of the experiments that the documentation has; each with what it is
/// called in messages.
pub fn all() -> Result<Vec<(String, Recipe)>, Box<dyn Error>> {
    let mut all = experiments()?;
    for text in RECIPES {
        let recipe = toml::from_str(&format!("learning_rate = 0.1\n{text}"));
        all.push(((*text).to_string(), recipe.map_err(|error| format!("{text}: {error}"))?));
    }
    Ok(all)
}

/// The optimizers of `docs/experiments`, where some parameters do not decay with those of these too.
fn experiments() -> Result<Vec<(String, Recipe)>, Box<dyn Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/experiments");
    let entries = fs::read_dir(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let mut files: Vec<PathBuf> =
        entries.map(|entry| Ok(entry?.path())).collect::<Result<_, std::io::Error>>()?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    let mut experiments = Vec::new();
    for file in files {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let wrong = |error: &dyn Display| format!("docs/experiments/{name}: {error}");
        let text = fs::read_to_string(&file).map_err(|error| wrong(&error))?;
        let table: toml::Table = text.parse().map_err(|error| wrong(&error))?;
        for (arm, optimizer) in optimizers(&table) {
            let recipe: Recipe = optimizer.try_into().map_err(|error| wrong(&error))?;
            let name = format!("{name}{arm}");
            if recipe.weight_decay_on == WeightDecayOn::Weights {
                let recipe = recipe.clone().without_weight_decay();
                experiments.push((format!("{name} without weight decay"), recipe));
            }
            experiments.push((name, recipe));
        }
    }
    Ok(experiments)
}

/// The optimizer of a run's file, or that of each arm of an experiment's file.
fn optimizers(file: &toml::Table) -> Vec<(String, toml::Value)> {
    let of = |config: &toml::Table| config.get("optimizer").cloned();
    let (Some(base), Some(arms)) = (
        file.get("base").and_then(|base| of(base.as_table()?)),
        file.get("arm").and_then(toml::Value::as_array),
    ) else {
        return of(file).map(|optimizer| (String::new(), optimizer)).into_iter().collect();
    };
    let with_changes = |arm: &toml::Value| {
        let mut optimizer = base.clone();
        for key in arm.get("unset").and_then(toml::Value::as_array).into_iter().flatten() {
            let key = key.as_str().and_then(|key| key.strip_prefix("optimizer."));
            if let (Some(key), Some(table)) = (key, optimizer.as_table_mut()) {
                table.remove(key);
            }
        }
        for (key, value) in arm.get("set").and_then(toml::Value::as_table).into_iter().flatten() {
            if let (Some(key), Some(table)) =
                (key.strip_prefix("optimizer."), optimizer.as_table_mut())
            {
                table.insert(key.to_string(), value.clone());
            }
        }
        let name = arm.get("name").and_then(toml::Value::as_str).unwrap_or_default();
        (format!(", arm {name}"), optimizer)
    };
    arms.iter().map(with_changes).collect()
}

/// Chains that step parameters in bf16.
pub fn on_bf16() -> Result<[Chain; 2], Box<dyn Error>> {
    Ok([Sgd { momentum: 0.9, ..Sgd::default() }.chain()?, AdamW::default().chain()?])
}
