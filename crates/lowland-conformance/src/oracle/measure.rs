//! Sums of a measure, one element at a time.
//!
//! What a measure makes of an element is the measure's own definition and has no second one here; what
//! is checked is everything around it: which elements are summed up, with which state, and how much of
//! a sum is left of it in the type of the call.

use lowland_core::Real;
use lowland_core::op::MeasureTensors;

use super::sum::sum;

/// The sums rounded to `T`, and their rests. `inputs` are the directions and the state slots.
pub(crate) fn forward<T: Real>(op: &MeasureTensors, inputs: &[&[f64]]) -> Vec<Vec<f64>> {
    let count = op.measure.sums().len();
    let mut terms = vec![Vec::new(); count];
    for segment in op.segments.iter() {
        for i in 0..segment.len {
            let direction = [T::of(inputs[0][segment.param + i])];
            let slots: Vec<[T; 1]> =
                inputs[1..].iter().map(|slot| [T::of(slot[segment.state + i])]).collect();
            let state: Vec<&[T]> = slots.iter().map(|slot| &slot[..]).collect();
            let mut own = vec![f64::NAN; count];
            MeasureTensors::piece(&*op.measure, &op.scalars, &direction, &state, &mut own);
            terms.iter_mut().zip(own).for_each(|(all, term)| all.push(term));
        }
    }
    let (mut sums, mut rests) = (Vec::new(), Vec::new());
    for terms in terms {
        let total = sum(terms);
        let rounded = T::of(total).f64();
        sums.push(rounded);
        rests.push(if rounded.is_finite() { total - rounded } else { 0.0 });
    }
    vec![sums, rests]
}
