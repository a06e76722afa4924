//! Chains of stages, and the loop that runs one over slices in a single pass.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use crate::stage::{Block, Clock, DynStage, Stage, State};
use crate::{DType, Real, vector};

/// Elements that go through all stages before the next ones are read. A chain of Adam's kind touches
/// 14 KiB of `f32` for a block, MIAdam of order 3 touches 16 KiB: half of a first-level cache.
const BLOCK_LEN: usize = 512;

/// Slots of one stage up to this number are cut without an allocation.
const INLINE_SLOTS: usize = 16;

/// An optimizer's update: stages that turn the gradient into the direction to walk.
///
/// A step of learning rate `lr` takes `lr * direction` off the parameters. However many stages there
/// are, parameters, gradients and state are each read once and written once.
#[derive(Clone, Debug, Default)]
pub struct Chain {
    stages: Vec<Arc<dyn DynStage>>,
    /// The number of state slots of each stage.
    slot_counts: Vec<usize>,
}

/// A chain's scalars at one step: what the host knows and every element needs.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// The learning rate.
    pub lr: f64,
    /// The scalars of each stage.
    pub scalars: Vec<Vec<f64>>,
}

impl Chain {
    /// The empty chain: plain gradient descent.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// This chain with one more stage at its end.
    #[must_use]
    pub fn then(mut self, stage: impl Stage) -> Self {
        self.slot_counts.push(Stage::slots(&stage).len());
        self.stages.push(Arc::new(stage));
        self
    }

    /// This chain with the stages of another at its end.
    #[must_use]
    pub fn then_all(mut self, other: &Chain) -> Self {
        self.stages.extend(other.stages.iter().cloned());
        self.slot_counts.extend(&other.slot_counts);
        self
    }

    /// The stages, first to last.
    #[must_use]
    pub fn stages(&self) -> &[Arc<dyn DynStage>] {
        &self.stages
    }

    /// The names of the state slots of all stages, in order, as `stage.slot`; a stage that comes
    /// twice has its position put before its name, so that names are unique.
    #[must_use]
    pub fn slots(&self) -> Vec<String> {
        let mut names = Vec::new();
        for (position, stage) in self.stages.iter().enumerate() {
            let twice = self.stages.iter().filter(|s| s.name() == stage.name()).count() > 1;
            let prefix = if twice { format!("{position}.") } else { String::new() };
            names.extend(
                stage.slots().iter().map(|slot| format!("{prefix}{}.{slot}", stage.name())),
            );
        }
        names
    }

    /// The number of state slots of all stages.
    #[must_use]
    pub fn slot_count(&self) -> usize {
        self.slot_counts.iter().sum()
    }

    /// Computes the scalars of a step.
    #[must_use]
    pub fn prepare(&self, clock: &Clock) -> Prepared {
        let scalars = self.stages.iter().map(|stage| stage.scalars(clock)).collect();
        Prepared { lr: clock.lr, scalars }
    }

    /// One step on slices: parameters, their gradients, and the state slots in the order of
    /// [`Chain::slots`].
    ///
    /// # Panics
    /// Where lengths differ, or the number of slots is not that of the chain.
    pub fn step<T: Real>(
        &self,
        clock: &Clock,
        params: &mut [T],
        grads: &[T],
        slots: &mut [&mut [T]],
    ) {
        self.run(&self.prepare(clock), params, grads, slots);
    }

    /// [`Chain::step`] with scalars that were computed before: what a backend calls for each of its
    /// pieces. The result for an element does not depend on how the elements were cut.
    ///
    /// # Panics
    /// As [`Chain::step`], and where the scalars were prepared for another chain.
    pub fn run<T: Real>(
        &self,
        prepared: &Prepared,
        params: &mut [T],
        grads: &[T],
        slots: &mut [&mut [T]],
    ) {
        self.check(prepared, params, grads, slots);
        let lr = T::of(prepared.lr);
        let mut direction = [T::zero(); BLOCK_LEN];
        for range in blocks(params.len()) {
            let direction = &mut direction[..range.len()];
            direction.copy_from_slice(&grads[range.clone()]);
            self.apply(prepared, &params[range.clone()], direction, slots, &range);
            vector::descend(&mut params[range], lr, direction);
        }
    }

