//! Surfaces and sharpness of functions that are known in closed form.

mod common;

use common::{Matrix, distance, dot, norm, numbers};
use lowland_landscape::{Ascent, Error, Function, Objective, interpolate, line, plane, sharpness};

const BALL: Ascent = Ascent { radius: 0.3, steps: 0, rate: 1.0, seed: 2 };

#[test]
fn the_landscape_of_a_quadratic_is_that_quadratic() {
    let a = Matrix::with_spectrum(&numbers(12, 4));
    let mut f = a.quadratic(numbers(12, 2));
    let [w, x, y] = [5, 6, 7].map(|seed| numbers(12, seed));
    let (loss, gradient) = f.gradient(&w).unwrap();
    let [ax, ay] = [&x, &y].map(|v| a.times(v));
    let want = |s: f64, t: f64| {
        let slope = s * dot(&gradient, &x) + t * dot(&gradient, &y);
        let bend = s * s * dot(&x, &ax) / 2.0 + s * t * dot(&x, &ay) + t * t * dot(&y, &ay) / 2.0;
        loss + slope + bend
    };
    let (s, t) = ([-2.0, -0.5, 0.0, 1.5], [-1.0, 0.0, 3.0]);
    let surface = plane(&mut f, &w, [&x, &y], [&s, &t]).unwrap();
    assert_eq!((&surface.a[..], &surface.b[..]), (&s[..], &t[..]));
    for (i, s) in s.iter().enumerate() {
        for (j, t) in t.iter().enumerate() {
            let got = surface.losses[i * 3 + j];
            assert!((got - want(*s, *t)).abs() < 1e-12, "{s} {t}: {got}");
        }
    }
    for (s, got) in s.iter().zip(line(&mut f, &w, &x, &s).unwrap()) {
        assert!((got - want(*s, 0.0)).abs() < 1e-12);
    }
    let ts = [-0.5, 0.0, 0.25, 1.0];
    let losses = interpolate(&mut f, [&w, &y], &ts).unwrap();
    for (t, got) in ts.iter().zip(&losses) {
        let point: Vec<f64> = w.iter().zip(&y).map(|(w, y)| w + t * (y - w)).collect();
        assert!((got - f.loss(&point).unwrap()).abs() < 1e-12);
    }
    assert_eq!(losses[1].to_bits(), loss.to_bits());
    assert_eq!(losses[3].to_bits(), f.loss(&y).unwrap().to_bits());
}

/// `ρ |g| + ρ² ĝᵀ A ĝ / 2`.
#[test]
fn the_first_step_up_a_quadratic_is_known() {
    let a = Matrix::with_spectrum(&numbers(12, 4));
    let mut f = a.quadratic(numbers(12, 2));
    let w = numbers(12, 5);
    let (loss, g) = f.gradient(&w).unwrap();
    let length = norm(&g);
    let found = sharpness(&mut f, &w, &BALL).unwrap();
    let want = 0.3 * length + 0.045 * dot(&g, &a.times(&g)) / (length * length);
    assert!((found.first_step - want).abs() < 1e-12);
    assert_eq!((found.loss, found.sharpness), (loss, found.first_step));
    assert!((norm(&found.offset) - 0.3).abs() < 1e-15);
    let along: Vec<f64> = g.iter().map(|g| 0.3 * g / length).collect();
    assert!(distance(&found.offset, &along) < 1e-15);
}

#[test]
fn ascent_in_a_minimum_finds_half_of_the_largest_eigenvalue_times_the_squared_radius() {
    let a = Matrix::with_spectrum(&[0.5, 4.0, 1.0, 0.0, 2.5]);
    let mut f = a.quadratic(vec![0.0; 5]);
    let found = sharpness(&mut f, &[0.0; 5], &Ascent { steps: 100, ..BALL }).unwrap();
    assert!((found.sharpness - 0.09 * 4.0 / 2.0).abs() < 1e-12, "{}", found.sharpness);
    assert!(found.first_step < found.sharpness);
    assert_eq!(found, sharpness(&mut f, &[0.0; 5], &Ascent { steps: 100, ..BALL }).unwrap());
}

#[test]
fn ascent_beside_a_minimum_finds_the_highest_point_of_the_circle() {
    let a = Matrix::diagonal(&[4.0, 1.0]);
    let (mut f, w) = (a.quadratic(vec![0.0; 2]), [0.1, 0.3]);
    let found = sharpness(&mut f, &w, &Ascent { steps: 200, ..BALL }).unwrap();
    let centre = f.loss(&w).unwrap();
    let best = (0..100_000).map(|i| {
        let (sin, cos) = (f64::from(i) * std::f64::consts::TAU / 100_000.0).sin_cos();
        2.0 * (0.1 + 0.3 * cos).powi(2) + 0.5 * (0.3 + 0.3 * sin).powi(2) - centre
    });
    let best = best.fold(0.0, f64::max);
    assert!((found.sharpness - best).abs() < 1e-8, "{} {best}", found.sharpness);
    assert!(found.first_step < best - 1e-3);
}

#[test]
fn a_hilltop_has_no_sharpness() {
    let mut f = Matrix::diagonal(&[-1.0, -1.0]).quadratic(vec![0.0; 2]);
    let found = sharpness(&mut f, &[0.0; 2], &BALL).unwrap();
    assert!((found.first_step + 0.045).abs() < 1e-15);
    assert_eq!((found.sharpness, found.offset), (0.0, vec![0.0; 2]));
}

#[test]
fn what_cannot_be_measured_is_refused_by_name() {
    let mut f = Function::new(1, |w: &[f64]| (w[0].ln(), vec![1.0 / w[0]]));
    let error = line(&mut f, &[1.0], &[1.0], &[0.0, -2.0]).unwrap_err().to_string();
    assert!(error.starts_with("the loss at factors -2 and 0 is not finite"), "{error}");
    let error = interpolate(&mut f, [&[1.0], &[-1.0]], &[0.0, 1.0]).unwrap_err().to_string();
    assert!(error.starts_with("the loss at t = 1 is not finite"), "{error}");
    let error = sharpness(&mut f, &[0.0], &BALL).unwrap_err().to_string();
    assert!(error.starts_with("the loss in the centre is not finite"), "{error}");
    assert!(matches!(line(&mut f, &[1.0, 2.0], &[1.0], &[0.0]), Err(Error::Length { .. })));
    assert!(matches!(line(&mut f, &[1.0], &[1.0; 2], &[0.0]), Err(Error::Length { .. })));
    assert!(matches!(line(&mut f, &[1.0], &[1.0], &[]), Err(Error::TooFew { .. })));
    assert!(matches!(line(&mut f, &[1.0], &[1.0], &[f64::NAN]), Err(Error::NonFinite { .. })));
    assert!(matches!(interpolate(&mut f, [&[1.0], &[]], &[0.0]), Err(Error::Length { .. })));
    for radius in [0.0, -1.0, f64::INFINITY] {
        let error = sharpness(&mut f, &[1.0], &Ascent { radius, ..BALL });
        assert!(matches!(error, Err(Error::NotPositive { what: "the radius", .. })));
    }
    assert!(sharpness(&mut f, &[1.0], &Ascent { rate: 0.0, ..BALL }).is_err());
    assert!(matches!(sharpness(&mut f, &[], &BALL), Err(Error::Length { want: 1, got: 0, .. })));
    let mut wrong = Function::new(1, |_: &[f64]| (0.0, vec![]));
    assert!(matches!(sharpness(&mut wrong, &[1.0], &BALL), Err(Error::Length { .. })));
}
