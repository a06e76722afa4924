//! Batch normalisation, by the batch's statistics and by given ones.

use lowland_core::Result;
use lowland_core::op::BatchNorm;

use crate::CHUNK;
use crate::columns::{Rows, Sum, fold_columns};
use crate::context::Context;
use crate::conv2d::Isa;
use crate::pool::Scratch;
use crate::scalar::Scalar;
use crate::simd::{self, Kernel};

/// Elements that statistics are taken of at a time; as they are read twice, they should stay in the
/// first-level cache.
const BLOCK: usize = 4 * 1024;

/// Rows that statistics are taken of at a time, at least, so that there are few partial results.
const MIN_BLOCK_ROWS: usize = 64;

/// Channels of a block that statistics are taken of at a time: some tiles of [`fold_columns`].
const GROUP: usize = 64;

/// Elements, about, in a row of repeated per-channel factors.
const REPEATED: usize = 256;

/// # Errors
/// [`Error::OutOfMemory`](lowland_core::Error::OutOfMemory) for partial results.
pub(crate) fn training<T: Scalar>(
    op: &BatchNorm,
    context: Context<'_>,
    x: &[T],
    [weight, bias]: [&[T]; 2],
    y: &mut [T],
    [mean, var]: [&mut [T]; 2],
) -> Result<()> {
    let statistics = statistics(op, context, x)?;
    let affine = |channel: usize| {
        let [mean, var] = [statistics[channel], statistics[op.channels + channel]];
        affine(op, mean, var, weight[channel], bias[channel])
    };
    normalise(op, context, x, affine, y)?;
    for (channel, (mean, var)) in mean.iter_mut().zip(var).enumerate() {
        *mean = T::of(statistics[channel]);
        *var = T::of(statistics[op.channels + channel]);
    }
    Ok(())
}

/// # Errors
/// As [`training`].
pub(crate) fn inference<T: Scalar>(
    op: &BatchNorm,
    context: Context<'_>,
    x: &[T],
    [weight, bias, mean, var]: [&[T]; 4],
    y: &mut [T],
) -> Result<()> {
    let affine = |c: usize| affine(op, mean[c].f64(), var[c].f64(), weight[c], bias[c]);
    normalise(op, context, x, affine, y)
}

/// # Errors
/// As [`training`].
pub(crate) fn training_grad<T: Scalar>(
    op: &BatchNorm,
    context: Context<'_>,
    [x, dy]: [&[T]; 2],
    [weight, mean, var]: [&[T]; 3],
    dx: &mut [T],
    [dweight, dbias]: [&mut [T]; 2],
) -> Result<()> {
    let sums = grad_sums(op, context, [x, dy], mean)?;
    let rows = op.rows as f64;
    // dx = w / s (dy - mean(dy) - (x - mean) / s^2 mean(dy (x - mean)))
    let factors = |c: usize| {
        let inverse = inverse_deviation(op, var[c].f64());
        let scale = weight[c].f64() * inverse;
        let [of_bias, of_weight] = [sums[c], sums[op.channels + c]].map(|sum| sum / rows);
        [mean[c].f64(), scale, -scale * inverse * inverse * of_weight, -scale * of_bias].map(T::of)
    };
    channel_wise(op, context, [x, dy], factors, dx, |[mean, scale, slope, shift], [x, dy]| {
        scale * dy + slope * (x - mean) + shift
    })?;
    weight_and_bias(op, &sums, var, dweight, dbias);
    Ok(())
}

/// # Errors
/// As [`training`].
pub(crate) fn inference_grad<T: Scalar>(
    op: &BatchNorm,
    context: Context<'_>,
    [x, dy]: [&[T]; 2],
    [weight, mean, var]: [&[T]; 3],
    dx: &mut [T],
    [dweight, dbias]: [&mut [T]; 2],
) -> Result<()> {
    let sums = grad_sums(op, context, [x, dy], mean)?;
    let scale = |c: usize| [T::of(weight[c].f64() * inverse_deviation(op, var[c].f64()))];
    channel_wise(op, context, [dy], scale, dx, |[scale], [dy]| scale * dy)?;
    weight_and_bias(op, &sums, var, dweight, dbias);
    Ok(())
}

