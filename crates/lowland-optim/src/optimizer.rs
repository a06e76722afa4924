//! An optimizer for parameters that live anywhere: plain slices under names.

mod pieces;

use std::collections::btree_map::Entry as MapEntry;
use std::collections::{BTreeMap, BTreeSet};

use lowland_core::chain::Prepared;
use lowland_core::op::ClipNorm;
use lowland_core::{Clock, Real, Shape};

use crate::error::{Error, Result, require};
use crate::group::{GroupSpec, Groups};
use crate::state::{OptimizerState, ParamState};
use crate::state_mismatch::StateMismatch;
use crate::together::{Found, Memory};
use crate::update::{Update, Walk};
use pieces::Pieces;

/// An optimizer that steps slices of `f32` or `f64` in place and keeps their state by name.
///
/// State comes into being when a parameter is first seen. Bias corrections, the first step of
/// momentum and [`Switch::Step`](crate::Switch::Step) go by the number of steps that the *parameter*
/// has taken, as in PyTorch, whatever the clock says; epoch, progress and learning rate are the
/// clock's.
///
/// ```
/// use lowland_core::Clock;
/// use lowland_optim::{Optimizer, Sgd};
///
/// let mut optimizer = Optimizer::new(Sgd { momentum: 0.5, ..Sgd::default() }.chain()?);
/// let (mut w, mut b) = ([1.0f32, 2.0], [3.0f32]);
/// for step in 1..=2 {
///     let clock = Clock::at_step(step, 0.5);
///     optimizer.step(&clock, &mut [("w", &mut w, &[1.0, 0.0]), ("b", &mut b, &[2.0])])?;
/// }
/// assert_eq!(w, [1.0 - 0.5 * 1.0 - 0.5 * 1.5, 2.0]);
/// assert_eq!(b, [3.0 - 0.5 * 2.0 - 0.5 * 3.0]);
/// # Ok::<(), lowland_optim::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Optimizer<T> {
    groups: Groups,
    entries: BTreeMap<String, Entry<T>>,
    shapes: BTreeMap<String, Shape>,
    clip: Option<f64>,
    memory: Memory,
    /// A walk that is over, for its memory.
    over: Walk<T>,
}

/// What is remembered of one parameter.
#[derive(Clone, Debug)]
struct Entry<T> {
    group: usize,
    steps: u64,
    len: Option<usize>,
    slots: Vec<Vec<T>>,
}

impl<T: Real> Optimizer<T> {
    /// One update, or [`Chain`](lowland_core::Chain), for all parameters: a single group, `default`.
    #[must_use]
    pub fn new(update: impl Into<Update>) -> Self {
        let default = GroupSpec::all("default", update);
        Self::of(Groups::new(vec![default]).expect("one group with a factor of 1"))
    }

    /// These groups and no default: a parameter that none selects is an error.
    ///
    /// # Errors
    /// [`Error::Group`] where two have one name, or for a learning-rate factor below 0 or not
    /// finite.
    pub fn from_groups(groups: Vec<GroupSpec>) -> Result<Self> {
        Ok(Self::of(Groups::new(groups)?))
    }

    /// This optimizer with one more group, asked before the last one: before `default`, and after
    /// those that were added earlier. It goes before the first step.
    ///
    /// # Errors
    /// As [`Optimizer::from_groups`]; also where there is state already.
    pub fn with_group(self, group: GroupSpec) -> Result<Self> {
        if !self.entries.is_empty() {
            let message = "groups cannot be added once there is state".into();
            return Err(Error::Group { group: group.name, message });
        }
        let mut groups = self.groups.all().to_vec();
        groups.insert(groups.len().saturating_sub(1), group);
        Ok(Optimizer { groups: Groups::new(groups)?, ..self })
    }

    /// This optimizer with the shape of a parameter, row-major: `[O, I, kh, kw]` for a convolution,
    /// `[O, I]` for a linear layer. Only transforms that go by the shape ask for it, and then for that
    /// of every parameter of their group, [`Optimizer::step`] failing otherwise.
    #[must_use]
    pub fn with_shape(mut self, name: impl Into<String>, shape: impl Into<Shape>) -> Self {
        self.shapes.insert(name.into(), shape.into());
        self
    }

    /// This optimizer with the gradients of each step clipped by their norm, all together, before
    /// anything else is done to them: `g <- g min(1, max_norm / (norm + 1e-6))`, as
    /// `torch.nn.utils.clip_grad_norm_`. The caller's gradients stay as they are.
    ///
    /// # Errors
    /// [`Error::Hyper`] where the bound is not above 0.
    pub fn with_clip_norm(self, max_norm: f64) -> Result<Self> {
        require(max_norm > 0.0, || "clip.norm".into(), "above 0", max_norm)?;
        Ok(Optimizer { clip: Some(max_norm), ..self })
    }

