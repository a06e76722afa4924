//! One step of an optimizer, one element at a time.
//!
//! What a stage does to an element is the stage's own definition and has no second one here; what
//! is checked is everything around it: which elements are updated, with which state, and that the
//! result does not depend on how the elements were cut into blocks. Plain gradient descent, the
//! empty chain, is computed by hand.

use lowland_core::Real;
use lowland_core::op::Step;

/// The outputs of a step, parameters first, computed in the arithmetic of `T`.
pub(crate) fn forward<T: Real>(op: &Step, grads: &[f64], before: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let mut after = before.to_vec();
    for segment in op.segments.iter() {
        for i in 0..segment.len {
            let param = segment.param + i;
            let state = segment.state + i;
            let (params, slots) = after.split_at_mut(1);
            let element = &mut params[0][param];
            if op.chain.stages().is_empty() {
                let lr = T::of(op.prepared.lr);
                *element = (T::of(*element) - lr * T::of(grads[param])).f64();
                continue;
            }
            let mut own: Vec<T> = slots.iter().map(|slot| T::of(slot[state])).collect();
            let mut cut: Vec<&mut [T]> = own.chunks_mut(1).collect();
            let mut p = [T::of(*element)];
            op.chain.run(&op.prepared, &mut p, &[T::of(grads[param])], &mut cut);
            *element = p[0].f64();
            for (slot, value) in slots.iter_mut().zip(own) {
                slot[state] = value.f64();
            }
        }
    }
    after
}
