//! Clipping by the norm of all gradients: below the bound and above it, of nothing, of much, with
//! infinities and numbers that are none.

use lowland_core::Op;
use lowland_core::op::{ClipNorm, TensorAt};

use super::{Case, LENGTHS, Random, shape};

pub(super) fn cases(random: &mut Random) -> Vec<Case> {
    let mut cases = Vec::new();
    let bounds = [1e-3, 1.0, 1e6];
    for (len, max_norm) in LENGTHS.into_iter().zip(bounds.into_iter().cycle()) {
        let before = random.floats(len);
        cases.push(case(max_norm, &[(0, len)], before));
        // Gaps before, between and behind, which are neither summed nor scaled.
        let gaps = [(2 * len + 9, 3), (2, len), (len + 2, 4)];
        cases.push(case(max_norm, &gaps, random.floats(2 * len + 13)));
    }
    // No tensor, in an arena and in none.
    cases.push(case(1.0, &[], random.floats(3)));
    cases.push(case(1.0, &[], vec![]));
    for special in [f64::NAN, f64::INFINITY] {
        let before = vec![1.0, special, 0.0, -2.0, special];
        let note = "NaNs and infinities";
        cases.push(case(1.0, &[(0, 4)], before.clone()).note(note));
        cases.push(case(1.0, &[(2, 2)], before).note(note));
    }
    cases
}

fn case(max_norm: f64, tensors: &[(usize, usize)], grads: Vec<f64>) -> Case {
    let at = |&(offset, len): &(usize, usize)| TensorAt { offset, shape: shape(&[len]) };
    let tensors: Vec<TensorAt> = tensors.iter().map(at).collect();
    let op = ClipNorm::new(max_norm, &tensors, grads.len()).expect("tensors inside the arena");
    let case = Case::new(Op::ClipNorm(op), vec![]);
    Case { before: vec![grads, vec![0.0]], ..case }
}
