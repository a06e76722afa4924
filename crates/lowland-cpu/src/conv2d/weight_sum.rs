//! Splitting the batch for the gradient of the weight, and adding up what the chunks found.

use lowland_core::Real;
use lowland_core::op::Conv2d;

use crate::threads::Threads;

/// How many chunks the batch is cut into, each with a private gradient, where the rest of the work
/// comes in `pieces` independent ones. A function of the shape alone, so that sums never depend on
/// the number of threads.
pub(super) fn batch_chunks(op: &Conv2d, pieces: usize) -> usize {
    const ENOUGH_TASKS: usize = 16;
    ENOUGH_TASKS.div_ceil(pieces.max(1)).min(op.batch).max(1)
}

/// The images of a chunk.
pub(super) fn chunk_images(op: &Conv2d, chunks: usize, chunk: usize) -> std::ops::Range<usize> {
    op.batch * chunk / chunks..op.batch * (chunk + 1) / chunks
}

/// Adds the private gradients of all chunks, in order, into `dw`, `[O, I / groups, kh, kw]`.
///
/// `offset(o, i, tap)` is where a private gradient of `private_len` elements holds `dw[o, i, tap]`;
/// output channels that share `o / lanes` must lie one after another.
pub(super) fn sum_chunks<T: Real>(
    op: &Conv2d,
    threads: &Threads,
    private: &[T],
    private_len: usize,
    lanes: usize,
    dw: &mut [T],
    offset: impl Fn(usize, usize, usize) -> usize + Sync,
) {
    const LANES: usize = 16;
    assert!(lanes <= LANES);
    let (inputs, taps) = (op.in_channels / op.groups, op.kernel[0] * op.kernel[1]);
    if dw.is_empty() {
        return;
    }
    threads.for_each(dw.chunks_mut(lanes * inputs * taps).enumerate(), |(block, dw)| {
        let outputs = dw.len() / (inputs * taps);
        for input in 0..inputs {
            for tap in 0..taps {
                let first = offset(block * lanes, input, tap);
                let mut sum = [T::zero(); LANES];
                for chunk in private.chunks_exact(private_len) {
                    for (sum, &part) in sum.iter_mut().zip(&chunk[first..first + outputs]) {
                        *sum += part;
                    }
                }
                for (o, &sum) in sum[..outputs].iter().enumerate() {
                    dw[(o * inputs + input) * taps + tap] = sum;
                }
            }
        }
    });
}
