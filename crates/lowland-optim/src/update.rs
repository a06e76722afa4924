//! What is done to a group of parameters: stages, fused, between transforms of whole tensors.

use std::fmt;
use std::sync::Arc;

use lowland_core::chain::Prepared;
use lowland_core::{Chain, Clock, DType, DynTransform, Real, Shape, Stage, Transform};

use crate::measured::{MeasureLink, Measured};

/// The links of an optimizer, from the gradient to the step: element-wise stages, transforms that see
/// whole tensors, and measured stages that are told sums over all parameters.
///
/// Neighbouring stages are one pass over memory, whatever their number. A transform is a pass of its
/// own over the tensors that it [applies to](Transform::applies_to): of the gradients where it comes
/// first, of the directions that the stages before it have left where it comes later. A [`Measured`]
/// stage begins a pass, before which another one reads what it measures. A [`Chain`] is an update of
/// stages alone.
///
/// ```
/// use lowland_core::Clock;
/// use lowland_optim::stages::Momentum;
/// use lowland_optim::transforms::AdaptiveAtan;
/// use lowland_optim::{Optimizer, Update};
///
/// let update = Update::new()
///     .then(Momentum { momentum: 0.5, dampening: 0.0, nesterov: false })
///     .transform(AdaptiveAtan { shrink: 2.0, gamma: 1.0 });
/// let mut optimizer = Optimizer::new(update);
/// let mut w = [1.0f64, 1.0];
/// optimizer.step(&Clock::at_step(1, 0.1), &mut [("w", &mut w, &[3.0, -1.0])])?;
/// // a = 2 * 3 / (2 pi), and the direction is a * atan(x / a).
/// let a = 3.0 / std::f64::consts::PI;
/// assert!((w[0] - (1.0 - 0.1 * a * (3.0 / a).atan())).abs() < 1e-15);
/// assert!((w[1] - (1.0 + 0.1 * a * (1.0 / a).atan())).abs() < 1e-15);
/// # Ok::<(), lowland_optim::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Update {
    /// Stages that leave their directions to a turn.
    turns: Vec<(Chain, Turn)>,
    /// The stages behind the last turn, which step.
    last: Chain,
}

/// What comes between two runs of stages.
#[derive(Clone, Debug)]
pub(crate) enum Turn {
    /// It changes whole tensors.
    Transform(Arc<dyn DynTransform>),
    /// It is measured for the first stage of the next run.
    Measure(MeasureLink),
}

impl From<Chain> for Update {
    fn from(last: Chain) -> Self {
        Update { turns: Vec::new(), last }
    }
}

impl Update {
    /// No links: plain gradient descent.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// This update with one more stage at its end.
    #[must_use]
    pub fn then(self, stage: impl Stage) -> Self {
        Update { last: self.last.then(stage), ..self }
    }

    /// This update with the stages of a chain at its end.
    #[must_use]
    pub fn then_all(self, chain: &Chain) -> Self {
        Update { last: self.last.then_all(chain), ..self }
    }

    /// This update with one more transform at its end.
    #[must_use]
    pub fn transform(self, transform: impl Transform) -> Self {
        self.transform_by(Arc::new(transform))
    }

    /// [`Update::transform`] behind a pointer.
    #[must_use]
    pub fn transform_by(mut self, transform: Arc<dyn DynTransform>) -> Self {
        self.turns.push((std::mem::take(&mut self.last), Turn::Transform(transform)));
        self
    }

    /// This update with one more stage at its end, which is told sums over all parameters.
    #[must_use]
    pub fn measured(mut self, measured: impl Measured) -> Self {
        let (link, stage) = MeasureLink::new(measured);
        self.turns.push((std::mem::take(&mut self.last), Turn::Measure(link)));
        self.then(stage)
    }

    /// This update with the links of another at its end.
    #[must_use]
    pub fn then_update(mut self, other: Update) -> Self {
        for (chain, turn) in other.turns {
            let before = std::mem::take(&mut self.last).then_all(&chain);
            self.turns.push((before, turn));
        }
        self.then_all(&other.last)
    }

    /// The names of the state slots of all stages, in order: those of the chain that the stages
    /// would make without the transforms. See [`Chain::slots`].
    #[must_use]
    pub fn slots(&self) -> Vec<String> {
        self.chains().fold(Chain::new(), |all, chain| all.then_all(chain)).slots()
    }

    /// The bytes a parameter that a step moves where transforms are none and everything is measured:
    /// each pass reads the gradient, the parameter and its state, and writes what it changes. A measure
    /// reads the direction and some of the state.
    #[must_use]
    pub fn bytes(&self, dtype: DType) -> usize {
        let reads = self.measures().map(|(_, link)| 1 + link.measure.reads());
        let passes = self.chains().enumerate().map(|(run, chain)| {
            let idle = run < self.turns.len() && chain.stages().is_empty();
            if idle { 0 } else { 3 + 2 * chain.slot_count() }
        });
        dtype.size() * reads.chain(passes).sum::<usize>()
    }

    /// The stages in runs of neighbours: before each turn, and behind the last.
    pub(crate) fn chains(&self) -> impl Iterator<Item = &Chain> {
        self.turns.iter().map(|(chain, _)| chain).chain([&self.last])
    }

    /// The turns, each with the stages before it.
    pub(crate) fn turns(&self) -> &[(Chain, Turn)] {
        &self.turns
    }

