//! The suite that every backend passes, on the CUDA backend over the shim: in each order of threads.

use std::sync::Arc;

use lowland_conformance::cases::Case;
use lowland_conformance::{Check, Report, Steps, cases, check_with};
use lowland_core::op::BatchNorm;
use lowland_core::{Backend, DType, Op};
use lowland_cuda::Cuda;
use lowland_shim::{Order, Shim, assert_clean, available};

fn check(shim: Shim, cases: &[Case]) -> Report {
    check_with(&Cuda::on(Arc::new(shim)), cases, Steps::Rounding)
}

fn conforms(order: Order) {
    if !available("conformance") {
        return;
    }
    let cases = cases::all();
    let report = check(Shim::new().order(order), &cases);
    assert!(report.passed(), "{report}");
    println!("{report}");
    // Each case is checked in f32 and refused in f64. Stages, transforms and measures of the suite's own
    // have no functors, so that some of the ops that take them are refused.
    let taking = |op: &Op| matches!(op, Op::Step(_) | Op::Transform(_) | Op::Measure(_));
    for row in report.rows() {
        let named = cases.iter().filter(|case| case.op.name() == row.subject && !taking(&case.op));
        let count = named.count();
        assert!(
            count == 0 || (row.checked, row.unsupported) == (count, count),
            "a kernel is missing: {row:?}"
        );
    }
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

/// A file of kernels, a text that stands in it, a wrong one in its place, and the op that then errs.
type Mistake = (&'static str, &'static str, &'static str, &'static str);

/// One in what each file computes.
const MISTAKES: [Mistake; 18] = [
    ("ops/accumulate.cu", "+ a.b * in[1]", "+ in[1]", "accumulate"),
    ("ops/batch_norm.cu", "(x - mean) * scale", "x * scale", "batch norm"),
    (
        "ops/batch_norm.cu",
        "dy * ((double)x - (double)mean)",
        "dy * (double)x",
        "gradient of batch norm",
    ),
    ("ops/batch_norm.cu", "n[1] * passed", "n[1] * in[1]", "gradient of batch norm + relu"),
    ("ops/binary.cu", "(sub, a - b)", "(sub, b - a)", "sub"),
    ("ops/broadcast.cu", "a.scale * a.x", "a.x", "broadcast"),
    ("ops/cross_entropy.cu", "if (c == label) of", "if (c <= label) of", "cross-entropy"),
    ("ops/fill.cu", "= a.value", "= 0.0f", "fill"),
    ("ops/permute.cu", "column + lane < a", "column + lane + 1 < a", "permute"),
    (
        "ops/pool2d.cu",
        "end < count ? end :",
        "end < count ? end + 1 :",
        "gradient of average pooling",
    ),
    ("ops/reduce.cu", "if (other < shared", "if (other > shared", "gradient of max"),
    ("ops/scaled_sum.cu", "sum += scales[k]", "sum += scales[0]", "scaled sum"),
    ("ops/slice.cu", "a.y[at[0]] =", "a.y[i] =", "embed"),
    ("ops/softmax.cu", "y[c] * (dy[c] - total)", "y[c] * dy[c]", "gradient of softmax"),
    ("ops/unary.cu", "DERIVATIVE(tanh, y", "DERIVATIVE(tanh, x, dy) //", "gradient of tanh"),
    ("columns.cuh", "x > a || x != x", "x > a", "max"),
    ("statistics.cuh", "squares / n", "squares / (n - 1.0)", "batch norm"),
    ("strided.cuh", "(Index)walk.first[k]", "0", "slice"),
];

#[test]
fn mistakes_in_what_is_computed_are_found() {
    if !available("mistakes_in_what_is_computed_are_found") {
        return;
    }
    for (file, right, wrong, op) in MISTAKES {
        let text = lowland_kernels::source(file).expect("a file of that name").text;
        assert_eq!(text.matches(right).count(), 1, "{file}: `{right}` is no longer there once");
        let shim = Shim::new().source(file, text.replace(right, wrong));
        let mut cases = cases::all();
        cases.retain(|case| case.op.name() == op);
        let report = check(shim, &cases);
        let found = report.failures().iter().any(|failure| failure.check == Check::Values);
        assert!(found, "{file}: `{wrong}` goes unnoticed\n{report}");
    }
}

/// What chooses indices of 32 bits in a file of kernels, and what makes them 64 bits wide.
const WIDER: [(&str, &str, &str); 7] = [
    ("ops/batch_norm.cu", "narrow = len < 0x80000000u", "narrow = false"),
    ("ops/binary.cu", "walk<u32>(", "walk<u64>("),
    ("ops/broadcast.cu", "<u32>(", "<u64>("),
    ("ops/permute.cu", "<u32>(", "<u64>("),
    ("ops/pool2d.cu", "u32>(a)", "u64>(a)"),
    ("ops/reduce.cu", "<u32>(", "<u64>("),
    ("ops/slice.cu", "<u32>(", "<u64>("),
];

/// No test has two thousand million elements; the arithmetic for them gives the same results on few.
#[test]
fn wide_indices_find_the_same_elements() {
    if !available("wide_indices_find_the_same_elements") {
        return;
    }
    let mut shim = Shim::new();
    for (file, narrow, wide) in WIDER {
        let text = lowland_kernels::source(file).expect("a file of that name").text;
        assert!(text.contains(narrow), "{file}: `{narrow}` is no longer there");
        shim = shim.source(file, text.replace(narrow, wide));
    }
    let mut cases = cases::all();
    cases.retain(|case| {
        matches!(case.op, Op::Binary(_) | Op::Broadcast(_) | Op::Permute(_) | Op::Slice(_))
            || matches!(case.op, Op::Embed(_) | Op::Reduce(_) | Op::ReduceMaxGrad(_))
            || matches!(case.op, Op::Pool2d(_) | Op::Pool2dGrad(_))
            || matches!(case.op, Op::BatchNormInference(_) | Op::BatchNormGrad(_))
    });
    let report = check(shim, &cases);
    assert!(report.passed(), "{report}");
}

#[test]
fn a_mean_of_millions_of_deviations_does_no_harm() {
    if !available("a_mean_of_millions_of_deviations_does_no_harm") {
        return;
    }
    // Neighbours among the floats there: the sum of their squares has more digits than a double.
    const ROWS: usize = 4095;
    let values: Vec<f32> = (0..ROWS).map(|i| 16_000_000.0 + (i % 3) as f32).collect();
    let normalised = |shim: Shim| {
        let cuda: &dyn Backend = &Cuda::on(Arc::new(shim));
        let numbers = |values: &[f32]| cuda.buffer_from(values).unwrap();
        let (x, weight, bias) = (numbers(&values), numbers(&[1.0]), numbers(&[0.0]));
        let [y, mean, var] = [ROWS, 1, 1].map(|len| cuda.allocate(len, DType::F32).unwrap());
        let op = Op::BatchNorm(BatchNorm::training(ROWS, 1, 1e-5).unwrap());
        cuda.run(&op, &[&x, &weight, &bias], &[&y, &mean, &var]).unwrap();
        let y: Vec<f32> = cuda.to_vec(&y).unwrap();
        (cuda.to_vec::<f32>(&var).unwrap()[0], [y[0], y[1], y[2]])
    };
    let (var, y) = normalised(Shim::new());
    let largest = (1.0 / (2.0f64 / 3.0 + 1e-5).sqrt()) as f32;
    assert_eq!((var, y), (2.0 / 3.0, [-largest, 0.0, largest]));
    // It is the shift that makes it so.
    let text = lowland_kernels::source("ops/statistics.cu").expect("a file of that name").text;
    let shifted = "(double)x[0]";
    assert!(text.contains(shifted));
    let unshifted = Shim::new().source("ops/statistics.cu", text.replace(shifted, "0.0"));
    assert_ne!(normalised(unshifted).0, 2.0 / 3.0);
}

#[test]
fn the_sanitizers_find_nothing() {
    assert_clean("conforms_with_threads_in_order");
}