    fn of(groups: Groups) -> Self {
        let (entries, shapes) = (BTreeMap::new(), BTreeMap::new());
        let (memory, over) = (Memory::default(), Walk::default());
        Optimizer { groups, entries, shapes, clip: None, memory, over }
    }

    /// One step: `(name, values, gradients)` of each parameter. Parameters that are not among them
    /// stay as they are. Nothing has changed where this fails.
    ///
    /// # Errors
    /// [`Error::Param`] for a parameter that comes twice, has another number of gradients than
    /// values, has another length than before, or lacks a shape; [`Error::Unmatched`]; [`Error::NonFinite`];
    /// [`Error::Hyper`] for a learning rate below 0.
    pub fn step(&mut self, clock: &Clock, params: &mut [(&str, &mut [T], &[T])]) -> Result<()> {
        let (plans, mut prepared) = self.plan(clock, params)?;
        let factor = self.clip.and_then(|max_norm| clip_factor(max_norm, params));
        let mut walks: Vec<Option<Walk<T>>> = Vec::with_capacity(params.len());
        for round in 0.. {
            // Sums of pieces, by group.
            let mut measured: BTreeMap<usize, Pieces> = BTreeMap::new();
            for (i, ((name, values, grads), plan)) in params.iter_mut().zip(&plans).enumerate() {
                if round == 0 {
                    self.enter(name, values.len(), plan);
                    let mut walk = Walk::new(std::mem::take(&mut self.over));
                    if let Some(factor) = factor {
                        ClipNorm::scale(walk.changed(grads), factor);
                    }
                    walks.push(Some(walk));
                }
                let (Some(mut walk), Some(entry)) = (walks[i].take(), self.entries.get_mut(*name))
                else {
                    continue;
                };
                let shape = self.shapes.get(*name).copied().unwrap_or(Shape::from([values.len()]));
                let group = &self.groups.all()[plan.group];
                let mut slots: Vec<&mut [T]> =
                    entry.slots.iter_mut().map(Vec::as_mut_slice).collect();
                let prepared = &prepared[plan];
                match group.update.run(&mut walk, prepared, &shape, values, grads, &mut slots) {
                    None => self.over = walk,
                    Some(link) => {
                        let pieces = measured.entry(plan.group).or_default();
                        if self.memory.is_due(round, link) {
                            let clock = group.clock(&Clock { step: plan.step, ..*clock });
                            let state = &slots[walk.first_slot..];
                            pieces.add(&*link.measure, &clock, walk.direction(grads), state);
                        }
                        walks[i] = Some(walk);
                    }
                }
            }
            if measured.is_empty() {
                break;
            }
            let found = measured.into_iter().map(|(group, pieces)| pieces.found::<T>(group));
            let found: Vec<Found> = found.collect();
            for told in self.memory.settle(&self.groups, round, clock, &found) {
                let group = &self.groups.all()[told.group];
                let Some((run, link)) = group.update.measure(round) else { continue };
                for (plan, prepared) in prepared.iter_mut().filter(|(p, _)| p.group == told.group) {
                    let clock = group.clock(&Clock { step: plan.step, ..*clock });
                    prepared[run].scalars[0] =
                        link.host.step_scalars(&clock, &told.totals, &told.memory);
                }
            }
        }
        Ok(())
    }

    /// Counts a step of a parameter, whose state comes into being at the first.
    fn enter(&mut self, name: &str, len: usize, plan: &Plan) {
        if !self.entries.contains_key(name) {
            let slots = self.groups.all()[plan.group].update.slots().len();
            let slots = vec![vec![T::zero(); len]; slots];
            let entry = Entry { group: plan.group, steps: 0, len: None, slots };
            self.entries.insert(name.into(), entry);
        }
        if let Some(entry) = self.entries.get_mut(name) {
            (entry.steps, entry.len) = (plan.step, Some(len));
        }
    }

