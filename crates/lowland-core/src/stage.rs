//! Stages: the element-wise links of an optimizer's chain.

use std::fmt;

use crate::Real;
use crate::vector::{self, Kernel};

/// Where a run is when a step is taken. Steps and epochs count from 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Clock {
    /// The number of this step, 1 for the first.
    pub step: u64,
    /// The number of the epoch that this step is in, 1 for the first.
    pub epoch: u64,
    /// The part of the run that lies behind, 0 at the first step, below 1 at the last.
    pub progress: f64,
    /// The learning rate of this step.
    pub lr: f64,
}

impl Clock {
    /// A clock for loops that have steps but neither epochs nor an end.
    #[must_use]
    pub fn at_step(step: u64, lr: f64) -> Self {
        Clock { step, epoch: 1, progress: 0.0, lr }
    }
}

/// An element-wise stage: it turns a direction into another, given the parameter and its state.
///
/// The direction starts as the gradient; what the last stage leaves is multiplied by the learning
/// rate and taken off the parameter. All that depends on the step alone is computed once, in `f64`,
/// by [`Stage::scalars`]; [`Stage::apply_block`] is the same few lines for every element, so that a
/// chain of stages is one pass over memory, and so that the same stage can be written as a device
/// functor.
///
/// ```
/// use lowland_core::stage::{Block, Clock, Scalars, Stage};
/// use lowland_core::{Chain, Real};
///
/// /// The sign of the direction.
/// #[derive(Debug)]
/// struct Sign;
///
/// impl Stage for Sign {
///     fn name(&self) -> &'static str {
///         "sign"
///     }
///
///     #[inline(always)]
///     fn apply_block<T: Real>(&self, _: Scalars<'_>, block: Block<'_, T>) {
///         for d in block.direction {
///             *d = if *d == T::zero() { *d } else { d.signum() };
///         }
///     }
/// }
///
/// let chain = Chain::new().then(Sign);
/// let (mut params, grads) = ([1.0f32, 1.0, 1.0], [5.0f32, -0.1, 0.0]);
/// chain.step(&Clock::at_step(1, 0.5), &mut params, &grads, &mut []);
/// assert_eq!(params, [0.5, 1.5, 1.0]);
/// ```
pub trait Stage: fmt::Debug + Send + Sync + 'static {
    /// The stage's name: `snake_case`, also the name of its device functor.
    fn name(&self) -> &'static str;

    /// The names of its state slots. Each has one element per parameter and starts at 0.
    fn slots(&self) -> Vec<String> {
        Vec::new()
    }

    /// What the step needs besides the elements. Computed once per step.
    fn scalars(&self, _clock: &Clock) -> Vec<f64> {
        Vec::new()
    }

    /// What its device functor is compiled for: the options that decide what it does, such as whether
    /// Adam is AMSGrad, as template arguments in the functor's order.
    fn constants(&self) -> Vec<u32> {
        Vec::new()
    }

    /// Replaces the direction, and updates the state, of one block of elements. Mark it
    /// `#[inline(always)]`, so that it is compiled anew for the widest vectors of the processor. It
    /// must not call a backend, which waits for the step to end.
    fn apply_block<T: Real>(&self, scalars: Scalars<'_>, block: Block<'_, T>);
}

/// The scalars of one stage at one step.
#[derive(Clone, Copy, Debug)]
pub struct Scalars<'a>(&'a [f64]);

impl<'a> Scalars<'a> {
    pub(crate) fn new(values: &'a [f64]) -> Self {
        Scalars(values)
    }

    /// All of them, rounded to the type of the elements.
    ///
    /// # Panics
    /// Where `N` is not the number that [`Stage::scalars`] returned.
    #[must_use]
    pub fn get<T: Real, const N: usize>(&self) -> [T; N] {
        let values: &[f64; N] = self.0.try_into().expect("as many scalars as the stage returned");
        values.map(T::of)
    }
}

/// One block of elements, short enough to stay in the first-level cache between stages.
#[derive(Debug)]
pub struct Block<'a, T> {
    /// The parameters before the step.
    pub params: &'a [T],
    /// The direction, to be replaced.
    pub direction: &'a mut [T],
    /// The slots of this stage.
    pub state: State<'a, T>,
}

/// The state slots of one stage, in the order of [`Stage::slots`], cut to one block.
#[derive(Debug)]
pub struct State<'a, T> {
    slots: &'a mut [&'a mut [T]],
}

impl<'a, T> State<'a, T> {
    pub(crate) fn new(slots: &'a mut [&'a mut [T]]) -> Self {
        State { slots }
    }

    /// The first `N` slots, and the others.
    ///
    /// # Panics
    /// Where there are fewer than `N` slots.
    pub fn split<const N: usize>(self) -> ([&'a mut [T]; N], impl Iterator<Item = &'a mut [T]>) {
        assert!(N <= self.slots.len(), "a stage asked for more slots than it named");
        let mut slots = self.slots.iter_mut().map(|slot| &mut **slot);
        let first = std::array::from_fn(|_| slots.next().expect("counted above"));
        (first, slots)
    }

    /// The first `N` slots.
    ///
    /// # Panics
    /// Where there are fewer than `N` slots.
    #[must_use]
    pub fn slots<const N: usize>(self) -> [&'a mut [T]; N] {
        self.split().0
    }
}

/// A [`Stage`] behind a pointer. Every stage is one.
pub trait DynStage: fmt::Debug + Send + Sync {
    /// See [`Stage::name`].
    fn name(&self) -> &'static str;
    /// See [`Stage::slots`].
    fn slots(&self) -> Vec<String>;
    /// See [`Stage::scalars`].
    fn scalars(&self, clock: &Clock) -> Vec<f64>;
    /// See [`Stage::constants`].
    fn constants(&self) -> Vec<u32>;
    /// See [`Stage::apply_block`].
    fn apply_f32(&self, scalars: &[f64], block: Block<'_, f32>);
    /// See [`Stage::apply_block`].
    fn apply_f64(&self, scalars: &[f64], block: Block<'_, f64>);
}

impl<S: Stage> DynStage for S {
    fn name(&self) -> &'static str {
        Stage::name(self)
    }

    fn slots(&self) -> Vec<String> {
        Stage::slots(self)
    }

    fn scalars(&self, clock: &Clock) -> Vec<f64> {
        Stage::scalars(self, clock)
    }

    fn constants(&self) -> Vec<u32> {
        Stage::constants(self)
    }

    fn apply_f32(&self, scalars: &[f64], block: Block<'_, f32>) {
        vector::run(Apply { stage: self, scalars: Scalars(scalars), block });
    }

    fn apply_f64(&self, scalars: &[f64], block: Block<'_, f64>) {
        vector::run(Apply { stage: self, scalars: Scalars(scalars), block });
    }
}

/// [`Stage::apply_block`] as a loop.
struct Apply<'a, 'b, S, T> {
    stage: &'a S,
    scalars: Scalars<'a>,
    block: Block<'b, T>,
}

impl<S: Stage, T: Real> Kernel for Apply<'_, '_, S, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        self.stage.apply_block(self.scalars, self.block);
    }
}
