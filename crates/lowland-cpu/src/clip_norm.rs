//! Gradients clipped by their norm.

use lowland_core::Result;
use lowland_core::op::ClipNorm;

use crate::context::Context;
use crate::scalar::Scalar;

/// `norm` is one element.
pub(crate) fn forward<T: Scalar>(
    op: &ClipNorm,
    context: Context<'_>,
    grads: &mut [T],
    norm: &mut [T],
) -> Result<()> {
    let piece_count = |len: usize| len.div_ceil(ClipNorm::PIECE);
    let count = op.tensors.iter().map(|tensor| piece_count(tensor.shape.len())).sum();
    let mut sums = context.pool.scratch::<f64>(count)?;
    let pieces = op
        .tensors
        .iter()
        .flat_map(|tensor| grads[tensor.offset..][..tensor.shape.len()].chunks(ClipNorm::PIECE));
    context.threads.for_each(sums.iter_mut().zip(pieces), |(sum, piece)| {
        *sum = ClipNorm::sum_of_squares(piece);
    });
    let total = ClipNorm::norm(&mut sums);
    norm.fill(T::of(total));
    if let Some(factor) = ClipNorm::factor(op.max_norm, total) {
        let (mut rest, mut end) = (grads, 0);
        let pieces = op.tensors.iter().flat_map(|tensor| {
            let (_, tail) = std::mem::take(&mut rest).split_at_mut(tensor.offset - end);
            let (own, tail) = tail.split_at_mut(tensor.shape.len());
            (rest, end) = (tail, tensor.offset + tensor.shape.len());
            own.chunks_mut(ClipNorm::PIECE)
        });
        context.threads.for_each(pieces, |piece| ClipNorm::scale(piece, factor));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use lowland_core::Op;
    use lowland_core::op::TensorAt;

    use super::*;
    use crate::testing::assert_updates;

    #[test]
    fn the_norm_is_of_all_tensors_and_of_nothing_else() {
        let at = |offset, len| TensorAt { offset, shape: [len].into() };
        let tensors = [at(3, 1), at(0, 2), at(5, 0)];
        let before: &[f64] = &[2.0, 3.0, 100.0, 6.0, -50.0];
        let clip = |max_norm| Op::ClipNorm(ClipNorm::new(max_norm, &tensors, 5).unwrap());
        let half = 3.5 / (7.0 + 1e-6);
        let halved: &[f64] = &[2.0 * half, 3.0 * half, 100.0, 6.0 * half, -50.0];
        assert_updates(clip(3.5), &[], &[before, &[0.0]], &[halved, &[7.0]]);
        assert_updates(clip(8.0), &[], &[before, &[0.0]], &[before, &[7.0]]);
        let (nan, inf) = (f64::NAN, f64::INFINITY);
        let broken: &[f64] = &[2.0, inf, 100.0, 6.0, -50.0];
        let gone: &[f64] = &[0.0, nan, 100.0, 0.0, -50.0];
        assert_updates(clip(8.0), &[], &[broken, &[0.0]], &[gone, &[inf]]);
        let long = 2 * ClipNorm::PIECE + 100;
        let op = ClipNorm::new(1.0, &[at(0, long)], long).unwrap();
        let norm = 3.0 * (long as f64).sqrt();
        let want = vec![3.0 / (norm + 1e-6); long];
        assert_updates(Op::ClipNorm(op), &[], &[&vec![3.0; long], &[0.0]], &[&want, &[norm]]);
    }
}
