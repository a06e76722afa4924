//! The suite that every backend passes, on the CUDA backend over the shim: in each order of threads.

use std::sync::Arc;

use lowland_conformance::{Steps, cases, check_with};
use lowland_core::{DType, Op};
use lowland_cuda::Cuda;
use lowland_shim::{Order, Shim, available};

fn conforms(order: Order) {
    if !available("conformance") {
        return;
    }
    let cuda = Cuda::on(Arc::new(Shim::new().order(order)));
    let mut cases = cases::all();
    cases.retain(|case| !matches!(case.op, Op::Step(_) | Op::Transform(_) | Op::ClipNorm(_)));
    let report = check_with(&cuda, &cases, Steps::Rounding);
    assert!(report.passed(), "{report}");
    println!("{report}");
}

#[test]
fn conforms_with_threads_in_order() {
    conforms(Order::Forward);
}

#[test]
fn conforms_with_threads_reversed() {
    conforms(Order::Reversed);
}

#[test]
fn conforms_with_threads_shuffled() {
    conforms(Order::Shuffled(7));
}
