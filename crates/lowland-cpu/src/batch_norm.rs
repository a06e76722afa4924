//! Batch normalisation, by the batch's statistics and by given ones, with what follows in the same
//! pass, and its gradients.

use lowland_core::Result;
use lowland_core::op::{BatchNorm, Epilogue};

use crate::CHUNK;
use crate::columns::{Rows, Sum, fold_columns};
use crate::context::Context;
use crate::pool::Scratch;
use crate::scalar::Scalar;
use crate::simd::{self, Kernel};
use crate::statistics::{self, block_rows};

/// Elements, about, in a row of repeated per-channel factors.
const REPEATED: usize = 256;

/// `x`, `weight`, `bias` and, with [`Epilogue::AddRelu`], `residual`; `y`, `mean`, `var`.
///
/// # Errors
/// [`Error::OutOfMemory`](lowland_core::Error::OutOfMemory) for partial results.
pub(crate) fn training<T: Scalar>(
    op: &BatchNorm,
    context: Context<'_>,
    inputs: &[&[T]],
    [y, mean, var]: [&mut [T]; 3],
) -> Result<()> {
    let &[x, weight, bias, ref residual @ ..] = inputs else {
        unreachable!("three inputs or four")
    };
    let exact = statistics::of(context, op.channels, x)?;
    let exact = |c: usize| [exact[c], exact[op.channels + c]];
    for (c, (mean, var)) in mean.iter_mut().zip(&mut *var).enumerate() {
        [*mean, *var] = exact(c).map(T::of);
    }
    let affine = |c: usize| {
        // The gradient finds the mask of a ReLU from the rounded statistics: then they are used here
        // too, so that both sides agree on every element.
        let rounded = || [mean[c], var[c]].map(T::f64);
        let [mean, var] = if op.epilogue == Epilogue::None { exact(c) } else { rounded() };
        affine(op, mean, var, weight[c], bias[c])
    };
    normalise(op, context, x, affine, residual, y)
}

/// `x`, `weight`, `bias`, `mean`, `var` and, with [`Epilogue::AddRelu`], `residual`; `y`.
///
/// # Errors
/// As [`training`].
pub(crate) fn inference<T: Scalar>(
    op: &BatchNorm,
    context: Context<'_>,
    inputs: &[&[T]],
    y: &mut [T],
) -> Result<()> {
    let &[x, weight, bias, mean, var, ref residual @ ..] = inputs else {
        unreachable!("five inputs or six")
    };
    let affine = |c: usize| affine(op, mean[c].f64(), var[c].f64(), weight[c], bias[c]);
    normalise(op, context, x, affine, residual, y)
}

/// What the gradients take.
pub(crate) struct GradInputs<'a, T> {
    x: &'a [T],
    weight: &'a [T],
    mean: &'a [T],
    var: &'a [T],
    dy: &'a [T],
    /// With [`Epilogue::Relu`].
    bias: Option<&'a [T]>,
    /// With [`Epilogue::AddRelu`].
    y: Option<&'a [T]>,
}

impl<'a, T> GradInputs<'a, T> {
    /// From the operands of the op, in order.
    pub(crate) fn new(op: &BatchNorm, inputs: &[&'a [T]]) -> Self {
        match (op.epilogue, inputs) {
            (Epilogue::None, &[x, weight, mean, var, dy]) => {
                GradInputs { x, weight, mean, var, dy, bias: None, y: None }
            }
            (Epilogue::Relu, &[x, weight, bias, mean, var, dy]) => {
                GradInputs { x, weight, mean, var, dy, bias: Some(bias), y: None }
            }
            (Epilogue::AddRelu, &[x, weight, mean, var, y, dy]) => {
                GradInputs { x, weight, mean, var, dy, bias: None, y: Some(y) }
            }
            (epilogue, inputs) => unreachable!("{} inputs with {epilogue:?}", inputs.len()),
        }
    }
}

/// Whether the statistics change with `x`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    /// Those of the batch.
    Batch,
    /// Given ones.
    Given,
}

