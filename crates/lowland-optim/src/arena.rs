//! An optimizer for parameters that lie in an arena of a backend.

mod passes;
mod state;
mod table;

use std::fmt;
use std::sync::Arc;

use lowland_core::chain::Prepared;
use lowland_core::op::{ClipNorm, Segment, TensorAt};
use lowland_core::{Backend, Buffer, Clock, DType, Error as CoreError, Op, Real, Shape};

use crate::error::Result;
use crate::group::{GroupSpec, Groups};
use crate::measured::Totals;
use crate::optimizer::explain_clip;
use crate::together::{Found, Memory};
use crate::update::Update;
use passes::{GroupArena, Pass, lay_out, require_support, totals};
use table::{check_names, check_ranges};

/// A parameter in an arena.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArenaParam {
    /// Its name.
    pub name: String,
    /// Its first element in the arenas of parameters and gradients.
    pub offset: usize,
    /// Its shape: `[O, I, kh, kw]` for a convolution, `[O, I]` for a linear layer.
    pub shape: Shape,
}

impl ArenaParam {
    /// The number of its elements.
    fn len(&self) -> usize {
        self.shape.len()
    }
}

/// An optimizer whose parameters, gradients and state lie in arenas: one op a pass of the group's
/// update, which is one op a step for an update without transforms.
///
/// Every state slot of a group is an arena of its own, zero at first. Parameters of a group that
/// follow each other without a gap are one segment of the op; the padding between aligned parameters
/// is never touched, neither read nor written. Clipping, and updates with transforms, change the
/// gradients. All parameters take every step together, and bias
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
    clip: Option<Clip>,
    memory: Memory,
    steps: u64,
}

/// The op that clips all gradients, and where it writes their norm.
struct Clip {
    op: ClipNorm,
    norm: Buffer,
}

