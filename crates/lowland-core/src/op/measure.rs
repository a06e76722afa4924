//! Sums over the elements of an arena, as data.

use std::sync::Arc;

use super::{Operand, Operands, Segment};
use crate::measure::{DynMeasure, Elements};
use crate::vector::{self, Kernel};
use crate::{Error, Real, Result};

/// A [`Measure`](crate::Measure) of some tensors of arenas: its sums over all of their elements.
///
/// Each segment is a tensor. It is cut, from its start on, into pieces of [`MeasureTensors::PIECE`]
/// elements; what the pieces give is added up from the least to the largest. So sums do not depend, in
/// any bit, on where tensors lie, on their order, or on threads.
///
/// Inputs: `directions`, then as many `state` slots as the measure reads. Outputs: `sums`, one element
/// a sum, and `rests`, what the former lost by being rounded to the type of the call: nothing in `f64`.
/// [`MeasureTensors::join`] puts them together.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct MeasureTensors {
    /// What is summed up.
    pub measure: Arc<dyn DynMeasure>,
    /// Its scalars at this step.
    pub scalars: Vec<f64>,
    /// The tensors.
    pub segments: Arc<[Segment]>,
    /// Elements of the arena of directions.
    pub params_len: usize,
    /// Elements of each state slot.
    pub state_len: usize,
}

impl MeasureTensors {
    /// Elements of a tensor, from its start on, whose terms make one sum.
    pub const PIECE: usize = 16 * 1024;

    /// A measure of the tensors at these places.
    ///
    /// # Errors
    /// [`Error::Invalid`] where a segment leaves its arena or overlaps another, or where the measure
    /// has no sums.
    pub fn new(
        measure: Arc<dyn DynMeasure>,
        scalars: Vec<f64>,
        segments: Arc<[Segment]>,
        params_len: usize,
        state_len: usize,
    ) -> Result<Self> {
        let op = MeasureTensors { measure, scalars, segments, params_len, state_len };
        op.validate()?;
        Ok(op)
    }

    /// Whether there is something to sum up, and the segments are inside the arenas.
    pub(super) fn validate(&self) -> Result<()> {
        if self.measure.sums().is_empty() {
            let message = format!("{} has no sums", self.measure.name());
            return Err(Error::invalid("measure", message));
        }
        let state = (self.measure.reads() > 0).then_some(self.state_len);
        Segment::check("measure", &self.segments, self.params_len, state)
    }

    /// The pieces of all tensors.
    pub fn pieces(&self) -> impl Iterator<Item = Segment> + Send + '_ {
        self.segments.iter().flat_map(|&Segment { param, state, len }| {
            (0..len).step_by(Self::PIECE).map(move |start| Segment {
                param: param + start,
                state: state.saturating_add(start),
                len: Self::PIECE.min(len - start),
            })
        })
    }

    /// The sums of a measure over at most [`MeasureTensors::PIECE`] elements.
    ///
    /// # Panics
    /// Where slots have other lengths than the directions, or where there are other numbers of slots
    /// or sums than the measure has.
    pub fn piece<T: Real>(
        measure: &dyn DynMeasure,
        scalars: &[f64],
        directions: &[T],
        state: &[&[T]],
        sums: &mut [f64],
    ) {
        assert_eq!((state.len(), sums.len()), (measure.reads(), measure.sums().len()));
        let mut lanes = vec![[0.0; LANES]; sums.len()];
        let mut terms = vec![0.0; sums.len() * BLOCK_LEN.min(directions.len())];
        let mut cut: Vec<&[T]> = Vec::with_capacity(state.len());
        for start in (0..directions.len()).step_by(BLOCK_LEN) {
            let range = start..directions.len().min(start + BLOCK_LEN);
            cut.clear();
            cut.extend(state.iter().map(|slot| &slot[range.clone()]));
            let terms = &mut terms[..sums.len() * range.len()];
            let elements = Elements::new(&directions[range.clone()], &cut, terms);
            T::measure_terms(measure, scalars, elements);
            for (lanes, terms) in lanes.iter_mut().zip(terms.chunks_exact(range.len())) {
                vector::run(Add { lanes, terms });
            }
        }
        for (sum, lanes) in sums.iter_mut().zip(lanes) {
            *sum = lanes.iter().sum();
        }
    }

    /// One sum from those of the pieces, in any order: they are added up from the least to the
    /// largest, so that the order does not matter in any bit.
    #[must_use]
    pub fn total(pieces: &mut [f64]) -> f64 {
        pieces.sort_unstable_by(f64::total_cmp);
        pieces.iter().sum()
    }

    /// A sum rounded to the type of a call, and what is lost by that. Sums beyond 3.4e38 are infinite
    /// in `f32`.
    #[must_use]
    pub fn split<T: Real>(sum: f64) -> [T; 2] {
        let rounded = T::of(sum);
        let rest = if rounded.is_finite() { T::of(sum - rounded.f64()) } else { T::zero() };
        [rounded, rest]
    }

    /// A sum from what [`MeasureTensors::split`] made of it: in `f32` to 48 bits.
    #[must_use]
    pub fn join<T: Real>([rounded, rest]: [T; 2]) -> f64 {
        rounded.f64() + rest.f64()
    }

    pub(super) fn operands(&self) -> Operands {
        let mut inputs = vec![Operand::read("directions", self.params_len)];
        inputs.extend(vec![Operand::read("state", self.state_len); self.measure.reads()]);
        let sums = self.measure.sums().len();
        let outputs = vec![Operand::write("sums", sums), Operand::write("rests", sums)];
        Operands { inputs, outputs }
    }
}

/// Elements whose terms are written before they are added up: they stay in the first-level cache.
const BLOCK_LEN: usize = 512;

/// Sums side by side, so that the loop becomes vector instructions.
const LANES: usize = 8;

/// Terms added to the lanes of a sum.
struct Add<'a> {
    lanes: &'a mut [f64; LANES],
    terms: &'a [f64],
}

impl Kernel for Add<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let mut lanes = *self.lanes;
        let (rows, rest) = self.terms.as_chunks::<LANES>();
        for row in rows {
            lanes.iter_mut().zip(row).for_each(|(sum, term)| *sum += term);
        }
        lanes.iter_mut().zip(rest).for_each(|(sum, term)| *sum += term);
        *self.lanes = lanes;
    }
}
