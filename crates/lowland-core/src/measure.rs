//! Measures: sums over all elements of what directions and state are at a step.

use std::fmt;

use crate::Real;
use crate::stage::{Clock, Scalars};
use crate::vector::{self, Kernel};

/// Sums over all parameters, for links of an optimizer whose step depends on all of them together.
///
/// Where a [`Stage`](crate::Stage) changes each element alone, a measure changes none: it makes of
/// each element's direction and state a term for each of its sums. The terms are added up in `f64`, in
/// an order that neither threads nor cuts change: see [`MeasureTensors`](crate::op::MeasureTensors).
///
/// ```
/// use lowland_core::measure::{Elements, Measure};
/// use lowland_core::op::MeasureTensors;
/// use lowland_core::stage::Scalars;
/// use lowland_core::Real;
///
/// /// The sum of the squares of the directions.
/// #[derive(Debug)]
/// struct Squares;
///
/// impl Measure for Squares {
///     fn name(&self) -> &'static str {
///         "squares"
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
/// let mut sums = [0.0];
/// MeasureTensors::piece(&Squares, &[], &[1.0f32, 2.0, 3.0], &[], &mut sums);
/// assert_eq!(sums, [14.0]);
/// ```
pub trait Measure: fmt::Debug + Send + Sync + 'static {
    /// The measure's name: `snake_case`, also the name of its device functor.
    fn name(&self) -> &'static str;

    /// The names of its sums, one at least.
    fn sums(&self) -> &'static [&'static str];

    /// The number of state slots that it reads: the first ones of the stage that it is for.
    fn reads(&self) -> usize {
        0
    }

    /// What the step needs besides the elements. Computed once per step.
    fn scalars(&self, _clock: &Clock) -> Vec<f64> {
        Vec::new()
    }

    /// Writes the terms of a block of elements. Mark it `#[inline(always)]`, so that it is compiled
    /// anew for the widest vectors of the processor. It must not call a backend.
    fn terms<T: Real>(&self, scalars: Scalars<'_>, elements: Elements<'_, T>);
}

/// A block of elements to be measured.
#[derive(Debug)]
pub struct Elements<'a, T> {
    direction: &'a [T],
    state: &'a [&'a [T]],
    /// Those of the first sum, then those of the second, and so on.
    terms: &'a mut [f64],
}

impl<'a, T> Elements<'a, T> {
    pub(crate) fn new(direction: &'a [T], state: &'a [&'a [T]], terms: &'a mut [f64]) -> Self {
        Elements { direction, state, terms }
    }

    /// The directions; the state slots, as many as [`Measure::reads`]; and where the terms of each sum
    /// go. All have one element per parameter.
    ///
    /// # Panics
    /// Where the measure has other numbers of slots or of sums.
    #[must_use]
    pub fn split<const SLOTS: usize, const SUMS: usize>(
        self,
    ) -> (&'a [T], [&'a [T]; SLOTS], [&'a mut [f64]; SUMS]) {
        let state = self.state.try_into().expect("as many slots as the measure reads");
        assert_eq!(self.terms.len(), SUMS * self.direction.len(), "as many terms as sums");
        let mut terms = self.terms.chunks_exact_mut(self.direction.len().max(1));
        let terms = std::array::from_fn(|_| terms.next().unwrap_or_default());
        (self.direction, state, terms)
    }
}

/// A [`Measure`] behind a pointer. Every measure is one.
pub trait DynMeasure: fmt::Debug + Send + Sync {
    /// See [`Measure::name`].
    fn name(&self) -> &'static str;
    /// See [`Measure::sums`].
    fn sums(&self) -> &'static [&'static str];
    /// See [`Measure::reads`].
    fn reads(&self) -> usize;
    /// See [`Measure::scalars`].
    fn scalars(&self, clock: &Clock) -> Vec<f64>;
    /// See [`Measure::terms`].
    fn terms_f32(&self, scalars: &[f64], elements: Elements<'_, f32>);
    /// See [`Measure::terms`].
    fn terms_f64(&self, scalars: &[f64], elements: Elements<'_, f64>);
}

impl<M: Measure> DynMeasure for M {
    fn name(&self) -> &'static str {
        Measure::name(self)
    }

    fn sums(&self) -> &'static [&'static str] {
        Measure::sums(self)
    }

    fn reads(&self) -> usize {
        Measure::reads(self)
    }

    fn scalars(&self, clock: &Clock) -> Vec<f64> {
        Measure::scalars(self, clock)
    }

    fn terms_f32(&self, scalars: &[f64], elements: Elements<'_, f32>) {
        vector::run(Terms { measure: self, scalars: Scalars::new(scalars), elements });
    }

    fn terms_f64(&self, scalars: &[f64], elements: Elements<'_, f64>) {
        vector::run(Terms { measure: self, scalars: Scalars::new(scalars), elements });
    }
}

/// [`Measure::terms`] as a loop.
struct Terms<'a, M, T> {
    measure: &'a M,
    scalars: Scalars<'a>,
    elements: Elements<'a, T>,
}

impl<M: Measure, T: Real> Kernel for Terms<'_, M, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        self.measure.terms(self.scalars, self.elements);
    }
}
