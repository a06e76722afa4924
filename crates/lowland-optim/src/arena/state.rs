//! The state in arenas, saved and restored by the names of parameters.

use std::collections::BTreeMap;

use lowland_core::{Error as CoreError, Real};

use super::ArenaOptimizer;
use crate::error::{Error, Result};
use crate::state::{OptimizerState, ParamState};
use crate::together::Memory;

impl ArenaOptimizer {
    /// A copy of the state by the names of the parameters, for a checkpoint.
    ///
    /// # Errors
    /// Whatever the backend says about the copy; `T` must be the type of the arenas.
    pub fn state_dict<T: Real>(&self) -> Result<OptimizerState<T>> {
        let arenas: Vec<Vec<Vec<T>>> = self
            .arenas
            .iter()
            .map(|arena| arena.slots.iter().map(|slot| self.backend.to_vec(slot)).collect())
            .collect::<Result<_, CoreError>>()?;
        let mut state = BTreeMap::new();
        for (param, &(group, start)) in self.params.iter().zip(&self.places) {
            let names = self.groups.all()[group].update.slots();
            let cut = |slot: &Vec<T>| slot[start..start + param.len()].to_vec();
            let slots = names.into_iter().zip(arenas[group].iter().map(cut)).collect();
            state.insert(param.name.clone(), ParamState { steps: self.steps, slots });
        }
        Ok(OptimizerState { params: state, together: self.memory.saved(&self.groups) })
    }

    /// Replaces the state by a saved one, which must have the state of every parameter and of no
    /// other: the next steps are those that would have come then.
    ///
    /// # Errors
    /// [`Error::State`] or [`Error::Memory`], in which case nothing has changed, and whatever the backend says about the
    /// copy.
    pub fn load_state_dict<T: Real>(&mut self, state: &OptimizerState<T>) -> Result<()> {
        let steps = self.check_state(state)?;
        let memory = Memory::load(&self.groups, &state.together)?;
        for (g, arena) in self.arenas.iter().enumerate() {
            for (slot, buffer) in self.groups.all()[g].update.slots().iter().zip(&arena.slots) {
                let mut values = vec![T::zero(); buffer.len()];
                for (param, &(group, start)) in self.params.iter().zip(&self.places) {
                    if group == g {
                        let saved = &state.params[&param.name].slots[slot];
                        values[start..start + param.len()].copy_from_slice(saved);
                    }
                }
                self.backend.upload(T::host(&values), buffer)?;
            }
        }
        (self.steps, self.memory) = (steps, memory);
        Ok(())
    }

    fn check_state<T>(&self, state: &OptimizerState<T>) -> Result<u64> {
        let failed = |name: &str, message: &str| {
            Err(Error::State { name: name.into(), message: message.into() })
        };
        let mut steps = None;
        for (param, &(group, _)) in self.params.iter().zip(&self.places) {
            let Some(saved) = state.params.get(&param.name) else {
                return failed(&param.name, "is missing");
            };
            saved.check(
                &param.name,
                &self.groups.all()[group].update.slots(),
                Some(param.len()),
            )?;
            if *steps.get_or_insert(saved.steps) != saved.steps {
                let message = "has taken another number of steps than the first parameter; in an \
                               arena all take every step together";
                return failed(&param.name, message);
            }
        }
        if let Some(name) =
            state.params.keys().find(|&name| self.params.iter().all(|p| p.name != *name))
        {
            return failed(name, "belongs to no parameter of this arena");
        }
        Ok(steps.unwrap_or(0))
    }
}
