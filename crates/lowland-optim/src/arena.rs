//! An optimizer for parameters that lie in an arena of a backend.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use lowland_core::op::{Segment, Step};
use lowland_core::{Backend, Buffer, Chain, Clock, DType, Error as CoreError, Op, Real};

use crate::error::{Error, Result};
use crate::group::{GroupSpec, Groups};
use crate::state::{OptimizerState, ParamState};

/// A parameter in an arena.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArenaParam {
    /// Its name.
    pub name: String,
    /// Its first element in the arenas of parameters and gradients.
    pub offset: usize,
    /// The number of its elements.
    pub len: usize,
}

/// An optimizer whose parameters, gradients and state lie in arenas: one op a group and step.
///
/// Every state slot of a group is an arena of its own, zero at first. Parameters of a group that
/// follow each other without a gap are one segment of the op; the padding between aligned parameters
/// is never touched, neither read nor written. All parameters take every step together, and bias
/// corrections go by the number of these steps, whatever the clock says; epoch, progress and
/// learning rate are the clock's.
pub struct ArenaOptimizer {
    backend: Arc<dyn Backend>,
    dtype: DType,
    params: Vec<ArenaParam>,
    groups: Groups,
    arenas: Vec<GroupArena>,
    /// Group and first state element of each parameter.
    places: Vec<(usize, usize)>,
    steps: u64,
}

/// The op of a group, and the state it works on.
struct GroupArena {
    step: Step,
    slots: Vec<Buffer>,
}

impl ArenaOptimizer {
    /// An optimizer of the parameters in an arena of `params_len` elements. A parameter belongs to
    /// the first group that selects it.
    ///
    /// # Errors
    /// [`Error::Param`] for parameters that overlap, leave the arena or share a name;
    /// [`Error::Group`] for groups that share a name or list a parameter that is not there;
    /// [`Error::Unmatched`]; and whatever the backend says about memory and the op.
    pub fn new(
        backend: Arc<dyn Backend>,
        dtype: DType,
        params_len: usize,
        params: Vec<ArenaParam>,
        groups: Vec<GroupSpec>,
    ) -> Result<Self> {
        let groups = Groups::new(groups)?;
        check_names(&params, &groups)?;
        check_ranges(&params, params_len)?;
        let of: Vec<usize> = params.iter().map(|p| groups.of(&p.name)).collect::<Result<_>>()?;
        let mut places: Vec<(usize, usize)> = of.iter().map(|&group| (group, 0)).collect();
        let mut arenas = Vec::new();
        for (g, group) in groups.all().iter().enumerate() {
            let members: Vec<usize> = (0..params.len()).filter(|&i| of[i] == g).collect();
            let (segments, state_len) = lay_out(&params, members, dtype, &mut places);
            let chain = Arc::new(group.chain.clone());
            let prepared = group.prepare(&Clock::at_step(1, 0.0), dtype)?;
            let step = Step::new(chain, prepared, segments.into(), params_len, state_len)?;
            if !backend.supports(&Op::Step(step.clone()), dtype) {
                let (op, backend) = (step_name(&group.chain), backend.name().to_owned());
                return Err(CoreError::Unsupported { op, backend, dtype }.into());
            }
            let zeros = |_: &String| backend.filled(state_len, dtype, 0.0);
            let slots = group.chain.slots().iter().map(zeros).collect::<Result<_, CoreError>>()?;
            arenas.push(GroupArena { step, slots });
        }
        Ok(ArenaOptimizer { backend, dtype, params, groups, arenas, places, steps: 0 })
    }

    /// One step on the arenas of parameters and gradients. Nothing has changed where the clock is at
    /// fault.
    ///
    /// # Errors
    /// [`Error::NonFinite`], [`Error::Hyper`] for a learning rate below 0, and whatever the backend
    /// says about the buffers.
    pub fn step(&mut self, clock: &Clock, params: &Buffer, grads: &Buffer) -> Result<()> {
        let clock = Clock { step: self.steps + 1, ..*clock };
        let prepare = |group: &GroupSpec| group.prepare(&clock, self.dtype);
        let prepared: Vec<_> = self.groups.all().iter().map(prepare).collect::<Result<_>>()?;
        for (arena, prepared) in self.arenas.iter_mut().zip(prepared) {
            if arena.step.segments.is_empty() {
                continue;
            }
            arena.step.prepared = prepared;
            let mut outputs = vec![params];
            outputs.extend(&arena.slots);
            self.backend.run(&Op::Step(arena.step.clone()), &[grads], &outputs)?;
        }
        self.steps += 1;
        Ok(())
    }

