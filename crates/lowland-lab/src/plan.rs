//! A config that has been checked: what cannot be is not a [`Plan`].

use std::path::Path;

use lowland_core::DType;
use lowland_models::ModelConfig;
use lowland_optim::docs::{ENTRIES, Kind};
use lowland_optim::{Error as OptimError, Method, Update, WeightDecayOn};

use crate::config::{Change, Config, ConfigFile, OnNonFinite, SkipAndLower};
use crate::console::grouped;
use crate::dataset::Source;
use crate::{Error, Result};

/// The most epochs: more are a slip of the pen.
const MAX_EPOCHS: usize = 1_000_000;

/// The most steps that may be skipped: a run that skips more learns nothing.
const MAX_SKIPPED: usize = 1000;

/// An experiment that can be run. Every value has been checked that can be checked without opening
/// the dataset; the few that cannot are checked by [`Run::new`](crate::Run::new), with the same kind
/// of message.
#[derive(Clone, Debug)]
pub struct Plan {
    file: ConfigFile,
    config: Config,
    source: Source,
    method: Method,
}

impl Plan {
    /// Checks a config. Datasets without a path are looked for in `data_folder`.
    ///
    /// # Errors
    /// [`Error::Config`] with the place, the field, the value and what is allowed.
    pub fn new(file: ConfigFile, data_folder: &Path) -> Result<Plan> {
        let config = file.config().clone();
        check_name(&file, &config.name)?;
        check_data(&file)?;
        check_train(&file)?;
        check_record(&file)?;
        let source =
            Source::find(&config.data.dataset, data_folder).map_err(|error| match error {
                Error::Dataset(message) => file.error("data.dataset", message, ""),
                error => error,
            })?;
        let model = config.model.resolved().map_err(|error| in_model(&file, error))?;
        let method = check_optimizer(&file)?;
        let epochs = config.train.epochs as f64;
        config.schedule.validate(epochs).map_err(|error| in_optim(&file, "schedule", error))?;
        if let Some(deformation) = &config.deformation {
            deformation.validate(epochs).map_err(|error| in_optim(&file, "", error))?;
        }
        Ok(Plan { config: Config { model, ..config }, file, source, method })
    }

    /// Reads a file, makes changes of it, and checks it.
    ///
    /// # Errors
    /// As [`ConfigFile::read`] and [`Plan::new`].
    pub fn read(path: &Path, changes: &[Change], data_folder: &Path) -> Result<Plan> {
        Plan::new(ConfigFile::read(path, changes)?, data_folder)
    }

    /// The config with every default written out.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Where its dataset comes from.
    #[must_use]
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// The network.
    #[must_use]
    pub fn model(&self) -> &ModelConfig {
        &self.config.model
    }

    /// The method of the optimizer.
    #[must_use]
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// The parameter groups.
    ///
    /// # Errors
    /// None: the recipe was checked.
    pub fn groups(&self) -> Result<Groups> {
        let recipe = &self.config.optimizer;
        let decaying = recipe.update()?;
        Ok(match recipe.weight_decay_on {
            WeightDecayOn::All => Groups::One(decaying),
            WeightDecayOn::Weights => Groups::Two {
                weights: decaying,
                others: recipe.clone().without_weight_decay().update()?,
            },
        })
    }

    /// A mistake that came to light with the dataset.
    pub(crate) fn file(&self) -> &ConfigFile {
        &self.file
    }
}

/// What is done to which parameters.
#[derive(Clone, Debug)]
pub enum Groups {
    /// One update for all.
    One(Update),
    /// Weights of convolutions and linear layers decay, biases and normalisations do not.
    Two {
        /// For the weights.
        weights: Update,
        /// For everything else.
        others: Update,
    },
}

fn check_name(file: &ConfigFile, name: &str) -> Result<()> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || name.len() > 100 || name.starts_with('.') || !name.chars().all(plain) {
        let allowed =
            "1 to 100 letters, digits, `-`, `_` and `.`, the first not a `.`, are allowed";
        return Err(file.impossible("name", format!("\"{name}\""), allowed));
    }
    Ok(())
}

fn check_data(file: &ConfigFile) -> Result<()> {
    let data = &file.config().data;
    if data.subset == Some(0) {
        let allowed = "it must be at least 1; leave it away to use all images";
        return Err(file.impossible("data.subset", 0, allowed));
    }
    if !(0.0..1.0).contains(&data.validation_fraction) {
        let allowed = "it must be at least 0 and below 1";
        let fraction = format_args!("{:?}", data.validation_fraction);
        return Err(file.impossible("data.validation_fraction", fraction, allowed));
    }
    if !(0.0..=1.0).contains(&data.label_noise) {
        let fraction = format_args!("{:?}", data.label_noise);
        return Err(file.impossible("data.label_noise", fraction, "it must be 0 to 1"));
    }
    for (i, noise) in file.config().evaluate.input_noise.iter().enumerate() {
        if let Err(lowland_data::Error::Invalid { value, advice, .. }) = noise.check() {
            let field = format!("evaluate.input_noise.{i}.strength");
            return Err(file.impossible(&field, value, &advice));
        }
    }
    Ok(())
}