fn inverse_deviation(op: &BatchNorm, var: f64) -> f64 {
    (var + op.eps).sqrt().recip()
}

/// `y = (x - mean) scale + shift`, as `[mean, scale, shift]`. What rounding takes off the mean goes
/// into the shift.
fn affine<T: Scalar>(op: &BatchNorm, mean: f64, var: f64, weight: T, bias: T) -> [T; 3] {
    let scale = weight.f64() * inverse_deviation(op, var);
    let rounded = T::of(mean);
    [rounded, T::of(scale), T::of(bias.f64() - (mean - rounded.f64()) * scale)]
}

fn normalise<T: Scalar>(
    op: &BatchNorm,
    context: Context<'_>,
    x: &[T],
    affine: impl Fn(usize) -> [T; 3],
    y: &mut [T],
) -> Result<()> {
    channel_wise(op, context, [x], affine, y, |[mean, scale, shift], [x]| {
        (x - mean) * scale + shift
    })
}

/// `y = f(factors of the channel, elements of xs)`, element by element.
fn channel_wise<T: Scalar, const F: usize, const IN: usize>(
    op: &BatchNorm,
    context: Context<'_>,
    xs: [&[T]; IN],
    factors: impl Fn(usize) -> [T; F],
    y: &mut [T],
    f: impl Fn([T; F], [T; IN]) -> T + Copy + Sync,
) -> Result<()> {
    if y.is_empty() {
        return Ok(());
    }
    // Factors are repeated, so that the inner loop is long however few the channels.
    let repeats = (REPEATED / op.channels).max(1);
    let width = repeats * op.channels;
    let mut table = context.pool.scratch::<T>(F * width)?;
    for channel in 0..op.channels {
        for (row, factor) in table.chunks_mut(width).zip(factors(channel)) {
            row[channel..].iter_mut().step_by(op.channels).for_each(|entry| *entry = factor);
        }
    }
    let table: [&[T]; F] = std::array::from_fn(|row| &table[row * width..][..width]);
    let chunk = (CHUNK / width).max(1) * width;
    context.threads.for_each(y.chunks_mut(chunk).enumerate(), |(i, y)| {
        let xs = xs.map(|x| &x[i * chunk..][..y.len()]);
        simd::run(context.isa, ChannelWise { width, table, xs, y, f });
    });
    Ok(())
}

/// Some rows of [`channel_wise`], `width` elements at a time.
struct ChannelWise<'a, T, const F: usize, const IN: usize, Function> {
    width: usize,
    table: [&'a [T]; F],
    xs: [&'a [T]; IN],
    y: &'a mut [T],
    f: Function,
}

impl<T, const F: usize, const IN: usize, Function> Kernel for ChannelWise<'_, T, F, IN, Function>
where
    T: Scalar,
    Function: Fn([T; F], [T; IN]) -> T + Copy,
{
    #[inline(always)]
    fn run(self) {
        for (k, y) in self.y.chunks_mut(self.width).enumerate() {
            let len = y.len();
            let xs = self.xs.map(|x| &x[k * self.width..][..len]);
            let table = self.table.map(|row| &row[..len]);
            for (j, y) in y.iter_mut().enumerate() {
                *y = (self.f)(table.map(|row| row[j]), xs.map(|x| x[j]));
            }
        }
    }
}

/// The blocks of rows that partial results are taken of: the number of rows in each.
fn block_rows(op: &BatchNorm) -> usize {
    (BLOCK / op.channels.max(1)).max(MIN_BLOCK_ROWS)
}

/// The means of all channels, then their biased variances.
fn statistics<'p, T: Scalar>(
    op: &BatchNorm,
    context: Context<'p>,
    x: &[T],
) -> Result<Scratch<'p, f64>> {
    let &BatchNorm { rows, channels, .. } = op;
    let mut total = context.pool.scratch::<f64>(2 * channels)?;
    if channels == 0 {
        return Ok(total);
    }
    let block = block_rows(op);
    // Of each block: the sum of each channel, then the squared deviations from the block's mean.
    let mut partial = context.pool.scratch::<f64>(rows.div_ceil(block) * 2 * channels)?;
    let blocks = partial.chunks_mut(2 * channels).zip(x.chunks(block * channels));
    context
        .threads
        .for_each(blocks, |(partial, x)| block_statistics(context.isa, channels, x, partial));
    let blocks = || partial.chunks(2 * channels).zip(x.chunks(block * channels));
    let (mean, var) = total.split_at_mut(channels);
    mean.fill(0.0);
    for (partial, _) in blocks() {
        mean.iter_mut().zip(partial).for_each(|(mean, sum)| *mean += sum);
    }
    mean.iter_mut().for_each(|mean| *mean /= rows as f64);
    var.fill(0.0);
    for (partial, x) in blocks() {
        let count = (x.len() / channels) as f64;
        let (sums, squares) = partial.split_at(channels);
        for ((var, mean), (sum, square)) in var.iter_mut().zip(&*mean).zip(sums.iter().zip(squares))
        {
            let off = sum / count - mean;
            *var += square + count * off * off;
        }
    }
    var.iter_mut().for_each(|var| *var /= rows as f64);
    Ok(total)
}

