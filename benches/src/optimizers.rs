//! Every optimizer over one flat tensor.

use std::sync::Arc;

use lowland_core::{Backend, Buffer, Clock, DType};
use lowland_optim::{
    AdaBelief, AdaBound, Adam, AdamW, ArenaOptimizer, ArenaParam, Error, GroupSpec, Method, MiAdam,
    NAdam, RAdam, RmsProp, Sgd,
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
    ]
}

/// An optimizer with one tensor of parameters and their gradient.
#[derive(Debug)]
pub struct FlatOptimizer {
    optimizer: ArenaOptimizer,
    params: Buffer,
    grads: Buffer,
    /// State slots.
    slots: usize,
}

impl FlatOptimizer {
    /// A method over `len` parameters.
    ///
    /// # Errors
    /// As [`ArenaOptimizer::new`] and [`Backend::allocate`].
    pub fn new(device: &Arc<dyn Backend>, method: Method, len: usize) -> Result<Self, Error> {
        let chain = method.chain()?;
        let slots = chain.slot_count();
        let table = vec![ArenaParam { name: "weight".into(), offset: 0, shape: [len].into() }];
        let all = vec![GroupSpec::all("all", chain)];
        Ok(FlatOptimizer {
            optimizer: ArenaOptimizer::new(device.clone(), DType::F32, len, table, all)?,
            params: device.buffer_from(&values(len))?,
            grads: device.buffer_from(&values(len))?,
            slots,
        })
    }

    /// The bytes that a step moves: parameters and every state slot are read and written, gradients
    /// are read.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        4 * self.params.len() as u64 * (3 + 2 * self.slots as u64)
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

    use super::*;
    use crate::testing::{variant, variants};

    #[test]
    fn every_method_has_a_benchmark() {
        let source = include_str!("../../crates/lowland-optim/src/method.rs");
        let found: BTreeSet<String> = methods().iter().map(|(_, method)| variant(method)).collect();
        assert_eq!(found, variants("Method", source));
    }
}
