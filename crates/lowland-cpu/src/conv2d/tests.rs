//! Every pass in every variant against the oracle.

use lowland_conformance::oracle;
use lowland_core::op::Conv2d;
use lowland_core::{Op, Real, Shape};
use proptest::prelude::*;

use super::{Isa, Pass, forward, grad_input, grad_weight, scratch_len};
use crate::threads::Threads;

/// Numbers in -1..1 that look random.
fn numbers<T: Real>(len: usize, seed: u64) -> Vec<T> {
    let mix = |i: usize| {
        let mut z = (i as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)
            ^ seed.wrapping_mul(0xd134_2543_de82_ef95);
        z = (z ^ (z >> 31)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (z >> 40) as f64 / f64::from(1u32 << 23) - 1.0
    };
    (0..len).map(|i| T::of(mix(i))).collect()
}

/// One pass by the code under test. Outputs and scratch begin as NaN.
fn run<T: Real>(isa: Isa, op: &Conv2d, pass: Pass, threads: &Threads, a: &[T], b: &[T]) -> Vec<T> {
    let len = match pass {
        Pass::Forward => op.y().len(),
        Pass::GradInput => op.x().len(),
        Pass::GradWeight => op.w().len(),
    };
    let mut out = vec![T::nan(); len];
    let mut scratch = vec![T::nan(); scratch_len::<T>(isa, op, pass)];
    match pass {
        Pass::Forward => forward(isa, op, threads, a, b, &mut out, &mut scratch),
        Pass::GradInput => grad_input(isa, op, threads, a, b, &mut out, &mut scratch),
        Pass::GradWeight => grad_weight(isa, op, threads, a, b, &mut out, &mut scratch),
    }
    out
}

fn assert_close<T: Real>(got: &[T], want: &[f64], what: &str) {
    let largest = want.iter().fold(0.0f64, |m, v| m.max(v.abs()));
    let tolerance = if T::epsilon().f64() > 1e-10 { 1e-5 } else { 1e-13 };
    for (i, (got, want)) in got.iter().zip(want).enumerate() {
        let error = (got.f64() - want).abs();
        assert!(error <= tolerance * largest, "{what}, element {i}: {got:?}, not {want}");
    }
}

/// All three passes against the definition.
fn check<T: Real>(isa: Isa, op: &Conv2d) {
    let (x, w, dy) = (
        numbers::<T>(op.x().len(), 1),
        numbers::<T>(op.w().len(), 2),
        numbers::<T>(op.y().len(), 3),
    );
    let threads = Threads::new(2);
    for (of, pass, a, b) in [
        (Op::Conv2d(*op), Pass::Forward, &x, &w),
        (Op::Conv2dGradInput(*op), Pass::GradInput, &dy, &w),
        (Op::Conv2dGradWeight(*op), Pass::GradWeight, &x, &dy),
    ] {
        let exact = [a, b].map(|all| all.iter().map(|v| v.f64()).collect::<Vec<_>>().into());
        let want = oracle::run(&of, &exact, &[]).remove(0);
        let got = run(isa, op, pass, &threads, a, b);
        assert_close(&got, &want, &format!("{isa:?} {pass:?} of {op:?}"));
    }
}

fn available() -> impl Iterator<Item = Isa> {
    Isa::ALL.into_iter().filter(|isa| isa.is_available())
}

/// `[N, H, W, I]`, output channels, square kernel and stride; 3x3 kernels are padded by 1.
fn op([n, h, w, i]: [usize; 4], o: usize, kernel: usize, stride: usize) -> Conv2d {
    let weight = Shape::from([o, i, kernel, kernel]);
    let padding = [(kernel - 1) / 2; 2];
    Conv2d::new(Shape::from([n, h, w, i]), weight, [stride; 2], padding, 1).unwrap()
}

#[test]
fn the_shapes_of_networks_agree_with_the_definition() {
    for (x, o, kernel, stride) in [
        ([2, 32, 32, 3], 16, 3, 1),
        ([2, 32, 32, 16], 16, 3, 1),
        ([2, 32, 32, 16], 32, 3, 2),
        ([2, 32, 32, 16], 32, 1, 2),
        ([3, 16, 16, 32], 32, 3, 1),
        ([3, 16, 16, 32], 64, 3, 2),
        ([3, 16, 16, 32], 64, 1, 2),
        ([17, 8, 8, 64], 64, 3, 1),
        ([2, 8, 8, 64], 128, 3, 2),
        ([2, 8, 8, 128], 64, 1, 1),
        ([20, 4, 4, 256], 128, 3, 1),
        ([3, 7, 7, 128], 256, 3, 2),
    ] {
        for isa in available() {
            check::<f32>(isa, &op(x, o, kernel, stride));
        }
    }
}

#[test]
fn channels_that_fill_no_vector_agree_with_the_definition() {
    for (inputs, outputs) in
        [(1, 1), (3, 10), (4, 8), (5, 24), (7, 17), (10, 3), (13, 40), (48, 48), (80, 65), (130, 9)]
    {
        for (kernel, stride) in [(3, 1), (3, 2), (1, 1), (1, 2)] {
            for isa in available() {
                check::<f32>(isa, &op([2, 6, 9, inputs], outputs, kernel, stride));
            }
        }
    }
}

#[test]
fn every_small_extent_agrees_with_the_definition() {
    for (kernel, stride) in [(3, 1), (3, 2), (1, 1), (1, 2)] {
        for h in 1..5 {
            for w in 1..20 {
                for (i, o) in [(9, 16), (16, 32), (4, 64)] {
                    for isa in available() {
                        check::<f32>(isa, &op([2, h, w, i], o, kernel, stride));
                    }
                }
            }
        }
    }
}

#[test]
fn an_empty_batch_gives_no_gradient() {
    for isa in available() {
        for kernel in [1, 2, 3] {
            check::<f32>(isa, &op([0, 8, 8, 16], 16, kernel, 1));
        }
    }
}

#[test]
fn bits_do_not_depend_on_the_number_of_threads() {
    for (x, o, kernel, stride) in [
        ([37, 8, 8, 16], 16, 3, 1),
        ([5, 9, 11, 16], 40, 3, 2),
        ([40, 4, 4, 130], 70, 1, 1),
        ([21, 6, 6, 12], 20, 2, 1),
        ([1, 16, 16, 32], 32, 3, 1),
    ] {
        let op = op(x, o, kernel, stride);
        let (x, w, dy) =
            (numbers::<f32>(op.x().len(), 4), numbers(op.w().len(), 5), numbers(op.y().len(), 6));
        for isa in available() {
            for (pass, a, b) in
                [(Pass::Forward, &x, &w), (Pass::GradInput, &dy, &w), (Pass::GradWeight, &x, &dy)]
            {
                let bits = |count| -> Vec<u32> {
                    let out = run(isa, &op, pass, &Threads::new(count), a, b);
                    out.into_iter().map(f32::to_bits).collect()
                };
                let one = bits(1);
                for count in [2, 3, 8] {
                    assert!(bits(count) == one, "{isa:?} {pass:?} on {count} threads: {op:?}");
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_shape_agrees_with_the_definition(
        batch in 0usize..=3,
        extents in [1usize..=13, 1usize..=13],
        kernel in [1usize..=5, 1usize..=5],
        stride in [1usize..=3, 1usize..=3],
        padding in [0usize..=2, 0usize..=2],
        (groups, inputs, outputs) in prop_oneof![
            (Just(1usize), 1usize..=40, 1usize..=40),
            (2usize..=5, 1usize..=8, 1usize..=8),
            (2usize..=40, Just(1), Just(1)),
        ],
    ) {
        let x = Shape::from([batch, extents[0], extents[1], groups * inputs]);
        let w = Shape::from([groups * outputs, inputs, kernel[0], kernel[1]]);
        let op = Conv2d::new(x, w, stride, padding, groups);
        prop_assume!(op.is_ok());
        let op = op.unwrap();
        check::<f64>(Isa::detect(), &op);
        for isa in available() {
            check::<f32>(isa, &op);
        }
    }
}

#[test]
fn an_instruction_set_has_one_name() {
    let names = Isa::ALL.map(Isa::name);
    assert_eq!(names, ["portable", "avx2", "avx512"]);
    assert!(Isa::Portable.is_available() && Isa::detect().is_available());
}
