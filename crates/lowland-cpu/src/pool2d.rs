//! Averages and maxima over windows.

use std::ops::Range;

use lowland_core::Result;
use lowland_core::op::{Pool2d, PoolKind};

use crate::CHUNK;
use crate::columns::{Fold, Max, Sum};
use crate::cpu::unsupported;
use crate::scalar::Scalar;
use crate::threads::Threads;

/// Channels whose maxima are looked for at a time.
const GROUP: usize = 64;

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
    let rows = (CHUNK / row.saturating_mul(window(op)).max(1)).max(1);
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

/// The inputs are those of the kind: `dy`, after `x` for a maximum.
///
/// # Errors
/// As [`forward`].
pub(crate) fn grad<T: Scalar>(
    op: &Pool2d,
    threads: &Threads,
    inputs: &[&[T]],
    dx: &mut [T],
) -> Result<()> {
    match (op.kind, inputs) {
        (PoolKind::Average, [dy]) => {
            by_image(op, threads, dy, dx, |_, dy, dx| average_grad(op, dy, dx));
        }
        (PoolKind::Max, [x, dy]) => {
            let image = op.input[0] * op.input[1] * op.channels;
            by_image(op, threads, dy, dx, |n, dy, dx| {
                max_grad(op, &x[n * image..][..image], dy, dx);
            });
        }
        (kind, _) => return Err(unsupported(kind.grad_name(), T::DTYPE)),
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
    for (out, dy) in dy.chunks(channels).enumerate() {
        let (out_row, out_column) = (out / op.output[1], out % op.output[1]);
        let (rows, columns) = (inside(op, 0, out_row), inside(op, 1, out_column));
        if rows.is_empty() || columns.is_empty() {
            continue;
        }
        for (group, dy) in dy.chunks(GROUP).enumerate() {
            let group = group * GROUP;
            let of_pixel = |pixel: usize| &x[pixel * channels + group..][..dy.len()];
            // Of each channel, the maximum so far and the pixel that first had it.
            let start = rows.start * width + columns.start;
            let (mut best, mut place) = ([T::zero(); GROUP], [start; GROUP]);
            best[..dy.len()].copy_from_slice(of_pixel(start));
            for r in rows.clone() {
                for pixel in r * width + columns.start..r * width + columns.end {
                    for ((best, place), &x) in best.iter_mut().zip(&mut place).zip(of_pixel(pixel))
                    {
                        let better = (x > *best) | (x.is_nan() & !best.is_nan());
                        *best = if better { x } else { *best };
                        *place = if better { pixel } else { *place };
                    }
                }
            }
            for (channel, (&pixel, &dy)) in place.iter().zip(dy).enumerate() {
                dx[pixel * channels + group + channel] += dy;
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
        assert_gives(Op::Pool2dGrad(plain), &[&[4.0, 8.0]], &[&dx]);
        let padded = op(PoolKind::Average, [2, 2], 2, 1, 1);
        let y = [0.25, 0.75, 0.5, 1.0, 2.5, 1.5, 0.75, 1.75, 1.0];
        assert_gives(Op::Pool2d(padded), &[&[1.0, 2.0, 3.0, 4.0]], &[&y]);
        assert_gives(Op::Pool2dGrad(padded), &[&[1.0; 9]], &[&[1.0; 4]]);
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
    fn channels_beyond_a_group_have_maxima_of_their_own() {
        let channels = GROUP + 6;
        let x = Shape::from([1, 1, 3, channels]);
        let op = Pool2d::new(PoolKind::Max, x, [1, 3], [1, 3], [0, 0]).unwrap();
        let x: Vec<f64> = (0..3 * channels).map(|i| ((i * 37) % 101) as f64).collect();
        let at = |pixel: usize, c: usize| x[pixel * channels + c];
        let dy: Vec<f64> = (0..channels).map(|c| c as f64 + 1.0).collect();
        let mut dx = vec![0.0; x.len()];
        for c in 0..channels {
            let largest = (0..3).fold(0, |best, p| if at(p, c) > at(best, c) { p } else { best });
            dx[largest * channels + c] = dy[c];
        }
        assert_gives(Op::Pool2dGrad(op), &[&x, &dy], &[&dx]);
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
