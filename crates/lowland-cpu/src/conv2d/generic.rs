//! Forward pass and gradient of the input for every shape: plain loops, arranged so that the
//! compiler vectorises over the channels of the target.

use lowland_core::Real;
use lowland_core::op::Conv2d;

use super::correlation::Correlation;
use crate::threads::Threads;

/// Room for the packed weights.
pub(super) fn scratch_len(op: &Conv2d) -> usize {
    op.w().len()
}

/// Computes `target`, `[N, H', W', T]`, from `source`, `[N, H, W, S]`, and the weights of the op.
pub(super) fn run<T: Real>(
    shape: &Correlation,
    threads: &Threads,
    source: &[T],
    weights: &[T],
    target: &mut [T],
    scratch: &mut [T],
) {
    if target.is_empty() {
        return;
    }
    let packed = &mut scratch[..weights.len()];
    pack(shape, threads, weights, packed);
    let packed = &*packed;
    let (rows, row_len) = (shape.rows_per_task(), shape.target_row_len());
    threads.for_each(target.chunks_mut(rows * row_len).enumerate(), |(task, chunk)| {
        for (i, row) in chunk.chunks_mut(row_len).enumerate() {
            let (image, a) =
                ((task * rows + i) / shape.target[0], (task * rows + i) % shape.target[0]);
            let source = &source[image * shape.source_image_len()..][..shape.source_image_len()];
            let view = View { shape, source, packed };
            for (b, pixel) in row.chunks_mut(shape.target_channels).enumerate() {
                view.pixel([a, b], pixel);
            }
        }
    });
}

/// Packs weights as `[kh, kw, S / groups, T]`.
fn pack<T: Real>(shape: &Correlation, threads: &Threads, weights: &[T], packed: &mut [T]) {
    if packed.is_empty() {
        return;
    }
    let (channels, kw) = (shape.source_per_group(), shape.kernel[1]);
    threads.for_each(packed.chunks_mut(shape.target_channels).enumerate(), |(row, packed)| {
        let (tap, source) = (row / channels, row % channels);
        for (target, p) in packed.iter_mut().enumerate() {
            *p = weights[shape.weight_index([tap / kw, tap % kw], source, target)];
        }
    });
}

/// One image of the source and the packed weights.
struct View<'a, T> {
    shape: &'a Correlation,
    source: &'a [T],
    packed: &'a [T],
}

impl<T: Real> View<'_, T> {
    /// All channels of the target's pixel at `at`.
    fn pixel(&self, at: [usize; 2], pixel: &mut [T]) {
        if self.shape.source_per_group() == 1 && self.shape.target_per_group() == 1 {
            return blocks(pixel, Kernel::Depthwise, self, at, 0, 0);
        }
        let per_group = self.shape.target_per_group();
        for (group, channels) in pixel.chunks_mut(per_group).enumerate() {
            blocks(channels, Kernel::Dense, self, at, group, group * per_group);
        }
    }

    /// The `L` channels from `channel` on, all in `group`.
    fn dense<const L: usize>(&self, at: [usize; 2], group: usize, channel: usize) -> [T; L] {
        let per_group = self.shape.source_per_group();
        let mut sum = [T::zero(); L];
        self.for_taps(at, |pixel, taps| {
            let pixel = &pixel[group * per_group..][..per_group];
            let rows = taps.chunks_exact(self.shape.target_channels);
            for (&x, row) in pixel.iter().zip(rows) {
                for (sum, &w) in sum.iter_mut().zip(&row[channel..channel + L]) {
                    *sum += x * w;
                }
            }
        });
        sum
    }

    /// The `L` channels from `channel` on, each of which sees only itself.
    fn depthwise<const L: usize>(&self, at: [usize; 2], channel: usize) -> [T; L] {
        let mut sum = [T::zero(); L];
        self.for_taps(at, |pixel, taps| {
            let (x, w) = (&pixel[channel..channel + L], &taps[channel..channel + L]);
            for (sum, (&x, &w)) in sum.iter_mut().zip(x.iter().zip(w)) {
                *sum += x * w;
            }
        });
        sum
    }

    /// Hands over, for every tap inside the source, the pixel there and the tap's packed weights.
    #[inline(always)]
    fn for_taps(&self, at: [usize; 2], mut sum: impl FnMut(&[T], &[T])) {
        let [kh, kw] = self.shape.kernel;
        let channels = self.shape.source_channels;
        let tap_len = self.shape.source_per_group() * self.shape.target_channels;
        for r in 0..kh {
            let Some(row) = self.shape.position(0, at[0], r) else { continue };
            for s in 0..kw {
                let Some(column) = self.shape.position(1, at[1], s) else { continue };
                let pixel = &self.source[(row * self.shape.source[1] + column) * channels..];
                sum(&pixel[..channels], &self.packed[(r * kw + s) * tap_len..][..tap_len]);
            }
        }
    }
}

#[derive(Clone, Copy)]
enum Kernel {
    Dense,
    Depthwise,
}

/// Fills `channels`, which begin at `first`, in blocks that fit into registers.
fn blocks<T: Real>(
    channels: &mut [T],
    kernel: Kernel,
    view: &View<'_, T>,
    at: [usize; 2],
    group: usize,
    first: usize,
) {
    fn fill<T: Real, const L: usize>(
        channels: &mut [T],
        kernel: Kernel,
        view: &View<'_, T>,
        at: [usize; 2],
        group: usize,
        first: usize,
    ) -> usize {
        let (whole, _) = channels.as_chunks_mut::<L>();
        for (i, block) in whole.iter_mut().enumerate() {
            *block = match kernel {
                Kernel::Dense => view.dense(at, group, first + i * L),
                Kernel::Depthwise => view.depthwise(at, first + i * L),
            };
        }
        whole.len() * L
    }
    let wide = fill::<T, 16>(channels, kernel, view, at, group, first);
    let rest = &mut channels[wide..];
    let narrow = fill::<T, 4>(rest, kernel, view, at, group, first + wide);
    fill::<T, 1>(&mut rest[narrow..], kernel, view, at, group, first + wide + narrow);
}
