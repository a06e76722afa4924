//! Weights to begin with, from a file.

use std::path::Path;

use lowland_models::state_dict::Convention;
use lowland_models::{Model, StateDict};
use serde::{Deserialize, Serialize};

use crate::checksums;
use crate::config::ConfigFile;
use crate::{Error, Result};

/// The field of a config that names them.
const FIELD: &str = "train.initial_weights";

/// Where the weights came from that a run began with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InitialWeights {
    /// The file.
    pub path: String,
    /// Its BLAKE3 checksum.
    pub blake3: String,
    /// Whose names its tensors have.
    pub names: Convention,
    /// Tensors of it that nothing uses, batch counters apart.
    pub unused: Vec<String>,
}

/// Loads parameters and running statistics into a network, by whichever names the file has.
///
/// # Errors
/// [`Error::Config`] where the file cannot be read, is no safetensors file, or does not fit the network,
/// with all names that differ.
pub(crate) fn load(file: &ConfigFile, path: &Path, model: &Model) -> Result<InitialWeights> {
    let wrong = |problem: String| file.error(FIELD, problem, "");
    let bytes = std::fs::read(path).map_err(Error::file("read", path));
    let bytes = bytes.map_err(|error| wrong(error.to_string()))?;
    let state = StateDict::from_bytes(&bytes, path).map_err(|error| wrong(error.to_string()))?;
    let names = Convention::of(&state, &model.store, &model.spec);
    let imported = names.names(&model.spec)?.import(state);
    let loaded = model.store.load_state_dict(&imported.state, true);
    loaded.map_err(|error| {
        wrong(format!("`{}`, taken for names of {}: {error}", path.display(), names.name()))
    })?;
    Ok(InitialWeights {
        path: path.to_string_lossy().into_owned(),
        blake3: checksums::of(&bytes),
        names,
        unused: imported.skipped,
    })
}
