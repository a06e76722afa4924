//! Eigenvalues, traces and densities against matrices whose spectra are known.

mod common;

use common::{Matrix, distance, dot, norm, numbers};
use lowland_landscape::{
    End, Error, Hessian, Operator, Quadrature, Search, eigenpairs, quadrature, trace,
};

const TOP: Search = Search { end: End::Top, count: 3, steps: 30, tolerance: 0.0, seed: 1 };

/// 60 eigenvalues in -1..1 and three outside, as the Hessian of a network has.
fn outliers() -> Vec<f64> {
    let mut values = numbers(60, 4);
    values.extend([10.0, 7.0, -3.0]);
    values
}

#[test]
fn products_of_a_quadratic_are_its_matrix_whatever_the_lengths() {
    let a = Matrix::with_spectrum(&outliers());
    let mut f = a.quadratic(numbers(63, 2));
    for size in [1e-3, 1.0, 1e3] {
        let w: Vec<f64> = numbers(63, 3).iter().map(|w| size * w).collect();
        for length in [1e-6, 1.0, 1e6] {
            let v: Vec<f64> = numbers(63, 5).iter().map(|v| length * v).collect();
            let got = Hessian::new(&mut f, &w).unwrap().apply(&v).unwrap();
            let want = a.times(&v);
            let error = distance(&got, &want) / norm(&want);
            assert!(error < 2e-9, "|w| ~ {size}, |v| ~ {length}: {error}");
        }
    }
    let mut hessian = Hessian::new(&mut f, &[0.5; 63]).unwrap();
    assert_eq!(hessian.apply(&[0.0; 63]).unwrap(), [0.0; 63]);
}

#[test]
fn both_ends_of_a_spectrum_are_found() {
    let mut a = Matrix::with_spectrum(&outliers());
    let found = eigenpairs(&mut a, &TOP).unwrap();
    assert_eq!(found.products, 30);
    let third = numbers(60, 4).into_iter().fold(0.0, f64::max);
    for (value, want, bound) in [
        (found.values[0], 10.0, 1e-12),
        (found.values[1], 7.0, 1e-12),
        (found.values[2], third, 1e-3),
    ] {
        assert!((value - want).abs() < bound, "{value} is not {want}");
    }
    for i in 0..3 {
        let v = &found.vectors[i];
        let av: Vec<f64> = a.times(v);
        let scaled: Vec<f64> = v.iter().map(|v| found.values[i] * v).collect();
        // The residual that the iteration claims is the one there is.
        assert!((distance(&av, &scaled) - found.residuals[i]).abs() < 1e-12);
        assert!((norm(v) - 1.0).abs() < 1e-12);
        assert!(dot(v, &found.vectors[(i + 1) % 3]).abs() < 1e-12);
    }
    let bottom = eigenpairs(&mut a, &Search { end: End::Bottom, count: 1, ..TOP }).unwrap();
    assert!((bottom.values[0] + 3.0).abs() < 1e-12);
}

#[test]
fn a_tolerance_ends_the_iteration_when_all_that_is_looked_for_is_there() {
    let mut a = Matrix::with_spectrum(&outliers());
    let search = Search { count: 2, tolerance: 0.01, ..TOP };
    let found = eigenpairs(&mut a, &search).unwrap();
    assert!((4..20).contains(&found.products), "{} products", found.products);
    for (i, want) in [10.0, 7.0].into_iter().enumerate() {
        assert!(found.residuals[i] <= 0.01 * found.values[i]);
        assert!((found.values[i] - want).abs() <= found.residuals[i]);
    }
    // One product less, and some residual is too large still.
    let all = Search { steps: found.products - 1, tolerance: 0.0, ..search };
    let before = eigenpairs(&mut a, &all).unwrap();
    assert!(before.residuals.iter().zip(&before.values).any(|(r, v)| *r > 0.01 * v));
    let same = eigenpairs(&mut a, &Search { steps: found.products, ..all }).unwrap();
    assert_eq!(same, found);
}

