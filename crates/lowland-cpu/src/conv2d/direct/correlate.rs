//! Forward pass and gradient of the input: how weights are packed, and how the work is cut.
//!
//! Target channels come in blocks of up to four vectors, source channels in blocks whose weights
//! stay in the second-level cache; sums over several blocks of source channels meet in the target.

use super::super::correlation::Correlation;
use super::simd::Simd;
use super::tile::{Image, Rows};
use crate::statistics::of_block;
use crate::threads::Threads;

/// Source channels of a block, at most.
const SOURCE_BLOCK: usize = 64;

/// Weights beyond this (256 KiB) are shared by several images at a time.
const MANY_WEIGHTS: usize = 1 << 16;

/// How channels are cut into blocks.
#[derive(Clone, Copy)]
struct Blocks {
    /// Vectors of a target block.
    vectors: usize,
    /// Channels of a target block; the last one may have fewer.
    target: usize,
    targets: usize,
    /// Channels of a source block; the last one may have fewer.
    source: usize,
    sources: usize,
}

impl Blocks {
    fn new(shape: &Correlation, lanes: usize) -> Self {
        let all = shape.target_channels.div_ceil(lanes);
        let most = if lanes == 16 && shape.dilation == [1, 1] { 4 } else { 2 };
        let vectors = [4, 2, 1].into_iter().find(|&v| v <= most && all.is_multiple_of(v));
        let vectors = vectors.unwrap_or(1);
        let source = shape.source_channels.div_ceil(shape.source_channels.div_ceil(SOURCE_BLOCK));
        Blocks {
            vectors,
            target: vectors * lanes,
            targets: all / vectors,
            source,
            sources: shape.source_channels.div_ceil(source),
        }
    }

    /// Packed weights of one block of each kind and one vertical tap,
    /// `[source channels, K, target channels]`.
    fn slab_len(&self, shape: &Correlation) -> usize {
        self.source * shape.kernel[1] * self.target
    }

    fn packed_len(&self, shape: &Correlation) -> usize {
        self.targets * self.sources * shape.kernel[0] * self.slab_len(shape)
    }

    /// Rows of the target that make one task: an image's, or more where there are many weights,
    /// which every task loads anew.
    fn rows_per_task(&self, shape: &Correlation) -> usize {
        let (rows, images) = (shape.target[0], shape.images);
        if self.packed_len(shape) < MANY_WEIGHTS {
            shape.rows_per_task()
        } else if images < 16 {
            (rows * images).div_ceil(8)
        } else {
            rows * (images / 16).min(8)
        }
    }
}

/// Room for the packed weights.
pub(super) fn scratch_len(shape: &Correlation, lanes: usize) -> usize {
    Blocks::new(shape, lanes).packed_len(shape)
}

/// Elements of the target that one task computes; the last one may have fewer.
pub(super) fn task_len(shape: &Correlation, lanes: usize) -> usize {
    Blocks::new(shape, lanes).rows_per_task(shape) * shape.target_row_len()
}

/// Computes `target`, `[N, H', W', T]`, from `source`, `[N, H, W, S]`, and the weights of the op, and
/// [`of_block`] of what each task computed in `partial`, if that is not empty.
pub(super) fn run<S: Simd>(
    simd: S,
    shape: &Correlation,
    threads: &Threads,
    source: &[f32],
    weights: &[f32],
    target: &mut [f32],
    scratch: &mut [f32],
    partial: &mut [f64],
) {
    let job = Job { simd, shape, blocks: Blocks::new(shape, S::LANES), source };
    job.run(threads, weights, target, scratch, partial);
}

struct Job<'a, S> {
    simd: S,
    shape: &'a Correlation,
    blocks: Blocks,
    source: &'a [f32],
}

