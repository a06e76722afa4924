//! Channel-directed gradients: the stored ones, the property that defines them, every axis, every
//! type, and what is chosen.

use half::{bf16, f16};
use lowland_conformance::golden::{Error, File, Folder, Report, compare_relative};
use lowland_core::{Real, Shape, Transform};
use lowland_optim::transforms::ChannelDirected;
use lowland_optim::transforms::channel_directed::{
    Axis, Ends, MeanSplitSobolev, Metric, Number, ReweightedL2, Sobolev, smooth,
};
use proptest::prelude::*;
use serde_json::Value;

/// Something to do with a metric of any type.
trait Visit {
    type Output;
    fn visit<M: Metric + Copy + PartialEq>(self, metric: M) -> Self::Output;
}

const KINDS: [&str; 5] = ["h0", "h1_periodic", "h1_neumann", "sobolev_periodic", "sobolev_neumann"];

/// The metric of this name; `None` for another name.
fn with<V: Visit>(kind: &str, lambda: f64, visitor: V) -> Option<V::Output> {
    let (periodic, neumann) = (Ends::Periodic, Ends::Neumann);
    Some(match kind {
        "h0" => visitor.visit(ReweightedL2 { lambda }),
        "h1_periodic" => visitor.visit(MeanSplitSobolev { lambda, ends: periodic }),
        "h1_neumann" => visitor.visit(MeanSplitSobolev { lambda, ends: neumann }),
        "sobolev_periodic" => visitor.visit(Sobolev { lambda, ends: periodic }),
        "sobolev_neumann" => visitor.visit(Sobolev { lambda, ends: neumann }),
        _ => return None,
    })
}

/// [`smooth`] along an axis.
struct Smoothed<'a, T>(&'a mut [T], &'a [usize], usize);

impl<T: Number> Visit for Smoothed<'_, T> {
    type Output = ();
    fn visit<M: Metric + Copy + PartialEq>(self, metric: M) {
        smooth(self.0, self.1, self.2, &metric);
    }
}

/// The inner product of two functions.
struct Product<'a>(&'a [f64], &'a [f64]);

impl Visit for Product<'_> {
    type Output = f64;
    fn visit<M: Metric + Copy + PartialEq>(self, metric: M) -> f64 {
        assert_eq!(metric.product(self.0, self.1), metric.product(self.1, self.0));
        metric.product(self.0, self.1)
    }
}

/// The transform of a weight.
struct Transformed<'a, T>(&'a mut [T], Shape, Axis);

impl<T: Real> Visit for Transformed<'_, T> {
    type Output = bool;
    fn visit<M: Metric + Copy + PartialEq>(self, metric: M) -> bool {
        let Transformed(values, shape, axis) = self;
        let transform = ChannelDirected { metric, axis, linear: true };
        if !transform.applies_to(&shape) {
            return false;
        }
        // In portions of one block and of two, with scratch memory full of rubbish.
        let block = values.len() / transform.blocks(&shape);
        for portion in values.chunks_mut(2 * block) {
            let mut scratch = vec![f64::NAN; transform.scratch_len(&shape)];
            transform.apply(portion, &shape, &mut scratch);
        }
        true
    }
}

fn check(folder: &Folder) -> Result<Report, Error> {
    let mut report = Report::default();
    for file in folder.files_with("layout")? {
        let Some(axis) = file.json().pointer("/layout/axis").and_then(Value::as_u64) else {
            continue;
        };
        check_file(&file, axis as usize, &mut report)?;
    }
    Ok(report)
}

