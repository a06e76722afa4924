//! Names and numbers of a model, in and out of files and stores.

mod file;
mod names;

use std::collections::BTreeMap;

use lowland_core::Shape;

pub use names::{Convention, Imported, Names};

use crate::{Error, Mismatch, ParamStore, Result, Values, WrongShape};

/// The last part of the name of PyTorch's batch counter. It has no effect where the momentum is a
/// number, so it is accepted and not kept.
const BATCH_COUNTER: &str = "num_batches_tracked";

/// One tensor of a [`StateDict`].
#[derive(Clone, Debug, PartialEq)]
pub struct StateTensor {
    /// Its extents: OIHW for convolutions, OI for linear layers, C for normalisations.
    pub shape: Vec<usize>,
    /// Its values in row-major order.
    pub values: Values,
}

/// Parameters and running statistics by name, sorted by name. Names, shapes and layouts are those
/// of PyTorch, so that its state dicts load as they are and these load there.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StateDict {
    /// The tensors by name.
    pub tensors: BTreeMap<String, StateTensor>,
    /// Names of the batch counters that a file held beside them.
    pub ignored: Vec<String>,
}

/// What [`ParamStore::load_state_dict`] did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadReport {
    /// The number of tensors loaded.
    pub loaded: usize,
    /// Names of PyTorch's batch counters, which have no effect here.
    pub ignored: Vec<String>,
    /// Names of the model that kept their numbers, as the state dict lacks them.
    pub missing: Vec<String>,
    /// Names of the state dict that the model lacks.
    pub unexpected: Vec<String>,
}

fn is_batch_counter(name: &str) -> bool {
    name.rsplit('.').next() == Some(BATCH_COUNTER)
}

impl ParamStore {
    /// Host copies of all parameters and running statistics.
    ///
    /// PyTorch's `num_batches_tracked` is not among them; its `load_state_dict` fills it in.
    ///
    /// # Errors
    /// As [`Backend::download`](lowland_core::Backend::download).
    pub fn state_dict(&self) -> Result<StateDict> {
        let params = Values::download(&**self.device(), self.params())?;
        let stats = Values::download(&**self.device(), self.stats())?;
        let tensor = |name: &str, values: &Values, shape: Shape, offset| {
            let values = values.range(offset, shape.len());
            (name.to_owned(), StateTensor { shape: shape.extents().to_vec(), values })
        };
        let params = self.entries().iter().map(|e| tensor(&e.name, &params, e.shape, e.offset));
        let stats = self.stat_entries().iter().map(|e| tensor(&e.name, &stats, e.shape, e.offset));
        Ok(StateDict { tensors: params.chain(stats).collect(), ignored: Vec::new() })
    }

    /// Overwrites parameters and running statistics with those of a state dict, converting between
    /// `f32` and `f64`. Either all that can be loaded is, or nothing.
    ///
    /// Strict loading needs every name on both sides; else the report lists the differences.
    /// PyTorch's `num_batches_tracked` is always accepted.
    ///
    /// # Errors
    /// [`Error::Mismatch`] with all names concerned: those missing or unexpected where loading is
    /// strict, and those of another shape always.
    pub fn load_state_dict(&self, state: &StateDict, strict: bool) -> Result<LoadReport> {
        let mut report = LoadReport { ignored: state.ignored.clone(), ..LoadReport::default() };
        let mut wrong_shape = Vec::new();
        let mut params = Values::download(&**self.device(), self.params())?;
        let mut stats = Values::download(&**self.device(), self.stats())?;

        let mut load = |name: &str, shape: Shape, offset: usize, arena: &mut Values| {
            let Some(tensor) = state.tensors.get(name) else {
                return report.missing.push(name.to_owned());
            };
            if tensor.shape != shape.extents() || tensor.values.len() != shape.len() {
                let (name, found) = (name.to_owned(), tensor.shape.clone());
                return wrong_shape.push(WrongShape { name, expected: shape, found });
            }
            arena.write(offset, &tensor.values);
            report.loaded += 1;
        };
        for entry in self.entries() {
            load(&entry.name, entry.shape, entry.offset, &mut params);
        }
        for entry in self.stat_entries() {
            load(&entry.name, entry.shape, entry.offset, &mut stats);
        }

        let params_and_stats = self.entries().iter().map(|entry| &entry.name);
        let known: std::collections::HashSet<&str> = params_and_stats
            .chain(self.stat_entries().iter().map(|entry| &entry.name))
            .map(|name| &**name)
            .collect();
        for name in state.tensors.keys().filter(|name| !known.contains(name.as_str())) {
            let list =
                if is_batch_counter(name) { &mut report.ignored } else { &mut report.unexpected };
            list.push(name.clone());
        }

        let differs = !report.missing.is_empty() || !report.unexpected.is_empty();
        if !wrong_shape.is_empty() || strict && differs {
            let LoadReport { missing, unexpected, .. } = report;
            return Err(Error::Mismatch(Box::new(Mismatch { missing, unexpected, wrong_shape })));
        }
        params.upload(&**self.device(), self.params())?;
        stats.upload(&**self.device(), self.stats())?;
        Ok(report)
    }
}