#[test]
fn as_many_steps_as_rows_find_every_eigenvalue_and_none_twice() {
    let mut want = outliers();
    want.sort_by(|a, b| b.total_cmp(a));
    let mut a = Matrix::with_spectrum(&want);
    let all = Search { count: 63, steps: 100, ..TOP };
    let found = eigenpairs(&mut a, &all).unwrap();
    assert_eq!(found.products, 63);
    assert!(distance(&found.values, &want) < 1e-11, "{}", distance(&found.values, &want));
    assert!(distance(&a.eigenvalues(), &want) < 1e-11);
}

#[test]
fn repeated_eigenvalues_are_found_as_often_as_they_are() {
    let mut a = Matrix::diagonal(&[1.0, 5.0, 1.0, 5.0, 5.0, 0.0]);
    let found = eigenpairs(&mut a, &Search { count: 4, ..TOP }).unwrap();
    assert!(distance(&found.values, &[5.0, 5.0, 5.0, 1.0]) < 1e-12, "{:?}", found.values);
    let mut zero = Matrix::diagonal(&[0.0; 4]);
    assert_eq!(eigenpairs(&mut zero, &Search { count: 2, ..TOP }).unwrap().values, [0.0, 0.0]);
    let few = eigenpairs(&mut Matrix::diagonal(&[2.0]), &TOP).unwrap();
    assert_eq!((few.values, few.products), (vec![2.0], 1));
}

#[test]
fn a_trace_is_exact_on_a_diagonal_and_has_the_known_variance_elsewhere() {
    let mut diagonal = Matrix::diagonal(&[1.0, -2.0, 4.5]);
    let exact = trace(&mut diagonal, 2, 0).unwrap();
    assert_eq!((exact.mean, exact.standard_error), (3.5, 0.0));

    let values = outliers();
    let mut a = Matrix::with_spectrum(&values);
    let probes = 4000;
    let found = trace(&mut a, probes, 7).unwrap();
    let total: f64 = values.iter().sum();
    assert!((found.mean - total).abs() < 4.0 * found.standard_error, "{found:?}");
    let squares: f64 = a.0.iter().map(|row| dot(row, row)).sum();
    let on_diagonal: f64 = (0..63).map(|i| a.0[i][i] * a.0[i][i]).sum();
    let want = (2.0 * (squares - on_diagonal) / probes as f64).sqrt();
    assert!((found.standard_error / want - 1.0).abs() < 0.1, "{} {want}", found.standard_error);
    // Probes are a function of the seed and their index.
    let fewer = trace(&mut a, 10, 7).unwrap();
    assert_eq!(fewer.samples, found.samples[..10]);
    assert_ne!(trace(&mut a, 10, 8).unwrap().samples, fewer.samples);
}

#[test]
fn quadrature_of_a_diagonal_is_its_spectrum() {
    let mut a = Matrix::diagonal(&[4.0, 1.0, 2.0, 6.0, 5.0, 3.0]);
    let Quadrature { probes } = quadrature(&mut a, 2, 10, 3).unwrap();
    for nodes in &probes {
        assert_eq!(nodes.len(), 6);
        for (i, (x, weight)) in nodes.iter().enumerate() {
            assert!((x - (i + 1) as f64).abs() < 1e-12, "{nodes:?}");
            assert!((weight - 1.0 / 6.0).abs() < 1e-12, "{nodes:?}");
        }
    }
    // One eigenvalue, one node: the iteration ends where it is exact.
    let one = quadrature(&mut Matrix::diagonal(&[2.0; 5]), 1, 5, 3).unwrap();
    assert_eq!(one.probes[0].len(), 1);
    assert!((one.range().0 - 2.0).abs() < 1e-14);
}

#[test]
fn a_density_is_that_of_the_smoothed_spectrum() {
    let values = outliers();
    let mut a = Matrix::with_spectrum(&values);
    let spectrum = quadrature(&mut a, 200, 40, 5).unwrap();
    let n = values.len() as f64;
    // m steps are exact for polynomials of degree 2 m - 1; what is left is the error of the probes.
    assert!((spectrum.mean_of(|_| 1.0) - 1.0).abs() < 1e-12);
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = a.0.iter().map(|row| dot(row, row)).sum();
    let error = (2.0 * squares / 200.0).sqrt() / n;
    assert!((spectrum.mean_of(|x| x) - mean).abs() < 4.0 * error);

    let sigma = 0.3;
    let found = spectrum.density(sigma, 1001).unwrap();
    let step = found.grid[1] - found.grid[0];
    let integral: f64 = found.density.iter().sum::<f64>() * step;
    assert!((integral - 1.0).abs() < 1e-6, "{integral}");
    let peak = 1.0 / (sigma * (2.0 * std::f64::consts::PI).sqrt());
    let mut worst = 0f64;
    for (t, density) in found.grid.iter().zip(&found.density) {
        let bump = |x: &f64| peak * (-0.5 * ((t - x) / sigma).powi(2)).exp();
        let want = values.iter().map(bump).sum::<f64>() / n;
        worst = worst.max((density - want).abs());
    }
    // The density is 0.45 at its highest.
    assert!(worst < 0.02, "{worst}");
}

