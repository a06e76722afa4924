//! The state in arenas, saved and restored by the names of parameters.

use std::collections::{BTreeMap, BTreeSet};

use lowland_core::{Buffer, Error as CoreError, Real};

use super::ArenaOptimizer;
use crate::error::Result;
use crate::state::{OptimizerState, ParamState};
use crate::state_mismatch::StateMismatch;
use crate::together::Memory;

impl ArenaOptimizer {
    /// The arenas of the state: each slot of each group.
    pub fn state_arenas(&self) -> impl Iterator<Item = &Buffer> {
        self.arenas.iter().flat_map(|arena| &arena.slots)
    }

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
    /// [`Error::State`](crate::Error::State) with all that differs, in which case nothing has changed, and
    /// whatever the backend says about the copy.
    pub fn load_state_dict<T: Real>(&mut self, state: &OptimizerState<T>) -> Result<()> {
        let mut mismatch = StateMismatch::default();
        let steps = self.check_state(state, &mut mismatch);
        let memory = Memory::load(&self.groups, &state.together, &mut mismatch);
        mismatch.into_result()?;
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

    /// Notes what is not the state of these parameters; returns the steps that all have taken.
    fn check_state<T>(&self, state: &OptimizerState<T>, mismatch: &mut StateMismatch) -> u64 {
        let mut steps = None;
        for (param, &(group, _)) in self.params.iter().zip(&self.places) {
            let Some(saved) = state.params.get(&param.name) else {
                mismatch.missing.push(param.name.clone());
                continue;
            };
            let slots = self.groups.all()[group].update.slots();
            saved.check(&param.name, &slots, Some(param.len()), mismatch);
            let &mut (first, of_first) = steps.get_or_insert((&param.name, saved.steps));
            if saved.steps != of_first {
                let message = format!(
                    "has taken {} steps, `{first}` {of_first}: in an arena all take every step together",
                    saved.steps
                );
                mismatch.wrong(&param.name, message);
            }
        }
        let own: BTreeSet<&str> = self.params.iter().map(|param| param.name.as_str()).collect();
        let unexpected = state.params.keys().filter(|name| !own.contains(name.as_str()));
        mismatch.unexpected = unexpected.cloned().collect();
        steps.map_or(0, |(_, steps)| steps)
    }
}
