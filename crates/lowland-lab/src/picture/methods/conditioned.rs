//! Descents of a quadratic whose slopes differ by four orders of magnitude, with activated gradients.

use std::f64::consts::PI;

use lowland_core::{Chain, Clock};
use lowland_optim::stages::{Activate, Atan, ClipValue};
use lowland_optim::{Optimizer, Sgd};
use plotters::style::RGBColor;

use super::chart::{Axis, Chart, Mark, Panel, black, colour, even};
use crate::Result;

/// Coordinates of the quadratic; its curvatures go from 1e-4 to 1 in equal ratios.
const N: usize = 20;
const STEPS: u64 = 1000;
/// Learning rates that are tried, from 0.01 to 1000 in equal ratios.
const RATES: usize = 41;

/// Whether the curvatures lie along the coordinates, or along directions that mix all of them.
#[derive(Clone, Copy, PartialEq)]
enum Axes {
    Coordinates,
    Mixed,
}

/// What makes a step of a gradient, by its name in the legend.
fn rules() -> Result<Vec<(&'static str, RGBColor, Chain)>> {
    let atan = |alpha, beta| Chain::new().then(Activate(Atan { alpha, beta }));
    Ok(vec![
        ("SGD", black(), Sgd::default().chain()?),
        ("clipped at 0.5", colour(3), Chain::new().then(ClipValue { limit: 0.5 })),
        ("atan 0.3, 4.5", colour(0), atan(0.3, 4.5)),
        ("atan 0.1, 20", colour(1), atan(0.1, 20.0)),
    ])
}

/// The loss `sum h_i y_i^2 / 2` and its gradient, where y is x, or x reflected at the plane that is
/// normal to (1, ..., 1).
fn quadratic(x: &[f64; N], axes: Axes) -> (f64, [f64; N]) {
    let curvatures: Vec<f64> = even(-4.0, 0.0, N).map(|power| 10f64.powf(power)).collect();
    let turn = |x: &[f64; N]| match axes {
        Axes::Coordinates => *x,
        Axes::Mixed => {
            let twice_mean = 2.0 * x.iter().sum::<f64>() / N as f64;
            x.map(|x| x - twice_mean)
        }
    };
    let y = turn(x);
    let loss = y.iter().zip(&curvatures).map(|(y, h)| 0.5 * h * y * y).sum();
    let mut slope = y;
    slope.iter_mut().zip(&curvatures).for_each(|(y, h)| *y *= h);
    (loss, turn(&slope))
}

/// The loss before each step and after the last, with a learning rate that falls as a cosine.
fn descend(chain: &Chain, lr: f64, axes: Axes) -> Result<Vec<f64>> {
    let mut optimizer = Optimizer::new(chain.clone());
    // Where y is (1, ..., 1): the reflection turns it round.
    let mut x = [if axes == Axes::Mixed { -1.0 } else { 1.0 }; N];
    let mut losses = vec![quadratic(&x, axes).0];
    for step in 1..=STEPS {
        let progress = (step - 1) as f64 / STEPS as f64;
        let lr = 0.5 * lr * (1.0 + (PI * progress).cos());
        let slope = quadratic(&x, axes).1;
        optimizer.step(&Clock { step, epoch: 1, progress, lr }, &mut [("x", &mut x, &slope)])?;
        losses.push(quadratic(&x, axes).0);
    }
    Ok(losses)
}

/// The descent with the learning rate that ends lowest of those tried, where the loss stays below a million.
fn best(chain: &Chain, axes: Axes) -> Result<Vec<f64>> {
    let mut best: Option<Vec<f64>> = None;
    for power in even(-2.0, 3.0, RATES) {
        let losses = descend(chain, 10f64.powf(power), axes)?;
        let (new, old) = (losses[STEPS as usize], best.as_ref().map(|b| b[STEPS as usize]));
        if losses.iter().all(|loss| *loss < 1e6) && old.is_none_or(|old| new < old) {
            best = Some(losses);
        }
    }
    Ok(best.unwrap_or_default())
}

/// Losses over steps of each rule, with curvatures along the coordinates and along mixed directions.
pub(super) fn descents() -> Result<Chart> {
    let rules = rules()?;
    let panel = |axes, title: &str, y: (f64, f64), powers: &[i32]| -> Result<Panel> {
        let mut marks = Vec::new();
        for (_, colour, chain) in &rules {
            let losses = best(chain, axes)?;
            let points = losses.iter().enumerate().map(|(i, l)| (i as f64, l.log10())).collect();
            marks.push(Mark::Line { points, colour: *colour, width: 2.2 });
        }
        Ok(Panel {
            title: title.into(),
            x: Axis::new("step", 0.0, STEPS as f64),
            y: Axis::logarithmic("loss", y.0, y.1, powers),
            equal: false,
            marks,
        })
    };
    Ok(Chart {
        title: "A quadratic of condition number 10,000: each rule with the best of 41 learning rates, cosine",
        legend: rules.iter().map(|(name, colour, _)| ((*name).to_string(), *colour)).collect(),
        panels: vec![
            panel(
                Axes::Coordinates,
                "curvatures along the coordinates",
                (1e-28, 1e7),
                &[-25, -20, -15, -10, -5, 0, 5],
            )?,
            panel(
                Axes::Mixed,
                "curvatures along directions that mix all coordinates",
                (1e-5, 1e2),
                &[-4, -3, -2, -1, 0, 1],
            )?,
        ],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn activation_helps_where_curvatures_lie_along_the_coordinates_and_hardly_elsewhere() {
        let end = |i: usize, axes| best(&rules().unwrap()[i].2, axes).unwrap()[STEPS as usize];
        // The book says so.
        assert!((end(0, Axes::Coordinates) / 5.0e-4 - 1.0).abs() < 0.02);
        assert!(end(2, Axes::Coordinates) < 1e-20 && end(3, Axes::Coordinates) < 1e-20);
        assert!((end(0, Axes::Mixed) / 5.0e-4 - 1.0).abs() < 0.02);
        assert!((end(2, Axes::Mixed) / 3.5e-4 - 1.0).abs() < 0.05);
        assert!((end(3, Axes::Mixed) / 3.3e-4 - 1.0).abs() < 0.05);
    }

    #[test]
    fn the_gradient_is_that_of_the_loss() {
        let x: [f64; N] = std::array::from_fn(|i| (i as f64).sin());
        for axes in [Axes::Coordinates, Axes::Mixed] {
            let slope = quadratic(&x, axes).1;
            for i in 0..N {
                let at = |offset: f64| {
                    let mut moved = x;
                    moved[i] += offset;
                    quadratic(&moved, axes).0
                };
                assert!(((at(1e-3) - at(-1e-3)) / 2e-3 - slope[i]).abs() < 1e-9);
            }
        }
    }
}