    /// The number of steps taken.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Puts another chain in the place of a group's: how hyper-parameters change during a run.
    ///
    /// # Errors
    /// [`Error::Slots`] where its state slots are not those of the old, and [`Error::Group`] where
    /// there is no such group.
    pub fn set_chain(&mut self, group: &str, chain: Chain) -> Result<()> {
        self.groups.set_chain(group, chain)?;
        for (group, arena) in self.groups.all().iter().zip(&mut self.arenas) {
            arena.step.chain = Arc::new(group.chain.clone());
        }
        Ok(())
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
            let names = self.groups.all()[group].chain.slots();
            let cut = |slot: &Vec<T>| slot[start..start + param.len].to_vec();
            let slots = names.into_iter().zip(arenas[group].iter().map(cut)).collect();
            state.insert(param.name.clone(), ParamState { steps: self.steps, slots });
        }
        Ok(OptimizerState { params: state })
    }

    /// Replaces the state by a saved one, which must have the state of every parameter and of no
    /// other: the next steps are those that would have come then.
    ///
    /// # Errors
    /// [`Error::State`], in which case nothing has changed, and whatever the backend says about the
    /// copy.
    pub fn load_state_dict<T: Real>(&mut self, state: &OptimizerState<T>) -> Result<()> {
        let steps = self.check_state(state)?;
        for (g, arena) in self.arenas.iter().enumerate() {
            for (slot, buffer) in self.groups.all()[g].chain.slots().iter().zip(&arena.slots) {
                let mut values = vec![T::zero(); buffer.len()];
                for (param, &(group, start)) in self.params.iter().zip(&self.places) {
                    if group == g {
                        let saved = &state.params[&param.name].slots[slot];
                        values[start..start + param.len].copy_from_slice(saved);
                    }
                }
                self.backend.upload(T::host(&values), buffer)?;
            }
        }
        self.steps = steps;
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
            saved.check(&param.name, &self.groups.all()[group].chain.slots(), Some(param.len))?;
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

    /// What a step does and moves, a line for each group.
    #[must_use]
    pub fn explain(&self) -> String {
        self.groups.explain(|group| {
            let members = self.params.iter().zip(&self.places).filter(|(_, (g, _))| *g == group);
            let (params, elements) =
                members.fold((0, 0), |(count, sum), (param, _)| (count + 1, sum + param.len));
            let segments = self.arenas[group].step.segments.len();
            format!("{params} parameters, {elements} elements in {segments} segments")
        })
    }
}

impl fmt::Debug for ArenaOptimizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let backend = self.backend.name();
        write!(f, "ArenaOptimizer on {backend} at step {}: {}", self.steps, self.explain())
    }
}

/// What an op of this chain is called in messages.
fn step_name(chain: &Chain) -> String {
    let stages: Vec<&str> = chain.stages().iter().map(|stage| stage.name()).collect();
    format!("optimizer step of [{}]", stages.join(", "))
}

/// Lays out the state of a group's parameters and merges those that follow each other.
///
/// State starts at an aligned element where a segment starts, so that vectors of parameters and of
/// state are aligned alike.
fn lay_out(
    params: &[ArenaParam],
    mut members: Vec<usize>,
    dtype: DType,
    places: &mut [(usize, usize)],
) -> (Vec<Segment>, usize) {
    members.sort_by_key(|&i| params[i].offset);
    let mut segments: Vec<Segment> = Vec::new();
    for i in members {
        let (offset, len) = (params[i].offset, params[i].len);
        let end = segments.last().map_or(0, |last| last.state + last.len);
        match segments.last_mut() {
            Some(last) if last.param + last.len == offset => {
                places[i].1 = end;
                last.len += len;
            }
            _ => {
                let state = Buffer::aligned_len(end, dtype);
                places[i].1 = state;
                segments.push(Segment { param: offset, state, len });
            }
        }
    }
    let state_len = segments.last().map_or(0, |last| last.state + last.len);
    (segments, state_len)
}

fn check_names(params: &[ArenaParam], groups: &Groups) -> Result<()> {
    let mut names: Vec<&str> = params.iter().map(|param| param.name.as_str()).collect();
    names.sort_unstable();
    if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        let message = "comes twice in the table; each needs a name of its own".into();
        return Err(Error::Param { name: pair[0].into(), message });
    }
    for group in groups.all() {
        if let Some(name) = group.listed().find(|name| names.binary_search(&name.as_str()).is_err())
        {
            let message = format!("lists `{name}`, but there is no parameter of this name");
            return Err(Error::Group { group: group.name.clone(), message });
        }
    }
    Ok(())
}

fn check_ranges(params: &[ArenaParam], params_len: usize) -> Result<()> {
    let failed = |name: &str, message| Err(Error::Param { name: name.into(), message });
    let mut sorted: Vec<&ArenaParam> = params.iter().filter(|param| param.len > 0).collect();
    sorted.sort_by_key(|param| param.offset);
    for &ArenaParam { ref name, offset, len } in params {
        if offset.checked_add(len).is_none_or(|end| end > params_len) {
            return failed(
                name,
                format!("{len} elements at {offset} leave the arena of {params_len}"),
            );
        }
    }
    match sorted.windows(2).find(|pair| pair[0].offset + pair[0].len > pair[1].offset) {
        Some(pair) => failed(&pair[0].name, format!("overlaps `{}` in the arena", pair[1].name)),
        None => Ok(()),
    }
}
