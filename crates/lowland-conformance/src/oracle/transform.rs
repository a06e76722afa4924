//! Whole tensors transformed, one at a time.
//!
//! What a transform does to a tensor is the transform's own definition and has no second one here;
//! what is checked is everything around it: which tensors it is handed, and in which portions.

use lowland_core::op::TransformTensors;

/// The arena afterwards.
pub(super) fn forward(op: &TransformTensors, before: &[f64]) -> Vec<f64> {
    let mut after = before.to_vec();
    for tensor in op.tensors.iter() {
        let own = &mut after[tensor.offset..tensor.offset + tensor.shape.len()];
        let blocks = op.transform.blocks(&tensor.shape);
        for block in own.chunks_mut(tensor.shape.len() / blocks) {
            let mut scratch = vec![f64::NAN; op.transform.scratch_len(&tensor.shape)];
            op.transform.apply_f64(block, &tensor.shape, &mut scratch);
        }
    }
    after
}
