//! What is measured of parameters that are slices.

use lowland_core::op::MeasureTensors;
use lowland_core::{Clock, DynMeasure, Real};

use crate::measured::Totals;
use crate::together::Found;

/// The sums of the pieces of a group's parameters.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    /// Those of each sum.
    columns: Vec<Vec<f64>>,
    elements: usize,
}

impl Pieces {
    /// Measures one parameter. `state` is that of the measured stage and of those behind it.
    pub(super) fn add<T: Real>(
        &mut self,
        measure: &dyn DynMeasure,
        clock: &Clock,
        direction: &[T],
        state: &[&mut [T]],
    ) {
        let (scalars, count) = (measure.scalars(clock), measure.sums().len());
        self.columns.resize(count, Vec::new());
        self.elements += direction.len();
        let mut sums = vec![0.0; count];
        for (i, piece) in direction.chunks(MeasureTensors::PIECE).enumerate() {
            let start = i * MeasureTensors::PIECE;
            let read = state[..measure.reads()].iter();
            let state: Vec<&[T]> = read.map(|slot| &slot[start..][..piece.len()]).collect();
            MeasureTensors::piece(measure, &scalars, piece, &state, &mut sums);
            self.columns.iter_mut().zip(&sums).for_each(|(column, &sum)| column.push(sum));
        }
    }

    /// The sums over all of them, to as many bits as a backend's op gives.
    pub(super) fn found<T: Real>(mut self, group: usize) -> Found {
        let total = |column: &mut Vec<f64>| {
            MeasureTensors::join::<T>(MeasureTensors::split(MeasureTensors::total(column)))
        };
        let sums = self.columns.iter_mut().map(total).collect();
        Found { group, totals: Totals { sums, elements: self.elements } }
    }
}