    /// Makes every check of a step before the first change. The scalars are computed once for the
    /// parameters of a group that have taken as many steps, which nearly always are all of them.
    fn plan(
        &self,
        clock: &Clock,
        params: &[(&str, &mut [T], &[T])],
    ) -> Result<(Vec<Plan>, PreparedByPlan)> {
        let mut seen = BTreeSet::new();
        let mut plans = Vec::with_capacity(params.len());
        let mut prepared = BTreeMap::new();
        for (name, values, grads) in params {
            let failed = |message| Err(Error::Param { name: (*name).into(), message });
            if !seen.insert(*name) {
                return failed("comes twice in one step; each needs a name of its own".into());
            }
            let (len, grads) = (values.len(), grads.len());
            if grads != len {
                return failed(format!("has {len} elements, but its gradient has {grads}"));
            }
            let plan = match self.entries.get(*name) {
                Some(Entry { len: Some(before), .. }) if *before != len => {
                    return failed(format!(
                        "had {before} elements and now has {len}; a parameter of another length \
                         needs another name"
                    ));
                }
                Some(entry) => Plan { group: entry.group, step: entry.steps + 1 },
                None => Plan { group: self.groups.of(name)?, step: 1 },
            };
            match (self.shapes.get(*name), self.groups.all()[plan.group].update.needs_shape()) {
                (Some(shape), _) if shape.len() != len => {
                    return failed(format!("has {len} elements, but its shape is {shape}"));
                }
                (None, Some(transform)) => {
                    return failed(format!(
                        "has no shape, which `{transform}` needs; tell it by `with_shape`"
                    ));
                }
                _ => {}
            }
            if let MapEntry::Vacant(place) = prepared.entry(plan) {
                let clock = Clock { step: plan.step, ..*clock };
                place.insert(self.groups.all()[plan.group].prepare(&clock, T::DTYPE)?);
            }
            plans.push(plan);
        }
        Ok((plans, prepared))
    }

    /// Puts another update in the place of a group's: how hyper-parameters change during a run.
    ///
    /// # Errors
    /// [`Error::Slots`] where its state slots are not those of the old, and [`Error::Group`] where
    /// there is no such group.
    pub fn set_update(&mut self, group: &str, update: impl Into<Update>) -> Result<()> {
        self.groups.set_update(group, update.into())
    }

    /// A copy of the state, for a checkpoint.
    #[must_use]
    pub fn state(&self) -> OptimizerState<T> {
        let params = self.entries.iter().map(|(name, entry)| {
            let names = self.groups.all()[entry.group].update.slots();
            let slots = names.into_iter().zip(entry.slots.iter().cloned()).collect();
            (name.clone(), ParamState { steps: entry.steps, slots })
        });
        let together = self.memory.saved(&self.groups);
        OptimizerState { params: params.collect(), together }
    }

    /// Replaces the state by a saved one: the next steps are those that would have come then.
    /// Nothing has changed where this fails.
    ///
    /// # Errors
    /// [`Error::State`] with all that differs: parameters that no group selects, slots that are missing,
    /// unknown or of different lengths, and what groups remember of all parameters together.
    pub fn load_state(&mut self, state: OptimizerState<T>) -> Result<()> {
        let mut mismatch = StateMismatch::default();
        let mut entries = BTreeMap::new();
        for (name, mut saved) in state.params {
            let Ok(group) = self.groups.of(&name) else {
                mismatch.unexpected.push(name);
                continue;
            };
            let names = self.groups.all()[group].update.slots();
            saved.check(&name, &names, None, &mut mismatch);
            let slots: Vec<Vec<T>> =
                names.iter().filter_map(|slot| saved.slots.remove(slot)).collect();
            let len = slots.first().map(Vec::len);
            entries.insert(name, Entry { group, steps: saved.steps, len, slots });
        }
        let memory = Memory::load(&self.groups, &state.together, &mut mismatch);
        mismatch.into_result()?;
        (self.memory, self.entries) = (memory, entries);
        Ok(())
    }

    /// What a step does and moves, a line for each group.
    #[must_use]
    pub fn explain(&self) -> String {
        let groups = self.groups.explain(|group| {
            let params = self.entries.values().filter(|entry| entry.group == group).count();
            format!("{params} parameters so far")
        });
        explain_clip(self.clip) + &groups
    }
}

/// The scalars of a step, for each run of stages of an update.
type PreparedByPlan = BTreeMap<Plan, Vec<Prepared>>;

/// What all gradients of a step are multiplied by, where their norm is above a bound.
fn clip_factor<T: Real>(max_norm: f64, params: &[(&str, &mut [T], &[T])]) -> Option<f64> {
    let pieces = params.iter().flat_map(|(_, _, grads)| grads.chunks(ClipNorm::PIECE));
    let mut sums: Vec<f64> = pieces.map(ClipNorm::sum_of_squares).collect();
    ClipNorm::factor(max_norm, ClipNorm::norm(&mut sums))
}

/// The line on clipping, for people.
pub(crate) fn explain_clip(max_norm: Option<f64>) -> String {
    match max_norm {
        Some(bound) => format!(
            "all gradients together: clipped to a norm of {bound:?}, in a pass of 4 bytes a parameter in \
             f32, and one of 8 where the norm is larger\n"
        ),
        None => String::new(),
    }
}

/// What decides a parameter's scalars at a step: its group, and the number of steps it has taken with
/// this one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Plan {
    group: usize,
    step: u64,
}