impl ArenaOptimizer {
    /// An optimizer of the parameters in an arena of `params_len` elements. A parameter belongs to
    /// the first group that selects it.
    ///
    /// # Errors
    /// [`Error::Param`](crate::Error::Param) for parameters that overlap, leave the arena or share a name;
    /// [`Error::Group`](crate::Error::Group) for groups that share a name or list a parameter that is not there;
    /// [`Error::Unmatched`](crate::Error::Unmatched); and whatever the backend says about memory and the op.
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
            let at = |&i: &usize| TensorAt { offset: params[i].offset, shape: params[i].shape };
            let tensors = members.iter().map(at).collect();
            let (segments, state_len) = lay_out(&params, &members, dtype, &mut places);
            let apart = |&i: &usize| Segment {
                param: params[i].offset,
                state: places[i].1,
                len: params[i].len(),
            };
            let apart = members.iter().map(apart).collect();
            let zeros = |_: &String| backend.filled(state_len, dtype, 0.0);
            let slots = group.update.slots().iter().map(zeros).collect::<Result<_, CoreError>>()?;
            let (passes, segments) = (Vec::new(), segments.into());
            let passed = 0;
            let mut arena = GroupArena {
                passes,
                passed,
                segments,
                tensors,
                apart,
                params_len,
                state_len,
                slots,
            };
            arena.passes = arena.passes_of(&*backend, group, dtype)?;
            for pass in &arena.passes {
                pass.require_support(&*backend, dtype)?;
            }
            arenas.push(arena);
        }
        let (clip, memory, steps) = (None, Memory::default(), 0);
        Ok(ArenaOptimizer { backend, dtype, params, groups, arenas, places, clip, memory, steps })
    }

    /// This optimizer with the gradients of each step clipped by their norm, those of all groups
    /// together, before anything else is done to them: `g <- g min(1, max_norm / (norm + 1e-6))`, as
    /// `torch.nn.utils.clip_grad_norm_`.
    ///
    /// # Errors
    /// [`CoreError::Invalid`] where the bound is not above 0, and whatever the backend says about
    /// the op.
    pub fn with_clip_norm(self, max_norm: f64) -> Result<Self> {
        let at = |param: &ArenaParam| TensorAt { offset: param.offset, shape: param.shape };
        let tensors: Vec<TensorAt> = self.params.iter().map(at).collect();
        let len = self.arenas.first().map_or(0, |arena| arena.params_len);
        let op = ClipNorm::new(max_norm, &tensors, len)?;
        let (backend, dtype) = (&self.backend, self.dtype);
        require_support(&**backend, dtype, &Op::ClipNorm(op.clone()), "clip by norm")?;
        let norm = backend.filled(1, dtype, 0.0)?;
        Ok(ArenaOptimizer { clip: Some(Clip { op, norm }), ..self })
    }

    /// One step on the arenas of parameters and gradients. Nothing has changed where the clock is at
    /// fault.
    ///
    /// # Errors
    /// [`Error::NonFinite`](crate::Error::NonFinite), [`Error::Hyper`](crate::Error::Hyper) for a learning rate below 0, and whatever the backend
    /// says about the buffers.
    pub fn step(&mut self, clock: &Clock, params: &Buffer, grads: &Buffer) -> Result<()> {
        let clock = Clock { step: self.steps + 1, ..*clock };
        let prepare = |group: &GroupSpec| group.prepare(&clock, self.dtype);
        let mut prepared: Vec<_> = self.groups.all().iter().map(prepare).collect::<Result<_>>()?;
        if let Some(Clip { op, norm }) = &self.clip {
            self.backend.run(&Op::ClipNorm(op.clone()), &[], &[grads, norm])?;
        }
        self.arenas.iter_mut().for_each(|arena| arena.passed = 0);
        for round in 0.. {
            let mut found = Vec::new();
            for (g, prepared) in prepared.iter_mut().enumerate() {
                let totals = self.run_passes(g, round, &clock, prepared, [params, grads])?;
                found.extend(totals.map(|totals| Found { group: g, totals }));
            }
            if found.is_empty() {
                break;
            }
            for told in self.memory.settle(&self.groups, round, &clock, &found) {
                let group = &self.groups.all()[told.group];
                let Some((run, link)) = group.update.measure(round) else { continue };
                prepared[told.group][run].scalars[0] =
                    link.host.step_scalars(&group.clock(&clock), &told.totals, &told.memory);
            }
        }
        self.steps += 1;
        Ok(())
    }

    /// Runs the passes of a group from where it is, to the end or to the next measure, whose sums are
    /// returned. The scalars of a run change places with those of its last step.
    fn run_passes(
        &mut self,
        group: usize,
        round: usize,
        clock: &Clock,
        prepared: &mut [Prepared],
        [params, grads]: [&Buffer; 2],
    ) -> Result<Option<Totals>> {
        let (arena, group) = (&mut self.arenas[group], &self.groups.all()[group]);
        if arena.segments.is_empty() {
            return Ok(None);
        }
        for pass in &mut arena.passes[arena.passed..] {
            arena.passed += 1;
            match pass {
                Pass::Transform(op) => {
                    self.backend.run(&Op::Transform(op.clone()), &[], &[grads])?;
                }
                Pass::Stages { step, run, first_slot } => {
                    std::mem::swap(&mut step.prepared, &mut prepared[*run]);
                    let (read, updated) =
                        if step.descends { (grads, params) } else { (params, grads) };
                    let mut outputs = vec![updated];
                    outputs.extend(&arena.slots[*first_slot..][..step.chain.slot_count()]);
                    self.backend.run(&Op::Step(step.clone()), &[read], &outputs)?;
                }
                Pass::Measure { op, first_slot, outputs } => {
                    let due = |(_, link)| self.memory.is_due(round, link);
                    if !group.update.measure(round).is_some_and(due) {
                        return Ok(Some(Totals::default()));
                    }
                    op.scalars = op.measure.scalars(&group.clock(clock));
                    let mut inputs = vec![grads];
                    inputs.extend(&arena.slots[*first_slot..][..op.measure.reads()]);
                    let [sums, rests] = &*outputs;
                    self.backend.run(&Op::Measure(op.clone()), &inputs, &[sums, rests])?;
                    return totals(&*self.backend, op, outputs).map(Some);
                }
            }
        }
        Ok(None)
    }

    /// The norm of all gradients before the last step clipped them; `None` without
    /// [clipping](ArenaOptimizer::with_clip_norm). It waits for the step to end.
    ///
    /// # Errors
    /// Whatever the backend says about the copy; `T` must be the type of the arenas.
    pub fn grad_norm<T: Real>(&self) -> Result<Option<T>> {
        let Some(clip) = &self.clip else { return Ok(None) };
        Ok(self.backend.to_vec(&clip.norm)?.first().copied())
    }

    /// The number of steps taken.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Puts another update in the place of a group's: how hyper-parameters change during a run.
    ///
    /// # Errors
    /// [`Error::Slots`](crate::Error::Slots) where its state slots are not those of the old, and [`Error::Group`](crate::Error::Group) where
    /// there is no such group.
    pub fn set_update(&mut self, group: &str, update: impl Into<Update>) -> Result<()> {
        self.groups.set_update(group, update.into())?;
        for (group, arena) in self.groups.all().iter().zip(&mut self.arenas) {
            arena.passes = arena.passes_of(&*self.backend, group, self.dtype)?;
        }
        Ok(())
    }

    /// What a step does and moves, a line for each group.
    #[must_use]
    pub fn explain(&self) -> String {
        let groups = self.groups.explain(|group| {
            let members = self.params.iter().zip(&self.places).filter(|(_, (g, _))| *g == group);
            let (params, elements) =
                members.fold((0, 0), |(count, sum), (param, _)| (count + 1, sum + param.len()));
            let segments = self.arenas[group].segments.len();
            format!("{params} parameters, {elements} elements in {segments} segments")
        });
        explain_clip(self.clip.as_ref().map(|clip| clip.op.max_norm)) + &groups
    }
}

impl fmt::Debug for ArenaOptimizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let backend = self.backend.name();
        write!(f, "ArenaOptimizer on {backend} at step {}: {}", self.steps, self.explain())
    }
}