/// The sum of each channel, then its squared deviations from its mean.
fn block_statistics<T: Scalar>(isa: Isa, channels: usize, x: &[T], out: &mut [f64]) {
    let rows = x.len() / channels;
    let count = rows as f64;
    let (sums, squares) = out.split_at_mut(channels);
    let groups = sums.chunks_mut(GROUP).zip(squares.chunks_mut(GROUP)).enumerate();
    for (group, (sums, squares)) in groups {
        let block = Rows { rows, columns: sums.len(), stride: channels };
        let x = &x[group * GROUP..];
        let mut means = [T::zero(); GROUP];
        fold_columns(isa, Sum, block, [x], &[], |_, x| x, |c, [sum]| means[c] = T::of(sum / count));
        // The mean is rounded; what is left of the deviations' sum corrects it.
        let term = |mean, [x]: [T; 1]| [x - mean, (x - mean) * (x - mean)];
        fold_columns(isa, Sum, block, [x], &means, term, |c, [off, square]| {
            sums[c] = means[c].f64() * count + off;
            squares[c] = (square - off * off / count).max(0.0);
        });
    }
}

/// The sums of `dy` of all channels, then those of `dy (x - mean)`.
fn grad_sums<'p, T: Scalar>(
    op: &BatchNorm,
    context: Context<'p>,
    [x, dy]: [&[T]; 2],
    mean: &[T],
) -> Result<Scratch<'p, f64>> {
    let &BatchNorm { rows, channels, .. } = op;
    let mut total = context.pool.scratch::<f64>(2 * channels)?;
    total.fill(0.0);
    if channels == 0 {
        return Ok(total);
    }
    let block = block_rows(op);
    let mut partial = context.pool.scratch::<f64>(rows.div_ceil(block) * 2 * channels)?;
    let chunk = block * channels;
    let blocks = partial.chunks_mut(2 * channels).zip(x.chunks(chunk).zip(dy.chunks(chunk)));
    context.threads.for_each(blocks, |(partial, (x, dy))| {
        let block = Rows { rows: x.len() / channels, columns: channels, stride: channels };
        let term = |mean, [x, dy]: [T; 2]| [dy, dy * (x - mean)];
        fold_columns(context.isa, Sum, block, [x, dy], mean, term, |c, [of_bias, of_weight]| {
            (partial[c], partial[channels + c]) = (of_bias, of_weight);
        });
    });
    for partial in partial.chunks(2 * channels) {
        total.iter_mut().zip(partial).for_each(|(total, sum)| *total += sum);
    }
    Ok(total)
}

fn weight_and_bias<T: Scalar>(
    op: &BatchNorm,
    sums: &[f64],
    var: &[T],
    dweight: &mut [T],
    dbias: &mut [T],
) {
    for (c, (dweight, dbias)) in dweight.iter_mut().zip(dbias).enumerate() {
        *dbias = T::of(sums[c]);
        *dweight = T::of(sums[op.channels + c] * inverse_deviation(op, var[c].f64()));
    }
}

