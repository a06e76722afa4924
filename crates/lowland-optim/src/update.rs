//! What is done to a group of parameters: stages, fused, between transforms of whole tensors.

use std::fmt;
use std::sync::Arc;

use lowland_core::chain::Prepared;
use lowland_core::{Chain, Clock, DType, DynTransform, Real, Shape, Stage, Transform};

/// The links of an optimizer, from the gradient to the step: element-wise stages, and transforms
/// that see whole tensors.
///
/// Neighbouring stages are one pass over memory, whatever their number. A transform is a pass of its
/// own over the tensors that it [applies to](Transform::applies_to): of the gradients where it comes
/// first, of the directions that the stages before it have left where it comes later. A [`Chain`] is
/// an update without transforms.
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
    /// Stages that leave their directions to a transform.
    turns: Vec<(Chain, Arc<dyn DynTransform>)>,
    /// The stages behind the last transform, which step.
    last: Chain,
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
        self.turns.push((std::mem::take(&mut self.last), transform));
        self
    }

    /// The names of the state slots of all stages, in order: those of the chain that the stages
    /// would make without the transforms. See [`Chain::slots`].
    #[must_use]
    pub fn slots(&self) -> Vec<String> {
        self.chains().fold(Chain::new(), |all, chain| all.then_all(chain)).slots()
    }

    /// The stages in runs of neighbours: before each transform, and behind the last.
    pub(crate) fn chains(&self) -> impl Iterator<Item = &Chain> {
        self.turns.iter().map(|(chain, _)| chain).chain([&self.last])
    }

    /// The transforms, each with the stages before it.
    pub(crate) fn turns(&self) -> &[(Chain, Arc<dyn DynTransform>)] {
        &self.turns
    }

    /// The first transform for which the number of elements of a tensor is not enough.
    pub(crate) fn needs_shape(&self) -> Option<&'static str> {
        let mut transforms = self.turns.iter().map(|(_, transform)| transform);
        transforms.find(|transform| transform.needs_shape()).map(|transform| transform.name())
    }

    /// The scalars of a step, one entry for each of [`Update::chains`].
    pub(crate) fn prepare(&self, clock: &Clock) -> Vec<Prepared> {
        self.chains().map(|chain| chain.prepare(clock)).collect()
    }

    /// One step of one tensor. `work` is memory that it may use where the gradient must not change.
    pub(crate) fn run<T: Real>(
        &self,
        prepared: &[Prepared],
        shape: &Shape,
        params: &mut [T],
        grads: &[T],
        slots: &mut [&mut [T]],
        work: &mut Vec<T>,
    ) {
        let (mut slots, mut direction) = (slots, grads);
        if !self.turns.is_empty() {
            work.clear();
            work.extend_from_slice(grads);
        }
        for ((chain, transform), prepared) in self.turns.iter().zip(prepared) {
            let own;
            (own, slots) = slots.split_at_mut(chain.slot_count());
            if !chain.stages().is_empty() {
                chain.direct(prepared, params, work, own);
            }
            if transform.applies_to(shape) && !work.is_empty() {
                let mut scratch = vec![0.0; transform.scratch_len(shape)];
                T::apply_transform(&**transform, work, shape, &mut scratch);
            }
        }
        if !self.turns.is_empty() {
            direction = work;
        }
        if let Some(prepared) = prepared.last() {
            self.last.run(prepared, params, direction, slots);
        }
    }

    /// What a step does and moves, for people.
    #[must_use]
    pub fn explain(&self) -> Explanation<'_> {
        Explanation { update: self }
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
        for (chain, transform) in turns {
            if !chain.stages().is_empty() {
                pass(f, chain, "direction")?;
                write!(f, "; then ")?;
            }
            write!(f, "each tensor: {}; then ", transform.name())?;
        }
        pass(f, last, "parameter -= lr * direction")?;
        let slots = self.update.slots();
        if !slots.is_empty() {
            write!(f, "; state: {}", slots.join(", "))?;
        }
        Ok(())
    }
}