    /// [`Chain::run`] without its end: the directions take the place of the gradients, and the
    /// parameters stay as they are. For a link behind this chain that needs whole tensors.
    ///
    /// # Panics
    /// As [`Chain::run`].
    pub fn direct<T: Real>(
        &self,
        prepared: &Prepared,
        params: &[T],
        grads: &mut [T],
        slots: &mut [&mut [T]],
    ) {
        self.check(prepared, params, grads, slots);
        for range in blocks(params.len()) {
            self.apply(prepared, &params[range.clone()], &mut grads[range.clone()], slots, &range);
        }
    }

    fn check<T>(&self, prepared: &Prepared, params: &[T], grads: &[T], slots: &[&mut [T]]) {
        assert_eq!(prepared.scalars.len(), self.stages.len(), "the scalars of this chain");
        assert_eq!(slots.len(), self.slot_count(), "one slice per state slot");
        assert_eq!(params.len(), grads.len(), "one gradient per parameter");
        assert!(slots.iter().all(|s| s.len() == params.len()), "one state element per parameter");
    }

    /// All stages on one block, of which `params` and `direction` are cut to the range already.
    fn apply<T: Real>(
        &self,
        prepared: &Prepared,
        params: &[T],
        direction: &mut [T],
        slots: &mut [&mut [T]],
        range: &Range<usize>,
    ) {
        let mut first_slot = 0;
        let stages = self.stages.iter().zip(&prepared.scalars).zip(&self.slot_counts);
        for ((stage, scalars), &count) in stages {
            let own = &mut slots[first_slot..first_slot + count];
            first_slot += count;
            let cut = own.iter_mut().map(|slot| &mut slot[range.clone()]);
            let mut inline: [&mut [T]; INLINE_SLOTS] = Default::default();
            let mut heap = Vec::new();
            let slots = if count <= INLINE_SLOTS {
                inline.iter_mut().zip(cut).for_each(|(place, slot)| *place = slot);
                &mut inline[..count]
            } else {
                heap.extend(cut);
                &mut heap
            };
            let block = Block { params, direction, state: State::new(slots) };
            T::apply_stage(&**stage, scalars, block);
        }
    }

    /// What a step does and moves, for people.
    #[must_use]
    pub fn explain(&self) -> Explanation<'_> {
        Explanation { chain: self }
    }
}

impl FromIterator<Arc<dyn DynStage>> for Chain {
    fn from_iter<I: IntoIterator<Item = Arc<dyn DynStage>>>(stages: I) -> Self {
        let stages: Vec<Arc<dyn DynStage>> = stages.into_iter().collect();
        let slot_counts = stages.iter().map(|stage| stage.slots().len()).collect();
        Chain { stages, slot_counts }
    }
}

/// The ranges of the blocks of so many elements.
fn blocks(len: usize) -> impl Iterator<Item = Range<usize>> {
    (0..len).step_by(BLOCK_LEN).map(move |start| start..len.min(start + BLOCK_LEN))
}

/// Prints as the passes of a step over memory, with the stages that are fused in each.
#[derive(Clone, Copy, Debug)]
pub struct Explanation<'a> {
    chain: &'a Chain,
}

impl fmt::Display for Explanation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let slots = self.chain.slots();
        // Parameters and slots are read and written, gradients are read.
        let bytes = DType::F32.size() * (3 + 2 * slots.len());
        write!(f, "one pass, {bytes} bytes a parameter in f32: gradient")?;
        for stage in &self.chain.stages {
            write!(f, " -> {}", stage.name())?;
        }
        write!(f, " -> parameter -= lr * direction")?;
        if !slots.is_empty() {
            write!(f, "; state: {}", slots.join(", "))?;
        }
        Ok(())
    }
}