fn check_file(file: &File, axis: usize, report: &mut Report) -> Result<(), Error> {
    let tensors = file.tensors()?;
    for (name, case) in file.table("cases")? {
        let text = |key: &str| case.get(key).and_then(Value::as_str).unwrap_or_default();
        let Some(lambda) = case.get("lam").and_then(Value::as_f64) else {
            return Err(file.entry(name, "has no `lam`"));
        };
        let kind = text("kind");
        let source = name.split('.').next().unwrap_or(name);
        let (dims, grad) = tensors.f64(&format!("{source}.grad"))?;
        let (_, want) = tensors.f64(&format!("{name}.out"))?;
        let mut got = grad.clone();
        if with(kind, lambda, Smoothed(&mut got, &dims, axis)).is_none() {
            report.skip(name, format!("this build has no {kind}"));
            continue;
        }
        compare_relative(name, &got, &want, file.tolerance("/tolerance", "f64_rel_to_max")?)?;
        let mut single: Vec<f32> = grad.iter().map(|&x| x as f32).collect();
        with(kind, lambda, Smoothed(&mut single, &dims, axis));
        let single: Vec<f64> = single.into_iter().map(f64::from).collect();
        compare_relative(name, &single, &want, file.tolerance("/tolerance", "f32_rel_to_max")?)?;
        check_metric(file, name, kind, lambda, &dims)?;
        report.check(kind);
    }
    Ok(())
}

/// Compares our inner product with the stored matrix of the metric.
fn check_metric(
    file: &File,
    name: &str,
    kind: &str,
    lambda: f64,
    dims: &[usize],
) -> Result<(), Error> {
    let tensors = file.tensors()?;
    let (_, matrix) = tensors.f64(&format!("{name}.metric"))?;
    let n = dims[0];
    let unit = |i: usize| (0..n).map(|k| f64::from(u8::from(k == i))).collect::<Vec<f64>>();
    let pairs = (0..n * n).map(|k| with(kind, lambda, Product(&unit(k / n), &unit(k % n))));
    let ours: Vec<f64> = pairs.map(Option::unwrap_or_default).collect();
    compare_relative(&format!("{name}.metric"), &ours, &matrix, 1e-12)
}

#[test]
fn golden_channel_directed_gradients() {
    let folder = Folder::open_from_env().unwrap();
    let report = check(&folder).unwrap();
    println!("{}\n{report}", folder.path().display());
    if std::env::var_os(lowland_conformance::golden::FOLDER_VARIABLE).is_none() {
        let counts = report.checked_by_kind();
        assert_eq!(KINDS.map(|kind| counts.get(kind).copied().unwrap_or(0)), [12; 5]);
    }
}

#[test]
fn golden_channel_directed_damage_is_found() {
    use lowland_conformance::golden::damage;
    let folder = Folder::own().unwrap();
    let files = folder.files_with("layout").unwrap();
    let file = files.iter().find(|file| file.json().pointer("/layout/axis").is_some()).unwrap();
    let name = file.path().file_name().unwrap();
    for kind in KINDS {
        for tensor in
            ["a.grad".to_owned(), format!("a.{kind}.lam0.1.out"), format!("b.{kind}.lam5.metric")]
        {
            let place = tempfile::tempdir().unwrap();
            let copy = damage::copy(&folder, place.path()).unwrap();
            let numbers = damage::tensors_beside(&copy.path().join(name));
            damage::change_element(&numbers, &tensor, 1).unwrap();
            assert!(check(&copy).is_err(), "passes although {tensor} has changed");
        }
    }
}

