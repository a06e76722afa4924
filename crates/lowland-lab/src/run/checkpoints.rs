//! A run into a checkpoint, and back.

use std::path::Path;

use serde_json::Value;

use super::{Run, RunInfo};
use crate::checkpoint::{
    Checkpoint, FORMAT, Manifest, Progress, optimizer_state, optimizer_tensors,
};
use crate::record::{Program, Record};
use crate::{Error, Result};

/// The parts of a [`RunInfo`] that may differ between the process that began a run and one that goes on
/// with it, and whether that may change the bits of its results.
const MAY_DIFFER: [(&str, bool); 8] = [
    // The config says it exactly; these are sentences.
    ("notes", false),
    ("optimizer", true),
    ("device", true),
    ("instruction_set", true),
    ("fused_layers", true),
    ("threads", false),
    ("loader_workers", false),
    ("tensor_bytes_expected", false),
];

impl Run {
    /// Writes a checkpoint, if any are kept and anything was trained.
    pub(super) fn checkpoint(&self, record: &mut Record) -> Result<()> {
        let untouched =
            self.progress == Progress { seconds: self.progress.seconds, ..Progress::default() };
        if !record.keeper().keeps() || untouched {
            return Ok(());
        }
        let checkpoint = self.to_checkpoint(record)?;
        record.keeper().write(&checkpoint)
    }

    fn to_checkpoint(&self, record: &Record) -> Result<Checkpoint> {
        let weights = self.trainer.model().store.state_dict()?;
        let (optimizer, of_optimizer) =
            optimizer_tensors(self.trainer.optimizer().state_dict()?, &weights);
        let manifest = Manifest {
            format: FORMAT,
            program: Program::this(),
            run: record.json().clone(),
            progress: self.progress.clone(),
            optimizer: of_optimizer,
        };
        let config = self.plan.config().to_toml()?;
        Ok(Checkpoint { manifest, config, weights, optimizer })
    }

    /// Takes everything from a checkpoint, or nothing. Returns what is otherwise here than where the run
    /// began and may change its bits.
    ///
    /// # Errors
    /// [`Error::OtherRun`] where it is of another network, optimizer or dataset, with what differs.
    pub(crate) fn restore(&mut self, path: &Path, checkpoint: &Checkpoint) -> Result<Vec<String>> {
        let Checkpoint { manifest, weights, optimizer, .. } = checkpoint;
        let other = |differing: String| Error::OtherRun { path: path.to_path_buf(), differing };
        let (differing, mut changed) = compare(&manifest.run.run, &self.info);
        if !differing.is_empty() {
            return Err(other(differing.join(", ")));
        }
        let names = self.trainer.model().store.entries().iter().map(|entry| &*entry.name);
        let state = optimizer_state(path, optimizer, &manifest.optimizer, names)?;
        // Each of the two checks all of what it is given before it changes anything.
        let before = self.trainer.model().store.snapshot()?;
        let loaded = self.trainer.model().store.load_state_dict(weights, true);
        loaded.map_err(|error| other(error.to_string()))?;
        if let Err(error) = self.trainer.load_optimizer_state(&state) {
            self.trainer.model().store.restore(&before)?;
            return Err(other(error.to_string()));
        }
        self.progress = manifest.progress.clone();
        let programs = [&manifest.program, &Program::this()].map(Program::in_words);
        if programs[0] != programs[1] {
            changed
                .push(format!("the program was {} then and is {} now", programs[0], programs[1]));
        }
        Ok(changed)
    }
}

/// What may not differ between two runs, and does, and what may.
fn compare(there: &RunInfo, here: &RunInfo) -> (Vec<String>, Vec<String>) {
    let (mut differing, mut changed) = (Vec::new(), Vec::new());
    let values = [there, here].map(|info| serde_json::to_value(info).unwrap_or_default());
    walk("", &values[0], &values[1], &mut |path, there, here| {
        let words = format!("`{path}` is {there} there and {here} now");
        let name = path.rsplit('.').next().unwrap_or(path);
        match MAY_DIFFER.iter().find(|(field, _)| *field == name) {
            None => differing.push(words),
            Some((_, true)) => changed.push(words),
            Some((_, false)) => {}
        }
    });
    (differing, changed)
}

/// Tells of every value that differs, by its dotted path.
fn walk(path: &str, there: &Value, here: &Value, tell: &mut dyn FnMut(&str, &Value, &Value)) {
    match (there, here) {
        (Value::Object(there), Value::Object(here)) => {
            let mut keys: Vec<&String> = there.keys().chain(here.keys()).collect();
            keys.sort();
            keys.dedup();
            for key in keys {
                let below = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                let value = |map: &serde_json::Map<String, Value>| map.get(key).cloned();
                let [there, here] = [value(there), value(here)].map(Option::unwrap_or_default);
                walk(&below, &there, &here, tell);
            }
        }
        _ if there != here => tell(path, there, here),
        _ => {}
    }
}
