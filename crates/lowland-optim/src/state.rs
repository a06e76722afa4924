//! What an optimizer remembers, in the form that checkpoints keep.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::state_mismatch::StateMismatch;

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
    /// Notes slots that are missing, unknown, or of another length than this one; without a length,
    /// than the first.
    pub(crate) fn check(
        &self,
        name: &str,
        slots: &[String],
        len: Option<usize>,
        mismatch: &mut StateMismatch,
    ) {
        for missing in slots.iter().filter(|slot| !self.slots.contains_key(*slot)) {
            mismatch.wrong(name, format!("lacks the slot `{missing}`"));
        }
        for (slot, values) in &self.slots {
            let first = self.slots.values().next().map(Vec::len);
            let want = len.or(first).unwrap_or(0);
            if !slots.contains(slot) {
                mismatch.wrong(
                    name,
                    format!("has a slot `{slot}`, where the update's are [{}]", slots.join(", ")),
                );
            } else if values.len() != want {
                mismatch.wrong(
                    name,
                    format!("has {} elements in the slot `{slot}`, not {want}", values.len()),
                );
            }
        }
    }
}
