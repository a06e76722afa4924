//! Curves of gradient activations.

use lowland_core::{Shape, Transform};
use lowland_optim::stages::{Activation, Atan, Log, Tanh};
use lowland_optim::transforms::AdaptiveAtan;

use super::chart::{Axis, Chart, Mark, Panel, black, colour, curve, even};
use crate::Result;

/// The element-wise activations with their defaults, and the adaptive one on a tensor of even values.
pub(super) fn curves() -> Result<Chart> {
    let (atan, tanh, log) = (Atan::default(), Tanh::default(), Log::default());
    let ends = (-1.0, 1.0);
    let element_wise = vec![
        curve(ends, black(), |x| x),
        curve(ends, colour(0), |x| atan.apply(x)),
        curve(ends, colour(1), |x| tanh.apply(x)),
        curve(ends, colour(2), |x| log.apply(x)),
    ];
    let settings = [(1.1, 1.1), (1.1, 2.0), (2.0, 2.0)];
    let adaptive = settings.iter().enumerate().map(|(i, &(shrink, gamma))| {
        let tensor: Vec<f64> = even(ends.0, ends.1, 401).collect();
        let mut activated = tensor.clone();
        let shape = Shape::from([tensor.len()]);
        AdaptiveAtan { shrink, gamma }.apply(&mut activated, &shape, &mut []);
        let points = tensor.into_iter().zip(activated).collect();
        Mark::Line { points, colour: colour(3 + i), width: 2.4 }
    });
    let adaptive = [curve(ends, black(), |x| x)].into_iter().chain(adaptive).collect();
    let panel = |title: &str, marks| Panel {
        title: title.into(),
        x: Axis::new("x", ends.0, ends.1),
        y: Axis::new("G(x)", -0.75, 0.75),
        equal: false,
        marks,
    };
    let named =
        [("x itself", black()), ("atan", colour(0)), ("tanh", colour(1)), ("log", colour(2))];
    let mut legend: Vec<_> = named.map(|(name, colour)| (name.to_string(), colour)).into();
    legend.extend(
        settings
            .iter()
            .enumerate()
            .map(|(i, (shrink, gamma))| (format!("adaptive {shrink:?}, {gamma:?}"), colour(3 + i))),
    );
    Ok(Chart {
        title: "Gradient activations",
        legend,
        panels: vec![
            panel("of each element: alpha 0.3, beta 4.5", element_wise),
            panel("adaptive (shrink, gamma), on 401 even values from -1 to 1", adaptive),
        ],
    })
}
