//! Averages and maxima over windows.

use std::ops::Range;

use lowland_core::Result;
use lowland_core::op::{Pool2d, PoolKind};

use crate::CHUNK;
use crate::columns::{Fold, Max, Sum};
use crate::cpu::unsupported;
use crate::scalar::Scalar;
use crate::threads::Threads;

/// Whether this kind can be computed.
pub(crate) fn supports(kind: PoolKind) -> bool {
    matches!(kind, PoolKind::Average | PoolKind::Max)
}

/// # Errors
/// [`Error::Unsupported`](lowland_core::Error::Unsupported).
pub(crate) fn forward<T: Scalar>(
    op: &Pool2d,
    threads: &Threads,
    x: &[T],
    y: &mut [T],
) -> Result<()> {
    match op.kind {
        PoolKind::Average => {
            let factor = T::of(1.0 / window(op) as f64);
            windows::<Sum, T>(op, threads, x, y, factor);
        }
        PoolKind::Max => windows::<Max, T>(op, threads, x, y, T::one()),
        kind => return Err(unsupported(kind.name(), T::DTYPE)),
    }
    Ok(())
}

/// Pixels of a window, padding counted.
fn window(op: &Pool2d) -> usize {
    op.kernel[0] * op.kernel[1]
}

/// The part of a window that lies inside the image, on one axis.
fn inside(op: &Pool2d, axis: usize, out: usize) -> Range<usize> {
    let start = out * op.stride[axis];
    let clip = |at: usize| at.saturating_sub(op.padding[axis]).min(op.input[axis]);
    clip(start)..clip(start + op.kernel[axis])
}

fn windows<F: Fold, T: Scalar>(op: &Pool2d, threads: &Threads, x: &[T], y: &mut [T], factor: T) {
    let ([height, width], channels) = (op.input, op.channels);
    let row = op.output[1] * channels;
    if y.is_empty() {
        return;
    }
    let rows = (CHUNK / (row * window(op)).max(1)).max(1);
    threads.for_each(y.chunks_mut(rows * row).enumerate(), |(task, y)| {
        for (k, y) in y.chunks_mut(row).enumerate() {
            let (image, out_row) =
                ((task * rows + k) / op.output[0], (task * rows + k) % op.output[0]);
            let x = &x[image * height * width * channels..][..height * width * channels];
            for (out_column, y) in y.chunks_mut(channels).enumerate() {
                y.fill(T::of(F::START));
                for r in inside(op, 0, out_row) {
                    for s in inside(op, 1, out_column) {
                        let pixel = &x[(r * width + s) * channels..][..channels];
                        y.iter_mut().zip(pixel).for_each(|(y, &x)| *y = F::fold(*y, x));
                    }
                }
                y.iter_mut().for_each(|y| *y *= factor);
            }
        }
    });
}

/// # Errors
/// As [`forward`].
pub(crate) fn grad<T: Scalar>(
    op: &Pool2d,
    threads: &Threads,
    x: &[T],
    dy: &[T],
    dx: &mut [T],
) -> Result<()> {
    match op.kind {
        PoolKind::Average => {
            by_image(op, threads, dy, dx, |_, dy, dx| average_grad(op, dy, dx));
        }
        PoolKind::Max => {
            let image = op.input[0] * op.input[1] * op.channels;
            by_image(op, threads, dy, dx, |n, dy, dx| {
                max_grad(op, &x[n * image..][..image], dy, dx);
            });
        }
        kind => return Err(unsupported(kind.name(), T::DTYPE)),
    }
    Ok(())
}

/// Calls `grad` with each image's number, its part of `dy`, and its part of `dx`, all zeros.
fn by_image<T: Scalar>(
    op: &Pool2d,
    threads: &Threads,
    dy: &[T],
    dx: &mut [T],
    grad: impl Fn(usize, &[T], &mut [T]) + Sync,
) {
    let image = op.input[0] * op.input[1] * op.channels;
    let out_image = op.output[0] * op.output[1] * op.channels;
    if dx.is_empty() {
        return;
    }
    threads.for_each(dx.chunks_mut(image).enumerate(), |(n, dx)| {
        let dy = &dy[n * out_image..][..out_image];
        dx.fill(T::zero());
        grad(n, dy, dx);
    });
}

fn average_grad<T: Scalar>(op: &Pool2d, dy: &[T], dx: &mut [T]) {
    let (width, channels) = (op.input[1], op.channels);
    let factor = T::of(1.0 / window(op) as f64);
    for (out, dy) in dy.chunks(channels).enumerate() {
        let (out_row, out_column) = (out / op.output[1], out % op.output[1]);
        for r in inside(op, 0, out_row) {
            for s in inside(op, 1, out_column) {
                let pixel = &mut dx[(r * width + s) * channels..][..channels];
                pixel.iter_mut().zip(dy).for_each(|(dx, &dy)| *dx += factor * dy);
            }
        }
    }
}

