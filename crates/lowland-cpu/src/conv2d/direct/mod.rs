//! Direct convolution in `f32` with AVX-512 or AVX2: the shapes that networks are made of.
//!
//! [`correlate`] and [`grad_weight`] pack and cut the work, [`tile`] and [`weight_tile`] are the
//! loops in registers, written once over the vectors of [`simd`].

use lowland_core::op::Conv2d;
use lowland_core::{DType, HostMut, HostRef, Real};

use super::correlation::Correlation;
use super::{Isa, Pass};
#[cfg(doc)]
use crate::statistics;
use crate::threads::Threads;

mod correlate;
mod grad_weight;
mod simd;
mod tile;
mod weight_tile;

/// Whether the kernels take this op: 3x3 padded by 1 or 1x1, with a stride of 1 or 2, in one group,
/// in `f32`, with any channels and extents that are not 0.
fn takes<T: Real>(isa: Isa, op: &Conv2d) -> bool {
    let kernel = matches!((op.kernel, op.padding), ([3, 3], [1, 1]) | ([1, 1], [0, 0]));
    let stride = matches!(op.stride, [1, 1] | [2, 2]);
    let some = !op.x().is_empty() && !op.y().is_empty();
    T::DTYPE == DType::F32 && isa != Isa::Portable && kernel && stride && op.groups == 1 && some
}

/// The scratch elements that a pass wants; `None` where the kernels do not take the op.
pub(super) fn scratch_len<T: Real>(isa: Isa, op: &Conv2d, pass: Pass) -> Option<usize> {
    let lanes = lanes(isa);
    takes::<T>(isa, op).then(|| match pass {
        Pass::Forward => correlate::scratch_len(&Correlation::forward(op), lanes),
        Pass::GradInput => correlate::scratch_len(&Correlation::grad_input(op), lanes),
        Pass::GradWeight => grad_weight::scratch_len(op, lanes),
    })
}

/// The elements of the output that one task of a forward pass computes, the last one fewer; `None`
/// where the kernels do not take the op.
pub(super) fn task_len<T: Real>(isa: Isa, op: &Conv2d) -> Option<usize> {
    let shape = Correlation::forward(op);
    takes::<T>(isa, op).then(|| correlate::task_len(&shape, lanes(isa)))
}

/// Channels in a vector.
fn lanes(isa: Isa) -> usize {
    if isa == Isa::Avx512 { 16 } else { 8 }
}

/// Runs a pass over `a` and `b`, the inputs of the op; returns whether the kernels take it. A forward
/// pass leaves [`statistics::of_block`] of what each task computed in `partial`, if that is not empty.
pub(super) fn run<T: Real>(
    isa: Isa,
    op: &Conv2d,
    pass: Pass,
    threads: &Threads,
    a: &[T],
    b: &[T],
    out: &mut [T],
    scratch: &mut [T],
    partial: &mut [f64],
) -> bool {
    if !takes::<T>(isa, op) {
        return false;
    }
    let (HostRef::F32(a), HostRef::F32(b)) = (T::host(a), T::host(b)) else { return false };
    let (HostMut::F32(out), HostMut::F32(scratch)) = (T::host_mut(out), T::host_mut(scratch))
    else {
        return false;
    };
    match isa {
        Isa::Portable => false,
        Isa::Avx2 => simd::Avx2::new()
            .map(|simd| run_with(simd, op, pass, threads, a, b, out, scratch, partial))
            .is_some(),
        Isa::Avx512 => simd::Avx512::new()
            .map(|simd| run_with(simd, op, pass, threads, a, b, out, scratch, partial))
            .is_some(),
    }
}

fn run_with<S: simd::Simd>(
    simd: S,
    op: &Conv2d,
    pass: Pass,
    threads: &Threads,
    a: &[f32],
    b: &[f32],
    out: &mut [f32],
    scratch: &mut [f32],
    partial: &mut [f64],
) {
    match pass {
        Pass::Forward => {
            let shape = Correlation::forward(op);
            correlate::run(simd, &shape, threads, a, b, out, scratch, partial);
        }
        Pass::GradInput => {
            let shape = Correlation::grad_input(op);
            correlate::run(simd, &shape, threads, a, b, out, scratch, &mut []);
        }
        Pass::GradWeight => grad_weight::run(simd, op, threads, a, b, out, scratch),
    }
}
