//! An optimizer for parameters that lie in an arena of a backend.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use lowland_core::op::{ClipNorm, Segment, Step, TensorAt, TransformTensors};
use lowland_core::{Backend, Buffer, Clock, DType, Error as CoreError, Op, Real, Shape};

use crate::error::{Error, Result};
use crate::group::{GroupSpec, Groups};
use crate::optimizer::explain_clip;
use crate::state::{OptimizerState, ParamState};
use crate::update::Update;

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
    steps: u64,
}

/// The ops of a group, and the state they work on.
struct GroupArena {
    passes: Vec<Pass>,
    segments: Arc<[Segment]>,
    tensors: Vec<TensorAt>,
    params_len: usize,
    state_len: usize,
    slots: Vec<Buffer>,
}

/// One op of a group.
enum Pass {
    /// A run of stages.
    Stages {
        step: Step,
        /// Which run of the update it is.
        run: usize,
        /// The first state slot that is theirs.
        first_slot: usize,
    },
    /// A transform.
    Transform(TransformTensors),
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
            let at = |&i: &usize| TensorAt { offset: params[i].offset, shape: params[i].shape };
            let tensors = members.iter().map(at).collect();
            let (segments, state_len) = lay_out(&params, members, dtype, &mut places);
            let zeros = |_: &String| backend.filled(state_len, dtype, 0.0);
            let slots = group.update.slots().iter().map(zeros).collect::<Result<_, CoreError>>()?;
            let (passes, segments) = (Vec::new(), segments.into());
            let mut arena = GroupArena { passes, segments, tensors, params_len, state_len, slots };
            arena.passes = arena.passes_of(group, dtype)?;
            for pass in &arena.passes {
                pass.require_support(&*backend, dtype)?;
            }
            arenas.push(arena);
        }
        Ok(ArenaOptimizer { backend, dtype, params, groups, arenas, places, clip: None, steps: 0 })
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
    /// [`Error::NonFinite`], [`Error::Hyper`] for a learning rate below 0, and whatever the backend
    /// says about the buffers.
    pub fn step(&mut self, clock: &Clock, params: &Buffer, grads: &Buffer) -> Result<()> {
        let clock = Clock { step: self.steps + 1, ..*clock };
        let prepare = |group: &GroupSpec| group.prepare(&clock, self.dtype);
        let prepared: Vec<_> = self.groups.all().iter().map(prepare).collect::<Result<_>>()?;
        if let Some(Clip { op, norm }) = &self.clip {
            self.backend.run(&Op::ClipNorm(op.clone()), &[], &[grads, norm])?;
        }
        for (arena, prepared) in self.arenas.iter_mut().zip(prepared) {
            if arena.segments.is_empty() {
                continue;
            }
            for pass in &mut arena.passes {
                match pass {
                    Pass::Transform(op) => {
                        self.backend.run(&Op::Transform(op.clone()), &[], &[grads])?;
                    }
                    Pass::Stages { step, run, first_slot } => {
                        step.prepared.clone_from(&prepared[*run]);
                        let (read, updated) =
                            if step.descends { (grads, params) } else { (params, grads) };
                        let mut outputs = vec![updated];
                        outputs.extend(&arena.slots[*first_slot..][..step.chain.slot_count()]);
                        self.backend.run(&Op::Step(step.clone()), &[read], &outputs)?;
                    }
                }
            }
        }
        self.steps += 1;
        Ok(())
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
    /// [`Error::Slots`] where its state slots are not those of the old, and [`Error::Group`] where
    /// there is no such group.
    pub fn set_update(&mut self, group: &str, update: impl Into<Update>) -> Result<()> {
        self.groups.set_update(group, update.into())?;
        for (group, arena) in self.groups.all().iter().zip(&mut self.arenas) {
            arena.passes = arena.passes_of(group, self.dtype)?;
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
            let names = self.groups.all()[group].update.slots();
            let cut = |slot: &Vec<T>| slot[start..start + param.len()].to_vec();
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

impl GroupArena {
    /// The ops of the group's update, in order. A run of no stages is an op at the end alone, and a
    /// transform that applies to none of the tensors is none.
    fn passes_of(&self, group: &GroupSpec, dtype: DType) -> Result<Vec<Pass>> {
        let prepared = group.prepare(&Clock::at_step(1, 0.0), dtype)?;
        let (mut passes, mut first_slot) = (Vec::new(), 0);
        for (run, (chain, prepared)) in group.update.chains().zip(prepared).enumerate() {
            let transform = group.update.turns().get(run).map(|(_, transform)| transform);
            if transform.is_none() || !chain.stages().is_empty() {
                let (chain, segments) = (Arc::new(chain.clone()), Arc::clone(&self.segments));
                let step = Step::new(chain, prepared, segments, self.params_len, self.state_len)?;
                let step = if transform.is_some() { step.leaving_directions() } else { step };
                passes.push(Pass::Stages { step, run, first_slot });
            }
            first_slot += chain.slot_count();
            let Some(transform) = transform else { continue };
            let mut tensors = self.tensors.clone();
            tensors.retain(|tensor| transform.applies_to(&tensor.shape));
            if !tensors.is_empty() {
                let transform = Arc::clone(transform);
                let op = TransformTensors::new(transform, &tensors, self.params_len)?;
                passes.push(Pass::Transform(op));
            }
        }
        Ok(passes)
    }
}

impl Pass {
    fn require_support(&self, backend: &dyn Backend, dtype: DType) -> Result<()> {
        match self {
            Pass::Stages { step, .. } => {
                let stages: Vec<&str> = step.chain.stages().iter().map(|s| s.name()).collect();
                let name = format!("optimizer step of [{}]", stages.join(", "));
                require_support(backend, dtype, &Op::Step(step.clone()), &name)
            }
            Pass::Transform(op) => {
                let name = format!("tensor transform `{}`", op.transform.name());
                require_support(backend, dtype, &Op::Transform(op.clone()), &name)
            }
        }
    }
}

/// Refuses an op that the backend lacks; `name` is the op's in the message.
fn require_support(backend: &dyn Backend, dtype: DType, op: &Op, name: &str) -> Result<()> {
    match backend.supports(op, dtype) {
        true => Ok(()),
        false => {
            let (op, backend) = (name.to_owned(), backend.name().to_owned());
            Err(CoreError::Unsupported { op, backend, dtype }.into())
        }
    }
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
        let (offset, len) = (params[i].offset, params[i].len());
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
    let mut sorted: Vec<&ArenaParam> = params.iter().filter(|param| param.len() > 0).collect();
    sorted.sort_by_key(|param| param.offset);
    for param in params {
        let (name, offset, len) = (&param.name, param.offset, param.len());
        if offset.checked_add(len).is_none_or(|end| end > params_len) {
            return failed(
                name,
                format!("{len} elements at {offset} leave the arena of {params_len}"),
            );
        }
    }
    match sorted.windows(2).find(|pair| pair[0].offset + pair[0].len() > pair[1].offset) {
        Some(pair) => failed(&pair[0].name, format!("overlaps `{}` in the arena", pair[1].name)),
        None => Ok(()),
    }
}