fn max_grad<T: Scalar>(op: &Pool2d, x: &[T], dy: &[T], dx: &mut [T]) {
    let (width, channels) = (op.input[1], op.channels);
    // Of each channel, the maximum so far and the pixel that first had it.
    let (mut best, mut place) = (vec![T::zero(); channels], vec![0; channels]);
    for (out, dy) in dy.chunks(channels).enumerate() {
        let (out_row, out_column) = (out / op.output[1], out % op.output[1]);
        let columns = inside(op, 1, out_column);
        let pixels = inside(op, 0, out_row)
            .flat_map(|r| r * width + columns.start..r * width + columns.end)
            .map(|pixel| (pixel, &x[pixel * channels..][..channels]));
        let mut first = true;
        for (pixel, x) in pixels {
            if first {
                best.copy_from_slice(x);
                place.fill(pixel);
            }
            for ((best, place), &x) in best.iter_mut().zip(&mut place).zip(x) {
                let better = (x > *best) | (x.is_nan() & !best.is_nan());
                *best = if better { x } else { *best };
                *place = if better { pixel } else { *place };
            }
            first = false;
        }
        if !first {
            for (channel, (&pixel, &dy)) in place.iter().zip(dy).enumerate() {
                dx[pixel * channels + channel] += dy;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use lowland_core::{Op, Shape};

    use super::*;
    use crate::testing::assert_gives;

    fn op(
        kind: PoolKind,
        image: [usize; 2],
        kernel: usize,
        stride: usize,
        padding: usize,
    ) -> Pool2d {
        let x = Shape::from([1, image[0], image[1], 1]);
        Pool2d::new(kind, x, [kernel; 2], [stride; 2], [padding; 2]).unwrap()
    }

    #[test]
    fn windows_are_averaged_with_their_padding() {
        let x = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0];
        let plain = op(PoolKind::Average, [2, 4], 2, 2, 0);
        assert_gives(Op::Pool2d(plain), &[&x], &[&[3.5, 5.5]]);
        let dx = [1.0, 1.0, 2.0, 2.0, 1.0, 1.0, 2.0, 2.0];
        assert_gives(Op::Pool2dGrad(plain), &[&x, &[4.0, 8.0]], &[&dx]);
        let padded = op(PoolKind::Average, [2, 2], 2, 1, 1);
        let y = [0.25, 0.75, 0.5, 1.0, 2.5, 1.5, 0.75, 1.75, 1.0];
        assert_gives(Op::Pool2d(padded), &[&[1.0, 2.0, 3.0, 4.0]], &[&y]);
        assert_gives(Op::Pool2dGrad(padded), &[&[0.0; 4], &[1.0; 9]], &[&[1.0; 4]]);
    }

    #[test]
    fn maxima_ignore_padding_and_their_gradient_goes_to_the_first() {
        let x = [-1.0, -1.0, -3.0, -2.0];
        let padded = op(PoolKind::Max, [2, 2], 2, 1, 1);
        let y = [-1.0, -1.0, -1.0, -1.0, -1.0, -1.0, -3.0, -2.0, -2.0];
        assert_gives(Op::Pool2d(padded), &[&x], &[&y]);
        let dy = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];
        // The second pixel has windows 2 and 5 for itself.
        let dx = [1.0 + 2.0 + 8.0 + 16.0, 4.0 + 32.0, 64.0, 128.0 + 256.0];
        assert_gives(Op::Pool2dGrad(padded), &[&x, &dy], &[&dx]);
        let whole = op(PoolKind::Max, [2, 2], 2, 1, 0);
        let nan = f64::NAN;
        assert_gives(Op::Pool2d(whole), &[&[1.0, nan, nan, 5.0]], &[&[nan]]);
        let inputs: [&[f64]; 2] = [&[1.0, nan, nan, 5.0], &[3.0]];
        assert_gives(Op::Pool2dGrad(whole), &inputs, &[&[0.0, 3.0, 0.0, 0.0]]);
        assert!(PoolKind::ALL.into_iter().all(supports));
    }

    #[test]
    fn channels_and_images_stay_apart() {
        let x = Shape::from([2, 2, 2, 2]);
        let op = Pool2d::new(PoolKind::Max, x, [2, 2], [2, 2], [0, 0]).unwrap();
        let x: Vec<f64> = (0..16).map(|i| f64::from((i * 5) % 16)).collect();
        // Images: 0 5 10 15 4 9 14 3, then 8 13 2 7 12 1 6 11.
        assert_gives(Op::Pool2d(op), &[&x], &[&[14.0, 15.0, 12.0, 13.0]]);
        let empty = Shape::from([0, 2, 2, 2]);
        let nothing = Pool2d::new(PoolKind::Max, empty, [2, 2], [2, 2], [0, 0]).unwrap();
        assert_gives(Op::Pool2d(nothing), &[&[]], &[&[]]);
        assert_gives(Op::Pool2dGrad(nothing), &[&[], &[]], &[&[]]);
    }
}
