//! Measures of functions of one parameter, where every answer is known, and of none.

mod common;

use common::Matrix;
use lowland_landscape::{
    Ascent, End, Error, Function, Hessian, Operator, Search, eigenpairs, interpolate, line, plane,
    quadrature, sharpness, trace,
};

/// `3 w² / 2 - w`.
fn parabola() -> Function<impl FnMut(&[f64]) -> (f64, Vec<f64>)> {
    Matrix::diagonal(&[3.0]).quadratic(vec![-1.0])
}

const SEARCH: Search = Search { end: End::Top, count: 4, steps: 10, tolerance: 0.0, seed: 1 };

#[test]
fn one_parameter_has_one_eigenvalue() {
    let mut f = parabola();
    let mut hessian = Hessian::new(&mut f, &[0.5]).unwrap();
    assert!((hessian.apply(&[2.0]).unwrap()[0] - 6.0).abs() < 1e-6);
    let found = eigenpairs(&mut hessian, &SEARCH).unwrap();
    assert_eq!((found.values.len(), found.products), (1, 1), "there is no second one");
    assert!((found.values[0] - 3.0).abs() < 1e-6);
    assert!((found.vectors[0][0].abs() - 1.0).abs() < 1e-15 && found.residuals[0] < 1e-6);
    let of_trace = trace(&mut hessian, 4, 7).unwrap();
    assert!((of_trace.mean - 3.0).abs() < 1e-6 && of_trace.standard_error < 1e-6);
    let nodes = quadrature(&mut hessian, 2, 5, 3).unwrap();
    for probe in &nodes.probes {
        let &[(node, weight)] = &probe[..] else { panic!("{probe:?}") };
        assert!((node - 3.0).abs() < 1e-6 && (weight - 1.0).abs() < 1e-15);
    }
    let density = nodes.density(0.1, 101).unwrap();
    let largest = density.density.iter().copied().fold(0.0, f64::max);
    assert!((largest - 1.0 / (0.1 * (2.0 * std::f64::consts::PI).sqrt())).abs() < 1e-6);
}

#[test]
fn one_parameter_has_a_line_and_no_plane_beside_it() {
    let mut f = parabola();
    let loss = |w: f64| 1.5 * w * w - w;
    let along = line(&mut f, &[1.0], &[2.0], &[0.0]).unwrap();
    assert_eq!(along, [loss(1.0)]);
    let surface = plane(&mut f, &[1.0], [&[2.0], &[-2.0]], [&[0.5, 1.0], &[0.5]]).unwrap();
    assert_eq!(surface.losses, [loss(1.0), loss(2.0)]);
    assert_eq!(interpolate(&mut f, [&[1.0], &[3.0]], &[0.5]).unwrap(), [loss(2.0)]);
    // Ascent goes to the higher end of the interval, and stays.
    let ball = Ascent { radius: 0.25, steps: 3, rate: 1.0, seed: 0 };
    let found = sharpness(&mut f, &[1.0], &ball).unwrap();
    assert_eq!((found.first_step, found.sharpness), (loss(1.25) - loss(1.0), found.first_step));
    assert_eq!(found.offset, [0.25]);
}

#[test]
fn no_parameters_have_no_spectrum() {
    let mut f = Function::new(0, |_: &[f64]| (2.0, vec![]));
    assert_eq!(line(&mut f, &[], &[], &[0.0, 1.0]).unwrap(), [2.0; 2]);
    let ball = Ascent { radius: 0.25, steps: 3, rate: 1.0, seed: 0 };
    let found = sharpness(&mut f, &[], &ball).unwrap();
    assert_eq!((found.loss, found.sharpness), (2.0, 0.0));
    let mut hessian = Hessian::new(&mut f, &[]).unwrap();
    let too_few = "0 parameters; at least 1 are needed";
    let error = eigenpairs(&mut hessian, &SEARCH).unwrap_err();
    assert_eq!(error.to_string(), too_few);
    let error = quadrature(&mut hessian, 1, 1, 0).unwrap_err();
    assert!(matches!(error, Error::TooFew { .. }) && error.to_string() == too_few, "{error}");
    assert_eq!(trace(&mut hessian, 2, 0).unwrap().mean, 0.0, "a sum over nothing");
}
