//! Functions of each element, and their gradients.

use lowland_core::Result;
use lowland_core::op::{Op, Unary, UnaryKind};

use crate::CHUNK;
use crate::cpu::unsupported;
use crate::scalar::Scalar;
use crate::threads::Threads;

/// Whether this kind can be computed.
pub(crate) fn supports(kind: UnaryKind) -> bool {
    use UnaryKind::{Atan, Exp, Log, Relu, SignedLog, Tanh};
    matches!(kind, Relu | Atan | Tanh | Log | Exp | SignedLog)
}

/// # Errors
/// [`Error::Unsupported`](lowland_core::Error::Unsupported).
pub(crate) fn forward<T: Scalar>(
    op: &Unary,
    threads: &Threads,
    x: &[T],
    y: &mut [T],
) -> Result<()> {
    match op.kind {
        // Written so that a NaN passes.
        UnaryKind::Relu => map(threads, x, y, |x| if x <= T::zero() { T::zero() } else { x }),
        UnaryKind::Atan => map(threads, x, y, T::atan),
        UnaryKind::Tanh => map(threads, x, y, T::tanh),
        UnaryKind::Log => map(threads, x, y, T::ln),
        UnaryKind::Exp => map(threads, x, y, T::exp),
        UnaryKind::SignedLog => map(threads, x, y, |x| x.signum() * x.abs().ln_1p()),
        _ => return Err(unsupported(Op::Unary(*op).name(), T::DTYPE)),
    }
    Ok(())
}

/// # Errors
/// As [`forward`].
pub(crate) fn grad<T: Scalar>(
    op: &Unary,
    threads: &Threads,
    x: &[T],
    y: &[T],
    dy: &[T],
    dx: &mut [T],
) -> Result<()> {
    let one = T::one();
    match op.kind {
        UnaryKind::Relu => {
            map_pair(threads, y, dy, dx, |y, dy| if y <= T::zero() { T::zero() } else { dy });
        }
        UnaryKind::Atan => map_pair(threads, x, dy, dx, |x, dy| dy / (one + x * x)),
        UnaryKind::Tanh => map_pair(threads, y, dy, dx, |y, dy| dy * (one - y * y)),
        UnaryKind::Log => map_pair(threads, x, dy, dx, |x, dy| dy / x),
        UnaryKind::Exp => map_pair(threads, y, dy, dx, |y, dy| dy * y),
        UnaryKind::SignedLog => map_pair(threads, x, dy, dx, |x, dy| dy / (one + x.abs())),
        _ => return Err(unsupported(Op::UnaryGrad(*op).name(), T::DTYPE)),
    }
    Ok(())
}

fn map<T: Scalar>(threads: &Threads, x: &[T], y: &mut [T], f: impl Fn(T) -> T + Sync) {
    threads.for_each(y.chunks_mut(CHUNK).zip(x.chunks(CHUNK)), |(y, x)| {
        for (y, &x) in y.iter_mut().zip(x) {
            *y = f(x);
        }
    });
}

fn map_pair<T: Scalar>(
    threads: &Threads,
    a: &[T],
    b: &[T],
    y: &mut [T],
    f: impl Fn(T, T) -> T + Sync,
) {
    let chunks = y.chunks_mut(CHUNK).zip(a.chunks(CHUNK)).zip(b.chunks(CHUNK));
    threads.for_each(chunks, |((y, a), b)| {
        for ((y, &a), &b) in y.iter_mut().zip(a).zip(b) {
            *y = f(a, b);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::assert_gives;

    const KIND_AT: [(UnaryKind, f64, f64, f64); 11] = [
        (UnaryKind::Relu, 2.0, 2.0, 1.0),
        (UnaryKind::Relu, -2.0, 0.0, 0.0),
        (UnaryKind::Relu, 0.0, 0.0, 0.0),
        (UnaryKind::Relu, f64::NAN, f64::NAN, 1.0),
        (UnaryKind::Atan, 1.0, std::f64::consts::FRAC_PI_4, 0.5),
        (UnaryKind::Tanh, 0.5, 0.462_117_157_260_009_8, 0.786_447_732_965_927_4),
        (UnaryKind::Log, 2.0, std::f64::consts::LN_2, 0.5),
        (UnaryKind::Log, 0.0, f64::NEG_INFINITY, f64::INFINITY),
        (UnaryKind::Exp, 1.0, std::f64::consts::E, std::f64::consts::E),
        (UnaryKind::SignedLog, -3.0, -2.0 * std::f64::consts::LN_2, 0.25),
        (UnaryKind::SignedLog, 0.0, 0.0, 1.0),
    ];

    #[test]
    fn values_and_slopes_are_those_of_the_tables() {
        for (kind, x, y, slope) in KIND_AT {
            let op = Unary { kind, len: 2 };
            assert_gives(Op::Unary(op), &[&[x, x]], &[&[y, y]]);
            let dx = [3.0 * slope, -slope];
            assert_gives(Op::UnaryGrad(op), &[&[x, x], &[y, y], &[3.0, -1.0]], &[&dx]);
        }
    }

    #[test]
    fn every_kind_is_supported() {
        assert!(UnaryKind::ALL.into_iter().all(supports));
    }
}