impl<S: Simd> Job<'_, S> {
    fn run(
        &self,
        threads: &Threads,
        weights: &[f32],
        target: &mut [f32],
        scratch: &mut [f32],
        partial: &mut [f64],
    ) {
        let packed = &mut scratch[..self.blocks.packed_len(self.shape)];
        self.pack(threads, weights, packed);
        let packed = &*packed;
        let rows = self.blocks.rows_per_task(self.shape);
        let channels = self.shape.target_channels;
        // Without statistics, the partial results of each task are as many numbers: none.
        let each = if partial.is_empty() { 0 } else { 2 * channels };
        let mut rest = partial;
        let partial = std::iter::from_fn(|| {
            let (first, behind) = std::mem::take(&mut rest).split_at_mut(each);
            rest = behind;
            Some(first)
        });
        let chunks = target.chunks_mut(rows * self.shape.target_row_len());
        threads.for_each(chunks.zip(partial).enumerate(), |(task, (chunk, partial))| {
            for block in 0..self.blocks.targets {
                for sources in 0..self.blocks.sources {
                    self.images(task * rows, packed, [block, sources], chunk);
                }
            }
            if !partial.is_empty() {
                of_block(S::ISA, channels, chunk, partial);
            }
        });
    }

    /// Packs weights as `[target blocks, source blocks, K, source channels, K, target channels]`,
    /// zeros where a block has fewer channels.
    fn pack(&self, threads: &Threads, weights: &[f32], packed: &mut [f32]) {
        let (shape, blocks) = (self.shape, &self.blocks);
        let [kh, kw] = shape.kernel;
        let slabs = packed.chunks_mut(blocks.slab_len(shape));
        threads.for_each(slabs.enumerate(), |(task, slab)| {
            let (r, block) = (task % kh, task / kh);
            let (first_target, first_source) =
                (block / blocks.sources * blocks.target, block % blocks.sources * blocks.source);
            let targets = blocks.target.min(shape.target_channels - first_target);
            let sources = blocks.source.min(shape.source_channels - first_source);
            if targets < blocks.target || sources < blocks.source {
                slab.fill(0.0);
            }
            for t in 0..targets {
                for c in 0..sources {
                    for s in 0..kw {
                        let from = shape.weight_index([r, s], first_source + c, first_target + t);
                        slab[(c * kw + s) * blocks.target + t] = weights[from];
                    }
                }
            }
        });
    }

    /// Computes, or adds to, one block of target channels in `chunk`: whole rows of one image
    /// after another, of which `first_row` is the first.
    fn images(
        &self,
        first_row: usize,
        packed: &[f32],
        [block, sources]: [usize; 2],
        chunk: &mut [f32],
    ) {
        let (shape, blocks) = (self.shape, &self.blocks);
        let len = shape.kernel[0] * blocks.slab_len(shape);
        let weights = &packed[(block * blocks.sources + sources) * len..][..len];
        let rows = shape.target[0];
        let mut row = first_row;
        let mut rest = chunk;
        while !rest.is_empty() {
            let (image, first_row) = (row / rows, row % rows);
            let count = (rows - first_row).min(rest.len() / shape.target_row_len());
            let (target, after) = rest.split_at_mut(count * shape.target_row_len());
            let source =
                &self.source[image * shape.source_image_len()..][..shape.source_image_len()];
            let (source_first, target_first) = (sources * blocks.source, block * blocks.target);
            let source = Image {
                data: source,
                rows: shape.source[0],
                columns: shape.source[1],
                channels: shape.source_channels,
                first: source_first,
                count: blocks.source.min(shape.source_channels - source_first),
            };
            let target = Image {
                data: target,
                rows: count,
                columns: shape.target[1],
                channels: shape.target_channels,
                first: target_first,
                count: blocks.target.min(shape.target_channels - target_first),
            };
            self.rows(source, weights, target, first_row, sources > 0);
            row += count;
            rest = after;
        }
    }

    /// Calls the kernel for this shape.
    fn rows(
        &self,
        source: Image<&[f32]>,
        weights: &[f32],
        target: Image<&mut [f32]>,
        first_row: usize,
        accumulate: bool,
    ) {
        let shape = self.shape;
        macro_rules! call {
            ($k:literal, $step:literal, $dilation:literal, $v:literal) => {
                self.simd.run(Rows::<$k, $step, $dilation, $v> {
                    source,
                    weights,
                    target,
                    first_row,
                    accumulate,
                })
            };
        }
        macro_rules! by_vectors {
            ($k:literal, $step:literal, $dilation:literal) => {
                match self.blocks.vectors {
                    1 => call!($k, $step, $dilation, 1),
                    2 => call!($k, $step, $dilation, 2),
                    4 if S::REGISTERS > 16 && $dilation == 1 => {
                        call!($k, $step, $dilation, 4)
                    }
                    other => unreachable!("blocks of {other} vectors"),
                }
            };
        }
        match (shape.kernel[0], shape.step[0], shape.dilation[0]) {
            (3, 1, 1) => by_vectors!(3, 1, 1),
            (3, 2, 1) => by_vectors!(3, 2, 1),
            (3, 1, 2) => by_vectors!(3, 1, 2),
            (1, 1, 1) => by_vectors!(1, 1, 1),
            (1, 2, 1) => by_vectors!(1, 2, 1),
            (1, 1, 2) => by_vectors!(1, 1, 2),
            other => unreachable!("no direct kernel for {other:?}"),
        }
    }
}
