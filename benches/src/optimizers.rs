//! Every optimizer over one flat tensor.

use std::sync::Arc;

use lowland_core::{Backend, Buffer, Clock, DType};
use lowland_optim::{
    AdaBelief, AdaBound, Adai, Adam, AdamW, ArenaOptimizer, ArenaParam, Error, GroupSpec, Method,
    MiAdam, NAdam, RAdam, RmsProp, Sgd, Swats,
};

use crate::values;

/// Every optimizer, and the forms of it that cost differently, by name.
#[must_use]
pub fn methods() -> Vec<(&'static str, Method)> {
    let momentum = Sgd { momentum: 0.9, ..Sgd::default() };
    vec![
        ("sgd", Method::Sgd(Sgd::default())),
        ("sgd_momentum", Method::Sgd(momentum)),
        ("sgd_nesterov", Method::Sgd(Sgd { nesterov: true, ..momentum })),
        ("adam", Method::Adam(Adam::default())),
        ("adam_weight_decay", Method::Adam(Adam { weight_decay: 5e-4, ..Adam::default() })),
        ("amsgrad", Method::Adam(Adam { amsgrad: true, ..Adam::default() })),
        ("adamw", Method::Adamw(AdamW::default())),
        ("miadam_order_1", Method::Miadam(MiAdam { order: 1, ..MiAdam::default() })),
        ("miadam_order_3", Method::Miadam(MiAdam { order: 3, ..MiAdam::default() })),
        ("rmsprop", Method::Rmsprop(RmsProp::default())),
        ("nadam", Method::Nadam(NAdam::default())),
        ("radam", Method::Radam(RAdam::default())),
        ("adabelief", Method::Adabelief(AdaBelief::default())),
        ("adabound", Method::Adabound(AdaBound::default())),
        ("adai", Method::Adai(Adai::default())),
        // Always Adam, with its measure.
        ("swats", Method::Swats(Swats { tolerance: 0.0, ..Swats::default() })),
    ]
}

/// An optimizer with one tensor of parameters and their gradient.
#[derive(Debug)]
pub struct FlatOptimizer {
    optimizer: ArenaOptimizer,
    params: Buffer,
    grads: Buffer,
    /// What a step moves, a parameter.
    bytes: u64,
}

impl FlatOptimizer {
    /// A method over `len` parameters.
    ///
    /// # Errors
    /// As [`ArenaOptimizer::new`] and [`Backend::allocate`].
    pub fn new(device: &Arc<dyn Backend>, method: Method, len: usize) -> Result<Self, Error> {
        let update = method.update()?;
        let bytes = update.bytes(DType::F32) as u64;
        let table = vec![ArenaParam { name: "weight".into(), offset: 0, shape: [len].into() }];
        let all = vec![GroupSpec::all("all", update)];
        Ok(FlatOptimizer {
            optimizer: ArenaOptimizer::new(device.clone(), DType::F32, len, table, all)?,
            params: device.buffer_from(&values(len))?,
            grads: device.buffer_from(&values(len))?,
            bytes,
        })
    }

    /// The bytes that a step moves: parameters and every state slot are read and written, gradients
    /// are read; what is measured is read once more.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.params.len() as u64 * self.bytes
    }

    /// One step.
    ///
    /// # Errors
    /// As [`ArenaOptimizer::step`].
    pub fn step(&mut self) -> Result<(), Error> {
        self.optimizer.step(&Clock::at_step(1, 1e-3), &self.params, &self.grads)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use lowland_optim::docs::{ENTRIES, Kind};

    use super::*;

    #[test]
    fn every_method_has_a_benchmark() {
        let told = ENTRIES.iter().filter(|entry| entry.kind == Kind::Method);
        let told: BTreeSet<&str> = told.map(|entry| entry.name).collect();
        let found: BTreeSet<&str> = methods().iter().map(|(_, method)| method.name()).collect();
        assert_eq!(found, told);
    }
}
