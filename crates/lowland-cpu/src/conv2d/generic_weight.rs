//! Gradient of the weight for every shape: plain loops over pixels, vectorised over the channels
//! of the output.

use std::ops::Range;

use lowland_core::Real;
use lowland_core::op::Conv2d;

use super::weight_sum::{batch_chunks, chunk_images, sum_chunks};
use crate::threads::Threads;

/// Room for the private gradients, `[chunks, kh, kw, I / groups, O]`.
pub(super) fn scratch_len(op: &Conv2d) -> usize {
    batch_chunks(op, taps(op)) * op.w().len()
}

fn taps(op: &Conv2d) -> usize {
    op.kernel[0] * op.kernel[1]
}

/// Computes `dw`, `[O, I / groups, kh, kw]`, from `x`, `[N, H, W, I]`, and `dy`, `[N, H', W', O]`.
pub(super) fn run<T: Real>(
    op: &Conv2d,
    threads: &Threads,
    x: &[T],
    dy: &[T],
    dw: &mut [T],
    scratch: &mut [T],
) {
    if dw.is_empty() {
        return;
    }
    let (len, taps, kw) = (dw.len(), taps(op), op.kernel[1]);
    let chunks = batch_chunks(op, taps);
    let private = &mut scratch[..chunks * len];
    threads.for_each(private.chunks_mut(len / taps).enumerate(), |(task, slab)| {
        let (chunk, tap) = (task / taps, task % taps);
        slab.fill(T::zero());
        for image in chunk_images(op, chunks, chunk) {
            let view = View {
                op,
                tap: [tap / kw, tap % kw],
                x: image_of(x, op.batch, image),
                dy: image_of(dy, op.batch, image),
            };
            view.add_to(slab);
        }
    });
    let outputs = op.out_channels;
    let inputs = op.in_channels / op.groups;
    let lanes = outputs.min(16);
    sum_chunks(op, threads, private, len, lanes, dw, |o, i, tap| (tap * inputs + i) * outputs + o);
}

fn image_of<T>(tensor: &[T], batch: usize, image: usize) -> &[T] {
    let len = tensor.len() / batch;
    &tensor[image * len..][..len]
}

/// One image and one tap of the kernel.
struct View<'a, T> {
    op: &'a Conv2d,
    tap: [usize; 2],
    x: &'a [T],
    dy: &'a [T],
}

impl<T: Real> View<'_, T> {
    /// Adds this image's gradient to `slab`, `[I / groups, O]`.
    fn add_to(&self, slab: &mut [T]) {
        let (inputs, outputs) = (self.op.in_channels / self.op.groups, self.op.out_channels);
        let per_group = outputs / self.op.groups;
        for (input, row) in slab.chunks_mut(outputs).enumerate() {
            if inputs == 1 && per_group == 1 {
                self.blocks::<true>(row, 0, 0);
                continue;
            }
            for (group, channels) in row.chunks_mut(per_group).enumerate() {
                self.blocks::<false>(channels, group * inputs + input, group * per_group);
            }
        }
    }

    /// Adds to output channels from `output` on, in blocks that fit into registers.
    fn blocks<const DEPTHWISE: bool>(&self, sums: &mut [T], input: usize, output: usize) {
        let wide = self.fill::<16, DEPTHWISE>(sums, input, output);
        let rest = &mut sums[wide..];
        let narrow = self.fill::<4, DEPTHWISE>(rest, input, output + wide);
        self.fill::<1, DEPTHWISE>(&mut rest[narrow..], input, output + wide + narrow);
    }

    fn fill<const L: usize, const DEPTHWISE: bool>(
        &self,
        sums: &mut [T],
        input: usize,
        output: usize,
    ) -> usize {
        let (whole, _) = sums.as_chunks_mut::<L>();
        for (i, block) in whole.iter_mut().enumerate() {
            let sum = self.sum::<L, DEPTHWISE>(input, output + i * L);
            for (block, sum) in block.iter_mut().zip(sum) {
                *block += sum;
            }
        }
        whole.len() * L
    }

    /// `Σ x dy` over all pixels, for one input channel (or, depthwise, for the output's own) and
    /// `L` output channels from `output` on.
    fn sum<const L: usize, const DEPTHWISE: bool>(&self, input: usize, output: usize) -> [T; L] {
        let (rows, columns) = (self.valid(0), self.valid(1));
        let (in_width, out_width) = (self.op.input[1], self.op.output[1]);
        let mut sum = [T::zero(); L];
        for p in rows {
            let row = p * self.op.stride[0] + self.tap[0] - self.op.padding[0];
            for q in columns.clone() {
                let column = q * self.op.stride[1] + self.tap[1] - self.op.padding[1];
                let x = &self.x[(row * in_width + column) * self.op.in_channels..];
                let dy = &self.dy[(p * out_width + q) * self.op.out_channels + output..][..L];
                if DEPTHWISE {
                    for (sum, (&x, &dy)) in sum.iter_mut().zip(x[output..][..L].iter().zip(dy)) {
                        *sum += x * dy;
                    }
                } else {
                    let x = x[input];
                    for (sum, &dy) in sum.iter_mut().zip(dy) {
                        *sum += x * dy;
                    }
                }
            }
        }
        sum
    }

    /// The output positions along an axis whose tap falls inside the input.
    fn valid(&self, axis: usize) -> Range<usize> {
        let (stride, padding, tap) = (self.op.stride[axis], self.op.padding[axis], self.tap[axis]);
        let first = padding.saturating_sub(tap).div_ceil(stride);
        let end = (self.op.input[axis] + padding).saturating_sub(tap).div_ceil(stride);
        first..end.min(self.op.output[axis])
    }
}