#[test]
fn equal_seeds_give_equal_bits_and_others_do_not() {
    let a = Matrix::with_spectrum(&outliers());
    let mut f = a.quadratic(numbers(63, 2));
    let mut hessian = Hessian::new(&mut f, &[0.1; 63]).unwrap();
    let short = Search { steps: 6, ..TOP };
    let once = eigenpairs(&mut hessian, &short).unwrap();
    assert_eq!(once, eigenpairs(&mut hessian, &short).unwrap());
    assert_ne!(once, eigenpairs(&mut hessian, &Search { seed: 2, ..short }).unwrap());
    let once = quadrature(&mut hessian, 2, 5, 1).unwrap();
    assert_eq!(once, quadrature(&mut hessian, 2, 5, 1).unwrap());
    assert_ne!(once, quadrature(&mut hessian, 2, 5, 2).unwrap());
}

#[test]
fn what_cannot_be_measured_is_refused_by_name() {
    let mut a = Matrix::diagonal(&[1.0, 2.0]);
    let says = |error: Error| error.to_string();
    assert_eq!(says(trace(&mut a, 0, 0).unwrap_err()), "0 probes; at least 2 are needed");
    assert_eq!(says(quadrature(&mut a, 0, 1, 0).unwrap_err()), "0 probes; at least 1 are needed");
    assert!(matches!(
        quadrature(&mut a, 1, 0, 0),
        Err(Error::TooFew { what: "Lanczos steps", .. })
    ));
    let none = Search { count: 0, ..TOP };
    assert!(matches!(eigenpairs(&mut a, &none), Err(Error::TooFew { what: "eigenvalues", .. })));
    let short = Search { steps: 2, ..TOP };
    assert!(matches!(eigenpairs(&mut a, &short), Err(Error::TooFew { least: 3, got: 2, .. })));
    let loose = Search { tolerance: -0.1, ..TOP };
    assert!(matches!(
        eigenpairs(&mut a, &loose),
        Err(Error::Negative { what: "the tolerance", .. })
    ));
    let mut empty = Matrix(vec![]);
    assert!(matches!(eigenpairs(&mut empty, &TOP), Err(Error::TooFew { what: "parameters", .. })));
    let mut infinite = Matrix::diagonal(&[1.0, f64::INFINITY]);
    assert!(matches!(eigenpairs(&mut infinite, &TOP), Err(Error::NonFinite { .. })));
    assert!(matches!(trace(&mut infinite, 2, 0), Err(Error::NonFinite { .. })));

    let spectrum = quadrature(&mut a, 1, 2, 0).unwrap();
    for sigma in [0.0, -1.0, f64::NAN] {
        assert!(matches!(
            spectrum.density(sigma, 10),
            Err(Error::NotPositive { what: "sigma", .. })
        ));
    }
    assert!(matches!(spectrum.density(1.0, 1), Err(Error::TooFew { what: "grid points", .. })));

    let mut f = a.quadratic(vec![0.0; 2]);
    assert!(matches!(Hessian::new(&mut f, &[0.0]), Err(Error::Length { want: 2, got: 1, .. })));
    let mut hessian = Hessian::new(&mut f, &[0.0; 2]).unwrap();
    assert!(matches!(hessian.apply(&[0.0; 3]), Err(Error::Length { want: 2, got: 3, .. })));
    assert!(matches!(hessian.apply(&[f64::NAN, 0.0]), Err(Error::NonFinite { .. })));
    assert!(matches!(hessian.with_relative_step(0.0), Err(Error::NotPositive { .. })));
}