fn numbers(len: usize) -> impl Strategy<Value = Vec<f64>> {
    prop::collection::vec(-1.0f64..1.0, len)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// `<g_M, v>_M = mean(g v)` for every v: what a gradient with respect to a metric is.
    #[test]
    fn the_gradient_represents_the_derivative(
        kind in prop::sample::select(&KINDS[..]),
        lambda in prop::sample::select(vec![1e-4, 0.01, 0.1, 1.0, 5.0, 100.0]),
        (g, v) in (1usize..40).prop_flat_map(|n| (numbers(n), numbers(n))),
    ) {
        let mut x = g.clone();
        with(kind, lambda, Smoothed(&mut x, &[g.len()], 0));
        let want = g.iter().zip(&v).map(|(g, v)| g * v).sum::<f64>() / g.len() as f64;
        let got = with(kind, lambda, Product(&x, &v)).unwrap();
        // The rounding of x, which is as large as 1 / lambda, and its differences of neighbours, which
        // magnify it by lambda n^2 at most.
        let largest = x.iter().fold(1.0f64, |largest, x| largest.max(x.abs()));
        let tolerance = 1e-14 * largest * (1.0 + lambda * (g.len() * g.len()) as f64);
        prop_assert!((got - want).abs() <= tolerance, "{} {}: {} and {}", kind, lambda, got, want);
        // It is a direction of descent.
        let along = g.iter().zip(&x).map(|(g, x)| g * x).sum::<f64>();
        prop_assert!(along > 0.0 || g.iter().all(|&g| g == 0.0));
    }

    /// Each column along any axis is what it would be alone, however the tensor is cut.
    #[test]
    fn columns_are_independent(
        kind in prop::sample::select(&KINDS[..]),
        dims in prop::collection::vec(1usize..9, 4),
        axis in prop::sample::select(vec![Axis::Output, Axis::Input, Axis::Height, Axis::Width]),
        matrix in any::<bool>(),
    ) {
        let dims = if matrix { &dims[..2] } else { &dims };
        let len = dims.iter().product::<usize>();
        let values: Vec<f64> = (0..len).map(|i| (i as f64 * 1.7).sin()).collect();
        let mut got = values.clone();
        let index = axis.index();
        let applies = with(kind, 0.3, Transformed(&mut got, Shape::new(dims), axis)).unwrap();
        prop_assert_eq!(applies, index < dims.len() && dims[index] >= 2);
        if !applies {
            return Ok(());
        }
        let inner = dims[index + 1..].iter().product::<usize>();
        let mut want = values.clone();
        for start in (0..len).filter(|i| i / inner % dims[index] == 0) {
            let places = (0..dims[index]).map(|o| start + o * inner);
            let mut column: Vec<f64> = places.clone().map(|i| values[i]).collect();
            with(kind, 0.3, Smoothed(&mut column, &[dims[index]], 0));
            places.zip(column).for_each(|(i, x)| want[i] = x);
        }
        prop_assert_eq!(&got, &want);
        let mut sliced = values;
        with(kind, 0.3, Smoothed(&mut sliced, dims, index));
        prop_assert_eq!(&sliced, &want);
    }
}

/// The circular kernel that the prefix sums amount to: `1 + (s^2 - s + 1/6 - 1/(6 n^2)) / (2 lambda)`.
#[test]
fn mean_split_sobolev_is_a_circular_convolution() {
    for n in [1usize, 2, 3, 10, 33] {
        for lambda in [0.01, 0.7, 5.0] {
            let g: Vec<f64> = (0..n).map(|i| (i as f64 * 2.3).cos()).collect();
            let size = n as f64;
            let kernel = |j: usize| {
                let s = j as f64 / size;
                1.0 + (s * s - s + 1.0 / 6.0 - 1.0 / (6.0 * size * size)) / (2.0 * lambda)
            };
            let mut got = g.clone();
            with("h1_periodic", lambda, Smoothed(&mut got, &[n], 0));
            for (o, got) in got.into_iter().enumerate() {
                let terms = (0..n).map(|k| kernel((o + n - k) % n) * g[k]);
                let want = terms.sum::<f64>() / size;
                assert!((got - want).abs() < 1e-13 / lambda, "{n}, {lambda}: {got} and {want}");
            }
        }
    }
}

