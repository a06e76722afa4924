//! Stages whose step depends on sums over all parameters.

use std::fmt;
use std::sync::Arc;

use lowland_core::stage::{Block, Clock, Scalars, Stage};
use lowland_core::{DynMeasure, Measure, Real};

/// Sums of a [`Measure`] over all parameters that are stepped, those of all groups together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Totals {
    /// One for each of [`Measure::sums`].
    pub sums: Vec<f64>,
    /// How many elements were measured.
    pub elements: usize,
}

/// A stage that needs to know sums over all parameters before it steps any.
///
/// A step measures first, which changes nothing, and then makes the pass in which this stage is one of
/// the links. In between, on the host and in `f64`, the sums become scalars of the stage. Groups whose
/// updates measure the same, by name and place among an update's measures, measure together: each with
/// its own hyper-parameters, and all are told the sums over all of them.
///
/// What is remembered of all parameters together is the *memory*: numbers by name, 0 at first, kept
/// with the state of the optimizer. Groups that measure together share it, and the first of them writes
/// it.
///
/// ```
/// use lowland_core::measure::{Elements, Measure};
/// use lowland_core::stage::{Block, Clock, Scalars};
/// use lowland_core::Real;
/// use lowland_optim::{Measured, Optimizer, Totals, Update};
///
/// /// Normalised gradient descent: the gradient over the norm of all gradients.
/// #[derive(Debug)]
/// struct Normalised;
///
/// impl Measure for Normalised {
///     fn name(&self) -> &'static str {
///         "normalised"
///     }
///
///     fn sums(&self) -> &'static [&'static str] {
///         &["squares"]
///     }
///
///     #[inline(always)]
///     fn terms<T: Real>(&self, _: Scalars<'_>, elements: Elements<'_, T>) {
///         let (direction, [], [squares]) = elements.split();
///         for (square, d) in squares.iter_mut().zip(direction) {
///             *square = d.f64() * d.f64();
///         }
///     }
/// }
///
/// impl Measured for Normalised {
///     fn step_scalars(&self, _: &Clock, totals: &Totals, _: &[f64]) -> Vec<f64> {
///         vec![1.0 / totals.sums[0].sqrt()]
///     }
///
///     #[inline(always)]
///     fn apply_block<T: Real>(&self, scalars: Scalars<'_>, block: Block<'_, T>) {
///         let [factor] = scalars.get::<T, 1>();
///         block.direction.iter_mut().for_each(|d| *d *= factor);
///     }
/// }
///
/// let mut optimizer = Optimizer::new(Update::new().measured(Normalised));
/// let (mut a, mut b) = ([1.0f64], [1.0f64]);
/// let clock = Clock::at_step(1, 0.5);
/// optimizer.step(&clock, &mut [("a", &mut a, &[3.0]), ("b", &mut b, &[4.0])])?;
/// assert_eq!((a, b), ([1.0 - 0.5 * 0.6], [1.0 - 0.5 * 0.8]));
/// # Ok::<(), lowland_optim::Error>(())
/// ```
pub trait Measured: Measure {
    /// The names of its state slots; those that are measured come first. Each has one element per
    /// parameter and starts at 0.
    fn slots(&self) -> Vec<String> {
        Vec::new()
    }

    /// The names of what is remembered of all parameters together.
    fn memory(&self) -> &'static [&'static str] {
        &[]
    }

    /// Whether this step measures at all. Where it does not, totals are of no elements, and what is
    /// remembered stays as it is.
    fn is_due(&self, _memory: &[f64]) -> bool {
        true
    }

    /// Until when it measures, for people; empty where that is always.
    fn until(&self) -> &'static str {
        ""
    }

    /// The scalars of the stage at this step of a group, whose step count and learning rate the clock
    /// tells.
    fn step_scalars(&self, clock: &Clock, totals: &Totals, memory: &[f64]) -> Vec<f64>;

    /// Remembers, once a step, after the scalars of all groups were computed. The clock is that of
    /// the step, with the learning rate that groups have factors of.
    fn remember(&self, _clock: &Clock, _totals: &Totals, _memory: &mut [f64]) {}

    /// As [`Stage::apply_block`].
    fn apply_block<T: Real>(&self, scalars: Scalars<'_>, block: Block<'_, T>);
}

/// What the host does for a [`Measured`] stage. Every one does it.
pub(crate) trait Host: fmt::Debug + Send + Sync {
    fn memory(&self) -> &'static [&'static str];
    fn is_due(&self, memory: &[f64]) -> bool;
    fn until(&self) -> &'static str;
    fn step_scalars(&self, clock: &Clock, totals: &Totals, memory: &[f64]) -> Vec<f64>;
    fn remember(&self, clock: &Clock, totals: &Totals, memory: &mut [f64]);
}

impl<M: Measured> Host for M {
    fn memory(&self) -> &'static [&'static str] {
        Measured::memory(self)
    }

    fn is_due(&self, memory: &[f64]) -> bool {
        Measured::is_due(self, memory)
    }

    fn until(&self) -> &'static str {
        Measured::until(self)
    }

    fn step_scalars(&self, clock: &Clock, totals: &Totals, memory: &[f64]) -> Vec<f64> {
        Measured::step_scalars(self, clock, totals, memory)
    }

    fn remember(&self, clock: &Clock, totals: &Totals, memory: &mut [f64]) {
        Measured::remember(self, clock, totals, memory);
    }
}

/// A measured stage in front of the run of stages that it is the first of.
#[derive(Clone, Debug)]
pub(crate) struct MeasureLink {
    pub(crate) measure: Arc<dyn DynMeasure>,
    pub(crate) host: Arc<dyn Host>,
}

impl MeasureLink {
    /// The link, and the stage behind it.
    pub(crate) fn new<M: Measured>(measured: M) -> (Self, impl Stage) {
        let measured = Arc::new(measured);
        let (measure, host) = (Arc::clone(&measured), Arc::clone(&measured));
        (MeasureLink { measure, host }, Told(measured))
    }
}

/// A measured stage in its chain. It has no scalars of its own, as those are told after measuring.
#[derive(Debug)]
struct Told<M>(Arc<M>);

impl<M: Measured> Stage for Told<M> {
    fn name(&self) -> &'static str {
        Measure::name(&*self.0)
    }

    fn slots(&self) -> Vec<String> {
        Measured::slots(&*self.0)
    }

    #[inline(always)]
    fn apply_block<T: Real>(&self, scalars: Scalars<'_>, block: Block<'_, T>) {
        self.0.apply_block(scalars, block);
    }
}