/// `dx`, `dweight`, `dbias` and, with [`Epilogue::AddRelu`], `dresidual`.
///
/// # Errors
/// As [`training`].
pub(crate) fn grad<T: Scalar>(
    op: &BatchNorm,
    by: By,
    context: Context<'_>,
    inputs: &GradInputs<'_, T>,
    outputs: Vec<&mut [T]>,
) -> Result<()> {
    let mut outputs = outputs.into_iter();
    let mut output = || outputs.next().expect("as many outputs as the op has");
    let (dx, dweight, dbias) = (output(), output(), output());
    let mut passed = inputs.y.map(|_| output());
    let sums = grad_sums(op, context, inputs, passed.as_deref_mut())?;
    weight_and_bias(op, &sums, inputs.var, dweight, dbias);
    match (inputs.bias, passed) {
        (Some(bias), _) => masked_grad_x(op, by, context, inputs, bias, &sums, dx),
        (None, Some(passed)) => grad_x(op, by, context, inputs, passed, &sums, dx),
        (None, None) => grad_x(op, by, context, inputs, inputs.dy, &sums, dx),
    }
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

/// What a ReLU lets through of `dy`, where its argument or its result was `z`; a NaN passes.
#[inline(always)]
fn mask<T: Scalar>(z: T, dy: T) -> T {
    if z <= T::zero() { T::zero() } else { dy }
}

fn normalise<T: Scalar>(
    op: &BatchNorm,
    context: Context<'_>,
    x: &[T],
    affine: impl Fn(usize) -> [T; 3],
    residual: &[&[T]],
    y: &mut [T],
) -> Result<()> {
    match (op.epilogue, residual) {
        (Epilogue::AddRelu, &[residual]) => {
            channel_wise(op, context, [x, residual], affine, y, |[mean, scale, shift], [x, r]| {
                let z = (x - mean) * scale + shift + r;
                mask(z, z)
            })
        }
        (Epilogue::Relu, []) => {
            channel_wise(op, context, [x], affine, y, |[m, scale, shift], [x]| {
                let z = (x - m) * scale + shift;
                mask(z, z)
            })
        }
        (Epilogue::None, []) => {
            channel_wise(op, context, [x], affine, y, |[m, scale, shift], [x]| {
                (x - m) * scale + shift
            })
        }
        (epilogue, residual) => unreachable!("{} residuals with {epilogue:?}", residual.len()),
    }
}

/// `dx = scale dy + slope (x - mean) + shift`, as `[scale, slope, shift]` of a channel: by the batch,
/// `dx = w / s (dy - mean(dy) - (x - mean) / s^2 mean(dy (x - mean)))`.
fn grad_factors<T: Scalar>(
    op: &BatchNorm,
    by: By,
    inputs: &GradInputs<'_, T>,
    sums: &[f64],
    c: usize,
) -> [T; 3] {
    let inverse = inverse_deviation(op, inputs.var[c].f64());
    let scale = inputs.weight[c].f64() * inverse;
    if by == By::Given {
        return [T::of(scale), T::zero(), T::zero()];
    }
    let [of_bias, of_weight] = [sums[c], sums[op.channels + c]].map(|sum| sum / op.rows as f64);
    [scale, -scale * inverse * inverse * of_weight, -scale * of_bias].map(T::of)
}

fn grad_x<T: Scalar>(
    op: &BatchNorm,
    by: By,
    context: Context<'_>,
    inputs: &GradInputs<'_, T>,
    dy: &[T],
    sums: &[f64],
    dx: &mut [T],
) -> Result<()> {
    let factors = |c| grad_factors(op, by, inputs, sums, c);
    if by == By::Given {
        let scale = |c| [factors(c)[0]];
        return channel_wise(op, context, [dy], scale, dx, |[scale], [dy]| scale * dy);
    }
    let factors = |c: usize| {
        let [scale, slope, shift] = factors(c);
        [inputs.mean[c], scale, slope, shift]
    };
    channel_wise(
        op,
        context,
        [inputs.x, dy],
        factors,
        dx,
        |[mean, scale, slope, shift], [x, dy]| scale * dy + slope * (x - mean) + shift,
    )
}

/// The same, behind a ReLU whose argument is computed again.
fn masked_grad_x<T: Scalar>(
    op: &BatchNorm,
    by: By,
    context: Context<'_>,
    inputs: &GradInputs<'_, T>,
    bias: &[T],
    sums: &[f64],
    dx: &mut [T],
) -> Result<()> {
    let &GradInputs { x, weight, mean, var, dy, .. } = inputs;
    let factors = |c: usize| {
        let [mean, gain, offset] = affine(op, mean[c].f64(), var[c].f64(), weight[c], bias[c]);
        let [scale, slope, shift] = grad_factors(op, by, inputs, sums, c);
        [mean, gain, offset, scale, slope, shift]
    };
    let xs = [x, dy];
    channel_wise(
        op,
        context,
        xs,
        factors,
        dx,
        |[mean, gain, offset, scale, slope, shift], [x, dy]| {
            let off = x - mean;
            scale * mask(off * gain + offset, dy) + slope * off + shift
        },
    )
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

/// The sums of `dy` of all channels, then those of `dy (x - mean)`, where `dy` is what reached the
/// normalisation: with [`Epilogue::AddRelu`], what the ReLU let through, which is written to
/// `passed` on the way.
///
/// # Errors
/// As [`training`].
fn grad_sums<'p, T: Scalar>(
    op: &BatchNorm,
    context: Context<'p>,
    inputs: &GradInputs<'_, T>,
    passed: Option<&mut [T]>,
) -> Result<Scratch<'p, f64>> {
    let &GradInputs { x, weight, mean, var, dy, .. } = inputs;
    let (isa, channels) = (context.isa, op.channels);
    let chunk = (block_rows(channels) * channels).max(1);
    let blocks = x.chunks(chunk).zip(dy.chunks(chunk));
    let rows = |x: &[T]| Rows { rows: x.len() / channels, columns: channels, stride: channels };
    let unmasked = |x: &[T], dy: &[T], partial: &mut [f64]| {
        let term = |[mean]: [T; 1], [x, dy]: [T; 2]| [dy, dy * (x - mean)];
        fold_columns(isa, Sum, rows(x), [x, dy], [mean], term, |c, sums| put(partial, c, sums));
    };
    match (inputs.bias, inputs.y.zip(passed)) {
        (Some(bias), _) => {
            let mut factors = context.pool.scratch::<T>(2 * channels)?;
            let (gains, offsets) = factors.split_at_mut(channels);
            for (c, (gain, offset)) in gains.iter_mut().zip(&mut *offsets).enumerate() {
                [_, *gain, *offset] = affine(op, mean[c].f64(), var[c].f64(), weight[c], bias[c]);
            }
            let parameters = [mean, gains, offsets];
            sum_blocks(op, context, blocks, |(x, dy), partial| {
                let term = |[mean, gain, offset]: [T; 3], [x, dy]: [T; 2]| {
                    let dy = mask((x - mean) * gain + offset, dy);
                    [dy, dy * (x - mean)]
                };
                fold_columns(isa, Sum, rows(x), [x, dy], parameters, term, |c, sums| {
                    put(partial, c, sums);
                });
            })
        }
        (None, Some((y, passed))) => {
            let blocks = blocks.zip(y.chunks(chunk)).zip(passed.chunks_mut(chunk));
            sum_blocks(op, context, blocks, |(((x, dy), y), passed), partial| {
                let (width, f) = (passed.len(), |[]: [T; 0], [y, dy]: [T; 2]| mask(y, dy));
                simd::run(isa, ChannelWise { width, table: [], xs: [y, dy], y: &mut *passed, f });
                unmasked(x, passed, partial);
            })
        }
        (None, None) => {
            sum_blocks(op, context, blocks, |(x, dy), partial| unmasked(x, dy, partial))
        }
    }
}

