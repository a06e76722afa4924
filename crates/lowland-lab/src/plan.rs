//! A config that has been checked: what cannot be is not a [`Plan`].

use std::path::Path;

use lowland_core::{Chain, DType};
use lowland_models::ModelConfig;
use lowland_optim::{Error as OptimError, Method};

use crate::config::{Config, ConfigFile, WeightDecayOn};
use crate::console::grouped;
use crate::dataset::Source;
use crate::{Error, Result};

/// The most epochs: more are a slip of the pen.
const MAX_EPOCHS: usize = 1_000_000;

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
        let source =
            Source::find(&config.data.dataset, data_folder).map_err(|error| match error {
                Error::Dataset(message) => file.error("data.dataset", message, ""),
                error => error,
            })?;
        let model = config.model.resolved().map_err(|error| in_model(&file, error))?;
        let method = check_optimizer(&file)?;
        let epochs = config.train.epochs as f64;
        config.schedule.validate(epochs).map_err(|error| hyper(&file, "schedule", error))?;
        Ok(Plan { config: Config { model, ..config }, file, source, method })
    }

    /// Reads a file with `--set` arguments over it, and checks it.
    ///
    /// # Errors
    /// As [`ConfigFile::read`] and [`Plan::new`].
    pub fn read(path: &Path, sets: &[String], data_folder: &Path) -> Result<Plan> {
        Plan::new(ConfigFile::read(path, sets)?, data_folder)
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
    /// None: the method was checked.
    pub fn groups(&self) -> Result<Groups> {
        let decaying = self.method.chain()?;
        Ok(match self.config.optimizer.weight_decay_on {
            WeightDecayOn::All => Groups::One(decaying),
            WeightDecayOn::Weights => Groups::Two {
                weights: decaying,
                others: self.method.without_weight_decay().chain()?,
            },
        })
    }

    /// A mistake that came to light with the dataset.
    pub(crate) fn file(&self) -> &ConfigFile {
        &self.file
    }
}

/// Which chains of stages update which parameters.
#[derive(Clone, Debug)]
pub enum Groups {
    /// One chain for all.
    One(Chain),
    /// Weights of convolutions and linear layers decay, biases and normalisations do not.
    Two {
        /// For the weights.
        weights: Chain,
        /// For everything else.
        others: Chain,
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
    Ok(())
}

fn check_optimizer(file: &ConfigFile) -> Result<Method> {
    let optimizer = &file.config().optimizer;
    let methods = optimizer.methods();
    let allowed = "exactly one of the tables [optimizer.sgd], [optimizer.adam], [optimizer.adamw] and \
                   [optimizer.miadam] is allowed; it may be empty";
    let method = match methods.as_slice() {
        [method] => *method,
        [] => return Err(file.error("optimizer", "there is no method", allowed)),
        [.., last] => {
            let names: Vec<&str> = methods.iter().map(Method::name).collect();
            let problem = format!("there are {} methods: {}", names.len(), names.join(", "));
            return Err(file.error(&format!("optimizer.{}", last.name()), problem, allowed));
        }
    };
    let sound = method.validate_at(optimizer.learning_rate, DType::F32);
    sound.map_err(|error| hyper(file, "optimizer", error))?;
    Ok(method)
}

/// A hyper-parameter outside its range, with its place.
fn hyper(file: &ConfigFile, table: &str, error: OptimError) -> Error {
    match error {
        OptimError::Hyper { field, allowed, value } => {
            let field = field.replace('[', ".").replace(']', "");
            file.impossible(&format!("{table}.{field}"), value, &format!("it must be {allowed}"))
        }
        error => error.into(),
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