    /// The measures, each with the number of the run of stages whose first it is for.
    pub(crate) fn measures(&self) -> impl Iterator<Item = (usize, &MeasureLink)> {
        self.turns.iter().enumerate().filter_map(|(i, (_, turn))| match turn {
            Turn::Measure(link) => Some((i + 1, link)),
            Turn::Transform(_) => None,
        })
    }

    /// The so manieth of [`Update::measures`].
    pub(crate) fn measure(&self, round: usize) -> Option<(usize, &MeasureLink)> {
        self.measures().nth(round)
    }

    /// The first transform for which the number of elements of a tensor is not enough.
    pub(crate) fn needs_shape(&self) -> Option<&'static str> {
        self.turns.iter().find_map(|(_, turn)| match turn {
            Turn::Transform(transform) if transform.needs_shape() => Some(transform.name()),
            _ => None,
        })
    }

    /// The scalars of a step, one entry for each of [`Update::chains`].
    pub(crate) fn prepare(&self, clock: &Clock) -> Vec<Prepared> {
        self.chains().map(|chain| chain.prepare(clock)).collect()
    }

    /// Takes one tensor on its step, to the end or to the next measure, which is returned.
    pub(crate) fn run<T: Real>(
        &self,
        walk: &mut Walk<T>,
        prepared: &[Prepared],
        shape: &Shape,
        params: &mut [T],
        grads: &[T],
        slots: &mut [&mut [T]],
    ) -> Option<&MeasureLink> {
        while let Some((chain, turn)) = self.turns.get(walk.turn) {
            let own = &mut slots[walk.first_slot..][..chain.slot_count()];
            if !chain.stages().is_empty() {
                chain.direct(&prepared[walk.turn], params, walk.changed(grads), own);
            }
            walk.first_slot += chain.slot_count();
            walk.turn += 1;
            match turn {
                Turn::Transform(transform) if transform.applies_to(shape) && !grads.is_empty() => {
                    let mut scratch = std::mem::take(&mut walk.scratch);
                    let len = transform.scratch_len(shape);
                    scratch.resize(len.max(scratch.len()), 0.0);
                    let direction = walk.changed(grads);
                    T::apply_transform(&**transform, direction, shape, &mut scratch[..len]);
                    walk.scratch = scratch;
                }
                Turn::Transform(_) => {}
                Turn::Measure(link) => return Some(link),
            }
        }
        let own = &mut slots[walk.first_slot..];
        self.last.run(&prepared[walk.turn], params, walk.direction(grads), own);
        None
    }

    /// What a step does and moves, for people.
    #[must_use]
    pub fn explain(&self) -> Explanation<'_> {
        Explanation { update: self }
    }
}

/// How far a tensor has come on its step.
#[derive(Clone, Debug, Default)]
pub(crate) struct Walk<T> {
    /// The number of turns that lie behind.
    turn: usize,
    /// The number of state slots of the stages that lie behind.
    pub(crate) first_slot: usize,
    /// The direction; empty while that is the gradient.
    work: Vec<T>,
    /// What transforms work in, as long as the longest has asked for.
    scratch: Vec<f64>,
}

impl<T: Real> Walk<T> {
    /// A walk from the start, in the memory of one that is over.
    pub(crate) fn new(over: Self) -> Self {
        let Walk { mut work, scratch, .. } = over;
        work.clear();
        Walk { turn: 0, first_slot: 0, work, scratch }
    }

    /// The direction.
    pub(crate) fn direction<'a>(&'a self, grads: &'a [T]) -> &'a [T] {
        if self.work.is_empty() { grads } else { &self.work }
    }

    /// The direction, to be changed.
    pub(crate) fn changed(&mut self, grads: &[T]) -> &mut [T] {
        if self.work.is_empty() {
            self.work.extend_from_slice(grads);
        }
        &mut self.work
    }
}

/// Prints as the passes of a step over memory, with the stages that are fused in each.
#[derive(Clone, Copy, Debug)]
pub struct Explanation<'a> {
    update: &'a Update,
}

impl fmt::Display for Explanation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Update { turns, last } = self.update;
        if turns.is_empty() {
            return last.explain().fmt(f);
        }
        let mut from = "gradient";
        let mut pass = |f: &mut fmt::Formatter<'_>, chain: &Chain, to: &str| {
            // Parameters are read, directions and slots read and written; at the end parameters are
            // written in the place of directions.
            let bytes = DType::F32.size() * (3 + 2 * chain.slot_count());
            write!(f, "a pass, {bytes} bytes a parameter in f32: {from}")?;
            from = "direction";
            chain.stages().iter().try_for_each(|stage| write!(f, " -> {}", stage.name()))?;
            write!(f, " -> {to}")
        };
        for (chain, turn) in turns {
            if !chain.stages().is_empty() {
                pass(f, chain, "direction")?;
                write!(f, "; then ")?;
            }
            match turn {
                Turn::Transform(transform) => {
                    write!(f, "each tensor: {}; then ", transform.name())?
                }
                Turn::Measure(MeasureLink { measure, host }) => {
                    let bytes = DType::F32.size() * (1 + measure.reads());
                    write!(f, "over all parameters, {bytes} bytes each in f32")?;
                    if !host.until().is_empty() {
                        write!(f, " {}", host.until())?;
                    }
                    write!(f, ": {}; then ", measure.sums().join(", "))?;
                }
            }
        }
        pass(f, last, "parameter -= lr * direction")?;
        let slots = self.update.slots();
        if !slots.is_empty() {
            write!(f, "; state: {}", slots.join(", "))?;
        }
        Ok(())
    }
}
