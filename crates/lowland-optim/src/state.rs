//! What an optimizer remembers, in the form that checkpoints keep.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The state of all parameters, by name. The two optimizers of this crate share it, so that one can
/// go on where the other stopped.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct OptimizerState<T> {
    /// The state of each parameter.
    pub params: BTreeMap<String, ParamState<T>>,
    /// What [measured](crate::Measured) stages remember of all parameters together, as `stage.name`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub together: BTreeMap<String, f64>,
}

/// The state of one parameter.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ParamState<T> {
    /// The number of steps that it has taken.
    pub steps: u64,
    /// The state slots, under the names of [`Update::slots`](crate::Update::slots), each with
    /// one element per element of the parameter.
    pub slots: BTreeMap<String, Vec<T>>,
}

impl<T> ParamState<T> {
    /// Checks that it has these slots and no others, each of this length; without a length, that all
    /// have one.
    pub(crate) fn check(&self, name: &str, slots: &[String], len: Option<usize>) -> Result<()> {
        let failed = |message| Err(Error::State { name: name.into(), message });
        if let Some(missing) = slots.iter().find(|slot| !self.slots.contains_key(*slot)) {
            return failed(format!("slot `{missing}` is missing; the update has {slots:?}"));
        }
        if let Some(extra) = self.slots.keys().find(|slot| !slots.contains(slot)) {
            return failed(format!(
                "slot `{extra}` is not one of the update's, which are {slots:?}"
            ));
        }
        let Some(len) = len.or_else(|| self.slots.values().next().map(Vec::len)) else {
            return Ok(());
        };
        match self.slots.iter().find(|(_, values)| values.len() != len) {
            Some((slot, values)) => {
                failed(format!("slot `{slot}` has {} elements, but {len} are needed", values.len()))
            }
            None => Ok(()),
        }
    }
}