#[test]
fn edges_of_the_metrics() {
    let g = [3.0f64, -1.0, 4.0, 1.0, -5.0];
    let smoothed = |kind: &str, lambda: f64, g: &[f64]| {
        let mut x = g.to_vec();
        with(kind, lambda, Smoothed(&mut x, &[g.len()], 0));
        x
    };
    let close = |a: &[f64], b: &[f64], tolerance: f64| {
        assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() <= tolerance), "{a:?} and {b:?}");
    };
    close(&smoothed("h0", 1.0, &g), &g, 1e-15);
    for kind in ["sobolev_periodic", "sobolev_neumann"] {
        close(&smoothed(kind, 1e-12, &g), &g, 1e-9);
    }
    for kind in KINDS {
        // A single channel and a constant are their own gradients, and a large lambda leaves the mean.
        close(&smoothed(kind, 0.1, &[7.0]), &[7.0], 0.0);
        close(&smoothed(kind, 0.1, &[2.5; 6]), &[2.5; 6], 1e-15);
        close(&smoothed(kind, 1e14, &g), &[0.4; 5], 1e-12);
        for n in [32, 512] {
            let long: Vec<f64> = (0..n).map(|i| f64::from(i % 7) - 3.0).collect();
            let mean = long.iter().sum::<f64>() / long.len() as f64;
            close(&smoothed(kind, 1e14, &long), &vec![mean; long.len()], 1e-9);
        }
        // A NaN stays in its column, and infinities become NaNs there.
        let mut x = [1.0f64, f64::NAN, 2.0, 3.0, f64::INFINITY, 4.0, 5.0, 6.0, 7.0];
        with(kind, 0.1, Smoothed(&mut x, &[3, 3], 0));
        assert!(x.iter().enumerate().all(|(i, x)| x.is_nan() == (i % 3 == 1)), "{kind}: {x:?}");
    }
    smooth::<f32, _>(&mut [], &[0, 3], 0, &ReweightedL2 { lambda: 1.0 });
    smooth::<f32, _>(&mut [], &[3, 0], 0, &ReweightedL2 { lambda: 1.0 });
}

/// Columns of thousands of channels with a large mean: what an accumulation in `f32` would lose.
#[test]
fn sums_are_in_double_precision_whatever_the_elements_are() {
    let (n, inner) = (2048, 17);
    let value = |i: usize| 1000.0 + ((i * i) as f64 * 0.11).sin();
    for kind in KINDS {
        let exact: Vec<f64> = (0..n * inner).map(|i| f64::from(value(i) as f32)).collect();
        let mut single: Vec<f32> = exact.iter().map(|&x| x as f32).collect();
        let mut want = exact;
        with(kind, 1e-3, Smoothed(&mut want, &[n, inner], 0));
        with(kind, 1e-3, Smoothed(&mut single, &[n, inner], 0));
        for (got, want) in single.iter().zip(&want) {
            assert_eq!(*got, *want as f32, "{kind}");
        }
    }
}

#[test]
fn half_precision_is_rounded_once() {
    fn check<T: Number + PartialEq + std::fmt::Debug>() {
        let values: Vec<T> = (0..60).map(|i| T::narrow((f64::from(i) * 0.7).sin())).collect();
        for kind in KINDS {
            let mut got = values.clone();
            let mut wide: Vec<f64> = values.iter().map(|x| x.widen()).collect();
            with(kind, 0.05, Smoothed(&mut got, &[5, 12], 0));
            with(kind, 0.05, Smoothed(&mut wide, &[5, 12], 0));
            assert_eq!(got, wide.into_iter().map(T::narrow).collect::<Vec<T>>());
        }
    }
    check::<bf16>();
    check::<f16>();
    check::<f32>();
}

#[test]
fn convolutions_are_meant_and_linear_layers_on_request() {
    let metric = ReweightedL2 { lambda: 2.0 };
    let applies = |axis, linear, shape: &[usize]| {
        ChannelDirected { metric, axis, linear }.applies_to(&Shape::new(shape))
    };
    let (conv, linear) = ([4, 1, 3, 3], [10, 64]);
    assert!(applies(Axis::Output, false, &conv) && !applies(Axis::Input, false, &conv));
    assert!(applies(Axis::Height, false, &conv) && applies(Axis::Width, false, &conv));
    assert!(!applies(Axis::Output, false, &[1, 4, 3, 3]));
    assert!(!applies(Axis::Output, false, &linear) && applies(Axis::Output, true, &linear));
    assert!(applies(Axis::Input, true, &linear) && !applies(Axis::Height, true, &linear));
    assert!(!applies(Axis::Output, true, &[64]) && !applies(Axis::Output, true, &[]));
    assert!(!applies(Axis::Output, true, &[2, 2, 2]));
}
