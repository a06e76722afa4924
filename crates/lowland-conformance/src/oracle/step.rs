//! One step of an optimizer, one element at a time.
//!
//! What a stage does to an element is the stage's own definition and has no second one here; what
//! is checked is everything around it: which elements are updated, with which state, and that the
//! result does not depend on how the elements were cut into blocks. Plain gradient descent, the
//! empty chain, is computed by hand.

use lowland_core::Real;
use lowland_core::op::Step;

/// The outputs of a step, computed in the arithmetic of `T`: parameters and state, or in a step that
/// leaves directions, these and state. `read` is the other of gradients and parameters.
pub(crate) fn forward<T: Real>(op: &Step, read: &[f64], before: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let mut after = before.to_vec();
    for segment in op.segments.iter() {
        for i in 0..segment.len {
            let param = segment.param + i;
            let state = segment.state + i;
            let (updated, slots) = after.split_at_mut(1);
            let element = &mut updated[0][param];
            if op.chain.stages().is_empty() {
                let lr = if op.descends { T::of(op.prepared.lr) } else { T::zero() };
                *element = (T::of(*element) - lr * T::of(read[param])).f64();
                continue;
            }
            let mut remembered: Vec<T> = slots.iter().map(|slot| T::of(slot[state])).collect();
            let mut cut: Vec<&mut [T]> = remembered.chunks_mut(1).collect();
            let (mut own, other) = ([T::of(*element)], [T::of(read[param])]);
            match op.descends {
                true => op.chain.run(&op.prepared, &mut own, &other, &mut cut),
                false => op.chain.direct(&op.prepared, &other, &mut own, &mut cut),
            }
            *element = own[0].f64();
            for (slot, value) in slots.iter_mut().zip(remembered) {
                slot[state] = value.f64();
            }
        }
    }
    after
}
