//! Whole tensors transformed in place.

use std::sync::Mutex;

use lowland_core::op::TransformTensors;
use lowland_core::{Result, Shape};

use crate::CHUNK;
use crate::context::Context;
use crate::scalar::Scalar;
use crate::threads::lock;

/// Some blocks of one tensor, with the shape of the tensor.
type Portion<'a, T> = (Shape, &'a mut [T]);

pub(crate) fn forward<T: Scalar>(
    op: &TransformTensors,
    context: Context<'_>,
    mut arena: &mut [T],
) -> Result<()> {
    let transform = &*op.transform;
    let lengths = op.tensors.iter().map(|tensor| transform.scratch_len(&tensor.shape));
    let scratch_len = lengths.max().unwrap_or(0);
    let mut scratch = context.pool.scratch::<f64>(scratch_len * context.threads.count())?;
    // A thread takes one for the time of a portion; there are as many as threads.
    let free: Mutex<Vec<&mut [f64]>> = Mutex::new(scratch.chunks_mut(scratch_len.max(1)).collect());
    let mut end = 0;
    let portions = op.tensors.iter().flat_map(|tensor| {
        let (_, rest) = std::mem::take(&mut arena).split_at_mut(tensor.offset - end);
        let (own, rest) = rest.split_at_mut(tensor.shape.len());
        (arena, end) = (rest, tensor.offset + tensor.shape.len());
        portions(tensor.shape, transform.blocks(&tensor.shape), own)
    });
    context.threads.for_each(portions, |(shape, blocks)| {
        let own = lock(&free).pop();
        let mut own = own.unwrap_or_default();
        T::apply_transform(transform, blocks, &shape, &mut own[..transform.scratch_len(&shape)]);
        lock(&free).push(std::mem::take(&mut own));
    });
    Ok(())
}

/// Cuts a tensor of so many blocks into portions of about [`CHUNK`] elements.
fn portions<T>(
    shape: Shape,
    blocks: usize,
    tensor: &mut [T],
) -> impl Iterator<Item = Portion<'_, T>> {
    let block = tensor.len() / blocks;
    let portion = block * (CHUNK / block).max(1);
    tensor.chunks_mut(portion).map(move |blocks| (shape, blocks))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use lowland_core::op::TensorAt;
    use lowland_core::{Op, Real, Transform};

    use super::*;
    use crate::testing::assert_updates;

    /// Turns the order of the rows of a matrix around, or of the elements of each row.
    #[derive(Debug)]
    struct Reverse {
        rows: bool,
    }

    impl Transform for Reverse {
        fn name(&self) -> &'static str {
            "reverse"
        }

        fn applies_to(&self, shape: &Shape) -> bool {
            shape.rank() == 2
        }

        fn blocks(&self, shape: &Shape) -> usize {
            if self.rows { 1 } else { shape[0] }
        }

        fn scratch_len(&self, shape: &Shape) -> usize {
            if self.rows { shape.len() } else { shape[1] }
        }

        fn apply<T: Real>(&self, blocks: &mut [T], shape: &Shape, scratch: &mut [f64]) {
            let block = if self.rows { blocks.len() } else { shape[1] };
            assert_eq!(scratch.len(), block);
            let unit = if self.rows { shape[1] } else { 1 };
            for block in blocks.chunks_mut(block) {
                for (s, x) in scratch.iter_mut().zip(&*block) {
                    *s = x.f64();
                }
                for (to, from) in block.chunks_mut(unit).rev().zip(scratch.chunks(unit)) {
                    to.iter_mut().zip(from).for_each(|(to, &from)| *to = T::of(from));
                }
            }
        }
    }

    fn check(rows: bool, tensors: &[(usize, [usize; 2])], len: usize) {
        let before: Vec<f64> = (0..len).map(|i| i as f64).collect();
        let mut want = before.clone();
        for &(offset, [height, width]) in tensors {
            for (r, c) in (0..height).flat_map(|r| (0..width).map(move |c| (r, c))) {
                let from = if rows { (height - 1 - r, c) } else { (r, width - 1 - c) };
                want[offset + r * width + c] = before[offset + from.0 * width + from.1];
            }
        }
        let at = |&(offset, shape): &(usize, [usize; 2])| TensorAt { offset, shape: shape.into() };
        let tensors: Vec<TensorAt> = tensors.iter().map(at).collect();
        let op = TransformTensors::new(Arc::new(Reverse { rows }), &tensors, len).unwrap();
        assert_updates(Op::Transform(op), &[], &[&before], &[&want]);
    }

    #[test]
    fn tensors_are_transformed_whole_and_the_rest_is_left_alone() {
        let wide = 2 * CHUNK + 3;
        for rows in [false, true] {
            check(rows, &[], 3);
            check(rows, &[(0, [3, 4])], 12);
            check(rows, &[(20, [2, 3]), (1, [4, 1]), (5, [1, 7]), (13, [0, 9])], 30);
            check(rows, &[(7, [3, wide]), (7 + 3 * wide, [1003, 41])], 60_000 + 3 * wide);
        }
    }
}