fn check_train(file: &ConfigFile) -> Result<()> {
    let train = &file.config().train;
    for (field, value) in [("train.epochs", train.epochs), ("train.batch_size", train.batch_size)] {
        if value == 0 {
            return Err(file.impossible(field, value, "it must be at least 1"));
        }
    }
    if train.epochs > MAX_EPOCHS {
        let allowed = format!("it must be at most {}", grouped(MAX_EPOCHS));
        return Err(file.impossible("train.epochs", train.epochs, &allowed));
    }
    if !(0.0..1.0).contains(&train.label_smoothing) {
        let allowed = "it must be at least 0 and below 1";
        let smoothing = format_args!("{:?}", train.label_smoothing);
        return Err(file.impossible("train.label_smoothing", smoothing, allowed));
    }
    if let OnNonFinite::SkipAndLower(policy) = &train.on_non_finite {
        check_skips(file, policy)?;
    }
    Ok(())
}

fn check_skips(file: &ConfigFile, policy: &SkipAndLower) -> Result<()> {
    let SkipAndLower { factor, at_most } = *policy;
    let field = |name| format!("train.on_non_finite.skip_and_lower.{name}");
    if !(factor > 0.0 && factor <= 1.0) {
        let allowed = "it must be above 0 and at most 1";
        return Err(file.impossible(&field("factor"), format_args!("{factor:?}"), allowed));
    }
    if !(1..=MAX_SKIPPED).contains(&at_most) {
        let allowed = format!("it must be 1 to {}", grouped(MAX_SKIPPED));
        return Err(file.impossible(&field("at_most"), at_most, &allowed));
    }
    Ok(())
}

fn check_record(file: &ConfigFile) -> Result<()> {
    let minutes = file.config().record.checkpoint_every_minutes;
    if !(minutes.is_finite() && minutes >= 0.0) {
        let (minutes, allowed) = (format!("{minutes:?}"), "it must be 0 or more");
        return Err(file.impossible("record.checkpoint_every_minutes", minutes, allowed));
    }
    Ok(())
}

fn check_optimizer(file: &ConfigFile) -> Result<Method> {
    let recipe = &file.config().optimizer;
    let sound = recipe.validate_at(DType::F32).and_then(|()| recipe.method());
    sound.map_err(|error| in_optim(file, "optimizer", error))
}

/// What an optimizer, a schedule or a deformation says of its table, with the place.
pub(crate) fn in_optim(file: &ConfigFile, table: &str, error: OptimError) -> Error {
    let below = |name: &str| match (table, name) {
        ("", name) => name.to_string(),
        (table, "") => table.to_string(),
        (table, name) => format!("{table}.{name}"),
    };
    match error {
        OptimError::Hyper { field, allowed, value } => {
            let field = field.replace('[', ".").replace(']', "");
            file.impossible(&below(&field), value, &format!("it must be {allowed}"))
        }
        OptimError::Choice { table, what, given } => choice(file, &below(&table), what, &given),
        error => error.into(),
    }
}

/// The mistake of a table that names none or several of what it should name one of.
fn choice(file: &ConfigFile, table: &str, what: &str, given: &str) -> Error {
    let kind = match what {
        "method" => Kind::Method,
        "activation" => Kind::Activation,
        _ => Kind::Deformation,
    };
    let tables = ENTRIES.iter().filter(|entry| entry.kind == kind).map(|entry| entry.table());
    let tables: Vec<String> = tables.collect();
    let allowed = match tables.as_slice() {
        [first @ .., last] => {
            format!("exactly one of the tables {} and {last} is allowed", first.join(", "))
        }
        [] => String::new(),
    };
    let names: Vec<&str> = given.split(" and ").filter(|name| *name != "none").collect();
    match names.as_slice() {
        [] => file.error(table, format!("there is no {what}"), allowed),
        [.., last] => {
            let problem = format!("there are {} {what}s: {}", names.len(), names.join(", "));
            file.error(&format!("{table}.{last}"), problem, allowed)
        }
    }
}

/// A mistake in the model's table, with its place; a network that does not fit into memory is one.
pub(crate) fn in_model(file: &ConfigFile, error: impl Into<Error>) -> Error {
    let error = error.into();
    if let Some(reason) = error.out_of_memory() {
        return file.error("model", format!("the network needs too much memory: {reason}"), "");
    }
    match error {
        Error::Model(error) => match *error {
            lowland_models::Error::Config { field, message } => {
                file.error(&format!("model.{field}"), message, "")
            }
            error => error.into(),
        },
        error => error,
    }
}
