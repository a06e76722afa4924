//! Arithmetic that kernels share: sums that do not depend on an order, and quotients from reciprocals;
//! and the functor that the chapter on stages shows.

use std::sync::Arc;

use lowland_cuda::driver::{Driver, RawArgs, Unit};
use lowland_shim::{Shim, available};

/// Runs a kernel of `struct TestArgs { double* x; double* y; u64 len; };` in one block, and gives y.
fn run(includes: &str, body: &str, x: &[f64], len: usize) -> Vec<f64> {
    let text = format!(
        "{includes}\nstruct TestArgs {{ double* x; double* y; u64 len; }};\n\
         KERNEL(test, TestArgs) {{\n{body}\n}}\n"
    );
    let shim = Arc::new(Shim::new());
    let kernel = shim.kernel(&Unit { name: "test.cu".into(), text }, "test", 24).unwrap();
    let mut y = vec![0.0; len];
    let [from, to] =
        [size_of_val(x), size_of_val(&y[..])].map(|bytes| shim.allocate(bytes).unwrap());
    shim.upload(bytemuck::cast_slice(x), from).unwrap();
    let words = [from.0, to.0, x.len() as u64];
    shim.launch(&kernel, 1, RawArgs::of_words(&words)).unwrap();
    shim.download(to, bytemuck::cast_slice_mut(&mut y)).unwrap();
    y
}

fn exact_sum(x: &[f64]) -> f64 {
    let body = "__shared__ u64 shared[THREADS / WARP];\n\
                const double sum = exact_sum(a.x, a.len, shared);\n\
                if (threadIdx.x == 0) a.y[0] = sum;";
    run("#include \"exact_sum.cuh\"", body, x, 1)[0]
}

/// Numbers that look random, from -1 to 1.
fn random(len: usize) -> Vec<f64> {
    let mut state = 1u64;
    let mut next = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    };
    (0..len).map(|_| next()).collect()
}

#[test]
fn a_sum_does_not_depend_on_the_order() {
    if !available("a_sum_does_not_depend_on_the_order") {
        return;
    }
    let scales = [1.0, 1e-9, 1e9, 1e-300, 1e300];
    for scale in scales {
        let mut x: Vec<f64> = random(3000);
        // Magnitudes of many kinds.
        x.iter_mut().enumerate().for_each(|(i, x)| *x *= scale * 2f64.powi((i % 40) as i32 - 20));
        let first = exact_sum(&x);
        // Sums of pairs of doubles, which are right to many more digits than one has.
        let (mut high, mut low) = (0.0, 0.0);
        for &x in &x {
            let sum: f64 = high + x;
            let rest = if f64::abs(high) > x.abs() { high - sum + x } else { x - sum + high };
            (high, low) = (sum, low + rest);
        }
        let want = high + low;
        assert!((first - want).abs() <= 1e-15 * want.abs(), "{first:e}, not {want:e}");
        x.reverse();
        assert_eq!(exact_sum(&x).to_bits(), first.to_bits());
        x.rotate_left(1234);
        x.swap(0, 77);
        assert_eq!(exact_sum(&x).to_bits(), first.to_bits());
    }
    let (inf, nan) = (f64::INFINITY, f64::NAN);
    assert_eq!([exact_sum(&[]), exact_sum(&[0.0; 3]), exact_sum(&[5.0])], [0.0, 0.0, 5.0]);
    assert_eq!(exact_sum(&[1e16, 1.0, -1e16]), 1.0, "nothing is lost on the way");
    assert_eq!(exact_sum(&[4e-324, 4e-324]), 8e-324, "down to the smallest numbers");
    assert_eq!([exact_sum(&[1.0, inf]), exact_sum(&[1.0, -inf])], [inf, -inf]);
    assert!(exact_sum(&[inf, -inf]).is_nan() && exact_sum(&[2.0, nan, 1.0]).is_nan());
}

#[test]
fn quotients_are_rounded_as_by_a_division() {
    if !available("quotients_are_rounded_as_by_a_division") {
        return;
    }
    let body = "FOR_EACH(i, a.len / 2) {\n\
                    const double by = a.x[2 * i + 1];\n\
                    a.y[i] = Divisor(by, 1.0 / by).of(a.x[2 * i]);\n\
                }";
    let mut x = random(40_000);
    let awkward =
        [1.0, 3.0, 7.0, 0.1, 2047.0, 1.0 - f64::EPSILON / 2.0, 1.0 + f64::EPSILON, 1e-3, 1e12];
    for (i, pair) in x.chunks_mut(2).enumerate() {
        pair[0] *= 10f64.powi((i % 61) as i32 - 30);
        if i % 3 == 0 {
            pair[1] = awkward[i / 3 % awkward.len()];
        }
        if i % 7 == 0 {
            // Near the middle between two quotients.
            pair[0] = (pair[0] * pair[1]).next_up();
        }
    }
    for (i, special) in [0.0, -0.0, f64::INFINITY, f64::NAN, f64::MAX].into_iter().enumerate() {
        x[2 * i] = special;
    }
    let got = run("#include \"quotient.cuh\"", body, &x, x.len() / 2);
    for (got, pair) in got.iter().zip(x.chunks(2)) {
        let want = pair[0] / pair[1];
        let same = got.to_bits() == want.to_bits() || got.is_nan() && want.is_nan();
        // The sign of 0 is lost where the rest of a product is taken off.
        assert!(same || *got == 0.0 && want == 0.0, "{pair:?}: {got:e}, not {want:e}");
    }
}

#[test]
fn the_functor_of_the_chapter_does_what_its_stage_does() {
    if !available("the_functor_of_the_chapter_does_what_its_stage_does") {
        return;
    }
    let chapter = include_str!("../../../docs/src/add-a-stage.md");
    let (_, functor) = chapter.split_once("\n```cuda\n").unwrap();
    let (functor, _) = functor.split_once("\n```\n").unwrap();
    let body = "FOR_EACH(i, a.len) {\n\
                    const float c[1] = {1.0f};\n\
                    float d = (float)a.x[i];\n\
                    Chain<stages::soft_threshold>::apply(c, 0.0f, d, nullptr);\n\
                    a.y[i] = (double)d;\n\
                }";
    let got = run(functor, body, &[0.25, 7.0, -7.0, 1.0, f64::NAN, -1.5], 6);
    assert_eq!((&got[..4], got[5]), (&[0.0, 6.0, -6.0, 0.0][..], -0.5));
    assert!(got[4].is_nan());
}