#[cfg(test)]
mod tests {
    use lowland_core::Op;

    use super::*;
    use crate::testing::assert_gives;

    const EPS: f64 = 1e-5;

    #[test]
    fn a_batch_is_normalised_by_its_own_statistics() {
        let op = BatchNorm::training(3, 2, EPS).unwrap();
        let x = [1.0, 10.0, 2.0, 20.0, 6.0, 60.0];
        let (mean, var) = ([3.0, 30.0], [14.0 / 3.0, 1400.0 / 3.0]);
        let (weight, bias) = ([2.0, -1.0], [0.5, 7.0]);
        let value = |i: usize| {
            let c = i % 2;
            (x[i] - mean[c]) / (var[c] + EPS).sqrt() * weight[c] + bias[c]
        };
        let y: Vec<f64> = (0..6).map(value).collect();
        assert_gives(Op::BatchNorm(op), &[&x, &weight, &bias], &[&y, &mean, &var]);
        let given: [&[f64]; 5] = [&x, &weight, &bias, &mean, &var];
        assert_gives(Op::BatchNormInference(op), &given, &[&y]);
    }

    #[test]
    fn gradients_with_and_without_those_of_the_statistics() {
        let op = BatchNorm::training(2, 1, 1.0).unwrap();
        // Deviations are -1 and 1, var + eps is 2.
        let s = 0.5f64.sqrt();
        let inputs: [&[f64]; 5] = [&[4.0, 6.0], &[3.0], &[5.0], &[1.0], &[1.0, 5.0]];
        let (dweight, dbias) = ([4.0 * s], [6.0]);
        // dx = 3 s (dy - 3 - d / 2 * 2)
        let dx = [3.0 * s * (1.0 - 3.0 + 1.0), 3.0 * s * (5.0 - 3.0 - 1.0)];
        assert_gives(Op::BatchNormGrad(op), &inputs, &[&dx, &dweight, &dbias]);
        let dx = [3.0 * s, 15.0 * s];
        assert_gives(Op::BatchNormInferenceGrad(op), &inputs, &[&dx, &dweight, &dbias]);
    }

    #[test]
    fn a_large_mean_does_no_harm() {
        for channels in [1, 3, 16, 40] {
            let rows = 2 * (BLOCK / channels) + 37;
            let op = BatchNorm::training(rows, channels, EPS).unwrap();
            // Exact in f32: multiples of 1/64 about 4096.
            let off = |i: usize| ((i * 7919) % 129) as f64 / 64.0 - 1.0;
            let x: Vec<f64> = (0..rows * channels).map(|i| 4096.0 + off(i)).collect();
            let mut want = [vec![0.0; rows * channels], vec![0.0; channels], vec![0.0; channels]];
            for c in 0..channels {
                let column = || (0..rows).map(|row| off(row * channels + c));
                let mean = column().sum::<f64>() / rows as f64;
                let var = column().map(|x| (x - mean) * (x - mean)).sum::<f64>() / rows as f64;
                (want[1][c], want[2][c]) = (4096.0 + mean, var);
                for (row, x) in column().enumerate() {
                    want[0][row * channels + c] = (x - mean) / (var + EPS).sqrt();
                }
            }
            let inputs: [&[f64]; 3] = [&x, &vec![1.0; channels], &vec![0.0; channels]];
            assert_gives(Op::BatchNorm(op), &inputs, &want.each_ref().map(|want| &want[..]));
        }
    }

    #[test]
    fn an_empty_batch_has_no_gradient() {
        let op = BatchNorm::inference(0, 2, EPS).unwrap();
        let (zeros, ones): (&[f64], &[f64]) = (&[0.0; 2], &[1.0; 2]);
        assert_gives(Op::BatchNormInference(op), &[&[], ones, zeros, zeros, ones], &[&[]]);
        let inputs = [&[], ones, zeros, ones, &[]];
        assert_gives(Op::BatchNormInferenceGrad(op), &inputs, &[&[], zeros, zeros]);
    }
}
