//! Gradient of the weight: how the work is cut.
//!
//! Channels come in blocks whose sums stay in the second-level cache, images in groups that the first
//! one can hold. A task is one chunk of the batch and one block of input and of output channels, with
//! sums of its own.

use lowland_core::op::Conv2d;

use super::super::weight_sum::{batch_chunks, chunk_images, sum_chunks};
use super::simd::Simd;
use super::weight_tile::{Images, Sums};
use crate::threads::Threads;

/// Channels of a block, at most.
const BLOCK: usize = 64;

/// Elements of `x` and `dy`, the channels of one block counted, that a group of images has at most
/// (32 KiB, a first-level cache), unless it is a single image.
const GROUP: usize = 1 << 13;

/// How channels, and the batch, are cut.
#[derive(Clone, Copy)]
struct Cut {
    /// Channels of an input block; the last one may have fewer.
    input: usize,
    inputs: usize,
    /// Channels of an output block, whole vectors; the last one may have fewer.
    output: usize,
    outputs: usize,
    /// Chunks of the batch.
    chunks: usize,
}

impl Cut {
    fn new(op: &Conv2d, lanes: usize) -> Self {
        let blocks = |channels: usize| channels.div_ceil(BLOCK);
        let even = |channels: usize| channels.div_ceil(blocks(channels));
        let input = even(op.in_channels);
        let output = even(op.out_channels).next_multiple_of(lanes);
        let (inputs, outputs) = (op.in_channels.div_ceil(input), op.out_channels.div_ceil(output));
        Cut { input, inputs, output, outputs, chunks: batch_chunks(op, inputs * outputs) }
    }

    /// Sums of one task, `[K, input channels, K, output channels]`.
    fn task_len(&self, op: &Conv2d) -> usize {
        op.kernel[0] * self.input * op.kernel[1] * self.output
    }

    /// Sums of one chunk, `[input blocks, output blocks]` of those of a task.
    fn chunk_len(&self, op: &Conv2d) -> usize {
        self.inputs * self.outputs * self.task_len(op)
    }

    /// Where a chunk holds the sum for output channel `o`, input channel `i` and a tap.
    fn offset(&self, op: &Conv2d, o: usize, i: usize, tap: usize) -> usize {
        let [_, kw] = op.kernel;
        let task = i / self.input * self.outputs + o / self.output;
        let row = (tap / kw * self.input + i % self.input) * kw + tap % kw;
        task * self.task_len(op) + row * self.output + o % self.output
    }
}

/// Room for the sums.
pub(super) fn scratch_len(op: &Conv2d, lanes: usize) -> usize {
    let cut = Cut::new(op, lanes);
    cut.chunks * cut.chunk_len(op)
}

/// Computes `dw`, `[O, I, K, K]`, from `x`, `[N, H, W, I]`, and `dy`, `[N, H', W', O]`.
pub(super) fn run<S: Simd>(
    simd: S,
    op: &Conv2d,
    threads: &Threads,
    x: &[f32],
    dy: &[f32],
    dw: &mut [f32],
    scratch: &mut [f32],
) {
    let cut = Cut::new(op, S::LANES);
    let len = cut.chunk_len(op);
    let sums = &mut scratch[..cut.chunks * len];
    threads.for_each(sums.chunks_mut(cut.task_len(op)).enumerate(), |(task, sums)| {
        let (chunk, block) = (task / (cut.inputs * cut.outputs), task % (cut.inputs * cut.outputs));
        let (input, output) = (block / cut.outputs * cut.input, block % cut.outputs * cut.output);
        let x = Images {
            data: x,
            images: 0,
            rows: op.input[0],
            columns: op.input[1],
            channels: op.in_channels,
            first: input,
            count: cut.input.min(op.in_channels - input),
        };
        let dy = Images {
            data: dy,
            images: 0,
            rows: op.output[0],
            columns: op.output[1],
            channels: op.out_channels,
            first: output,
            count: cut.output.min(op.out_channels - output),
        };
        let images = chunk_images(op, cut.chunks, chunk);
        let floats = x.rows * x.columns * x.count + dy.rows * dy.columns * dy.count;
        let group = (GROUP / floats).max(1);
        for first in images.clone().step_by(group) {
            let count = group.min(images.end - first);
            let (x, dy) = (x.some(first, count), dy.some(first, count));
            add(simd, op, x, dy, sums, cut.output, first > images.start);
        }
    });
    sum_chunks(op, threads, sums, len, S::LANES, dw, |o, i, tap| cut.offset(op, o, i, tap));
}

/// Calls the kernel for this shape.
fn add<S: Simd>(
    simd: S,
    op: &Conv2d,
    x: Images<'_>,
    dy: Images<'_>,
    dw: &mut [f32],
    width: usize,
    accumulate: bool,
) {
    match (op.kernel[0], op.stride[0]) {
        (3, 1) => simd.run(Sums::<3, 1> { x, dy, dw, width, accumulate }),
        (3, 2) => simd.run(Sums::<3, 2> { x, dy, dw, width, accumulate }),
        (1, 1) => simd.run(Sums::<1, 1> { x, dy, dw, width, accumulate }),
        (1, 2) => simd.run(Sums::<1, 2> { x, dy, dw, width, accumulate }),
        other => unreachable!("no direct kernel for {other:?}"),
    }
}
