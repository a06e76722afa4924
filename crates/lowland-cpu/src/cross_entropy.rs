//! The loss of classification.

use lowland_core::Result;
use lowland_core::op::CrossEntropy;

use crate::pool::Pool;
use crate::scalar::Scalar;
use crate::threads::Threads;

/// Rows that one task takes.
const TASK_ROWS: usize = 64;

/// # Errors
/// [`Error::Label`](lowland_core::Error::Label) before anything is written.
pub(crate) fn forward<T: Scalar>(
    op: &CrossEntropy,
    threads: &Threads,
    pool: &Pool,
    logits: &[T],
    labels: &[u32],
    loss: &mut [T],
) -> Result<()> {
    op.check_labels(labels)?;
    let mut sums = pool.scratch::<f64>(op.rows.div_ceil(TASK_ROWS))?;
    let tasks = labels.chunks(TASK_ROWS).zip(logits.chunks(TASK_ROWS * op.classes));
    threads.for_each(sums.iter_mut().zip(tasks), |(sum, (labels, logits))| {
        let rows = logits.chunks(op.classes).zip(labels);
        *sum = rows.map(|(logits, &label)| row_loss(op, logits, label as usize)).sum();
    });
    loss[0] = T::of(sums.iter().sum::<f64>() / op.rows as f64);
    Ok(())
}

/// # Errors
/// As [`forward`].
pub(crate) fn grad<T: Scalar>(
    op: &CrossEntropy,
    threads: &Threads,
    logits: &[T],
    labels: &[u32],
    dloss: &[T],
    dlogits: &mut [T],
) -> Result<()> {
    op.check_labels(labels)?;
    let factor = dloss[0].f64() / op.rows as f64;
    let chunk = TASK_ROWS * op.classes;
    let tasks = labels.chunks(TASK_ROWS).zip(logits.chunks(chunk)).zip(dlogits.chunks_mut(chunk));
    threads.for_each(tasks, |((labels, logits), dlogits)| {
        let rows = logits.chunks(op.classes).zip(dlogits.chunks_mut(op.classes)).zip(labels);
        for ((logits, dlogits), &label) in rows {
            row_grad(op, factor, logits, label as usize, dlogits);
        }
    });
    Ok(())
}

/// The largest logit and the logarithm of the sum of exponentials of what remains above it.
fn log_sum_exp<T: Scalar>(logits: &[T]) -> (f64, f64) {
    let largest = logits.iter().fold(f64::NEG_INFINITY, |largest, x| largest.max(x.f64()));
    (largest, logits.iter().map(|x| (x.f64() - largest).exp()).sum::<f64>().ln())
}

fn row_loss<T: Scalar>(op: &CrossEntropy, logits: &[T], label: usize) -> f64 {
    let (largest, log_sum) = log_sum_exp(logits);
    let loss = |x: &T| log_sum - (x.f64() - largest);
    let of_label = loss(&logits[label]);
    if op.smoothing == 0.0 {
        // Kept apart, as 0 times the infinite loss of another class would be a NaN.
        return of_label;
    }
    let mean = logits.iter().map(loss).sum::<f64>() / op.classes as f64;
    (1.0 - op.smoothing) * of_label + op.smoothing * mean
}

fn row_grad<T: Scalar>(
    op: &CrossEntropy,
    factor: f64,
    logits: &[T],
    label: usize,
    dlogits: &mut [T],
) {
    let (largest, log_sum) = log_sum_exp(logits);
    let of_each = op.smoothing / op.classes as f64;
    for (class, (dlogit, x)) in dlogits.iter_mut().zip(logits).enumerate() {
        let target = of_each + if class == label { 1.0 - op.smoothing } else { 0.0 };
        let softmax = (x.f64() - largest - log_sum).exp();
        *dlogit = T::of(factor * (softmax - target));
    }
}

#[cfg(test)]
mod tests {
    use lowland_core::Op;

    use super::*;
    use crate::testing::assert_gives;

    const LOGITS: [f64; 6] = [0.0, 0.0, 0.0, 1000.0, 0.0, -1000.0];

    fn op(smoothing: f64) -> CrossEntropy {
        CrossEntropy::new(2, 3, smoothing).unwrap()
    }

    #[test]
    fn the_loss_is_a_mean_and_does_not_overflow() {
        let ln_3 = 3.0f64.ln();
        assert_gives(Op::CrossEntropy(op(0.0)), &[&LOGITS, &[2.0, 0.0]], &[&[ln_3 / 2.0]]);
        assert_gives(
            Op::CrossEntropy(op(0.0)),
            &[&LOGITS, &[2.0, 1.0]],
            &[&[(ln_3 + 1000.0) / 2.0]],
        );
        // Smoothing: losses of the second row are 0, 1000 and 2000.
        let smooth = (ln_3 + 0.1 * 1000.0) / 2.0;
        assert_gives(Op::CrossEntropy(op(0.1)), &[&LOGITS, &[2.0, 0.0]], &[&[smooth]]);
        // A class ruled out costs nothing where it is not the label.
        let ruled_out = CrossEntropy::new(1, 2, 0.0).unwrap();
        let logits = [0.0, f64::NEG_INFINITY];
        assert_gives(Op::CrossEntropy(ruled_out), &[&logits, &[0.0]], &[&[0.0]]);
    }

    #[test]
    fn the_gradient_is_softmax_minus_target() {
        let third = 1.0 / 3.0;
        let dlogits = [third, third, third - 1.0, 0.0, 0.0, 0.0].map(|x| x * 3.0 / 2.0);
        let inputs: [&[f64]; 3] = [&LOGITS, &[2.0, 0.0], &[3.0]];
        assert_gives(Op::CrossEntropyGrad(op(0.0)), &inputs, &[&dlogits]);
        let smooth = [third - 0.1, third - 0.1, third - 0.8, 0.2, -0.1, -0.1];
        let smooth = smooth.map(|x| x * 3.0 / 2.0);
        assert_gives(Op::CrossEntropyGrad(op(0.3)), &inputs, &[&smooth]);
    }

    #[test]
    fn many_rows_are_one_mean() {
        let rows = 3 * TASK_ROWS + 5;
        let logits: Vec<f64> = (0..rows).flat_map(|row| [row as f64, 0.0]).collect();
        let op = CrossEntropy::new(rows, 2, 0.0).unwrap();
        let want: f64 = (0..rows).map(|row| (1.0 + (-(row as f64)).exp()).ln()).sum();
        let inputs: [&[f64]; 2] = [&logits, &vec![0.0; rows]];
        assert_gives(Op::CrossEntropy(op), &inputs, &[&[want / rows as f64]]);
    }
}