/// Sums what `sum` adds up of each block of rows: so many numbers, twice as many as channels.
fn sum_blocks<'p, B>(
    op: &BatchNorm,
    context: Context<'p>,
    blocks: impl Iterator<Item = B> + Send,
    sum: impl Fn(B, &mut [f64]) + Sync,
) -> Result<Scratch<'p, f64>>
where
    B: Send,
{
    let mut total = context.pool.scratch::<f64>(2 * op.channels)?;
    total.fill(0.0);
    if op.channels == 0 {
        return Ok(total);
    }
    let count = op.rows.div_ceil(block_rows(op.channels));
    let mut partial = context.pool.scratch::<f64>(count * 2 * op.channels)?;
    let pieces = partial.chunks_mut(2 * op.channels).zip(blocks);
    context.threads.for_each(pieces, |(partial, block)| sum(block, partial));
    for partial in partial.chunks(2 * op.channels) {
        total.iter_mut().zip(partial).for_each(|(total, sum)| *total += sum);
    }
    Ok(total)
}

/// Writes the two sums of a channel behind those of all channels.
fn put(partial: &mut [f64], c: usize, [of_bias, of_weight]: [f64; 2]) {
    let channels = partial.len() / 2;
    (partial[c], partial[channels + c]) = (of_bias, of_weight);
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
    use crate::statistics::BLOCK;
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
