//! Characteristic roots of multistep schemes, and the region of c in which a ZeroSNet is stable.

use std::f64::consts::TAU;

use lowland_models::zero_stability::{Root, Scheme};
use plotters::style::RGBColor;

use super::super::FRAME;
use super::chart::{Axis, Chart, Mark, Panel, black, colour, even};
use crate::Result;

/// Roots of four schemes, and the parasitic radius over c.
pub(super) fn roots() -> Result<Chart> {
    // Later dots lie on earlier ones and are smaller: all four schemes but one have the root 1.
    let schemes = [
        ("ResNet", colour(0), 12.0, Scheme::resnet()),
        ("LM-ResNet, k = -0.25", colour(2), 9.0, Scheme::lm_resnet(-0.25)?),
        ("ZeroSNet-Opt", colour(1), 6.0, Scheme::from_c(-1.8)?),
        ("1, 1, 1", black(), 6.0, Scheme::new(&[1.0, 1.0, 1.0])?),
    ];
    chart(&schemes)
}

/// Roots of one scheme, and the parasitic radius over c.
pub(super) fn roots_of(scheme: &Scheme) -> Result<Chart> {
    chart(&[("the scheme", colour(0), 9.0, scheme.clone())])
}

/// Schemes by name, with the colours and sizes of their roots.
fn chart(schemes: &[(&str, RGBColor, f64, Scheme)]) -> Result<Chart> {
    let circle = even(0.0, TAU, 361).map(|angle| (angle.cos(), angle.sin())).collect();
    let mut marks = vec![Mark::Line { points: circle, colour: FRAME, width: 1.6 }];
    let mut reach: [f64; 3] = [1.3, 2.1, 1.2];
    for (_, colour, radius, scheme) in schemes {
        let at = |root: &Root| (root.re, root.im);
        let points: Vec<(f64, f64)> = scheme.analyse().roots.iter().map(at).collect();
        for (re, im) in &points {
            let out = [-re, *re, im.abs()];
            reach.iter_mut().zip(out).for_each(|(reach, out)| *reach = reach.max(1.1 * out));
        }
        marks.push(Mark::Dots { points, colour: *colour, radius: *radius });
    }
    let plane = Panel {
        title: "characteristic roots and the unit circle".into(),
        x: Axis::new("real part", -reach[0], reach[1]),
        y: Axis::new("imaginary part", -reach[2], reach[2]),
        equal: true,
        marks,
    };
    let legend = schemes.iter().map(|(name, colour, ..)| (name.to_string(), *colour));
    Ok(Chart {
        title: "Zero stability",
        legend: legend.chain([("radius of ZeroSNet over c".into(), colour(3))]).collect(),
        panels: vec![plane, radii()?],
    })
}

/// The largest parasitic root of a ZeroSNet over c.
fn radii() -> Result<Panel> {
    const STABLE: RGBColor = RGBColor(226, 240, 232);
    let (low, high, top) = (-6.0, 4.0, 2.5);
    // c = 0 divides by 0, and is between two of these.
    let numbers: Vec<f64> = even(low, high, 4000).collect();
    let mut points = Vec::new();
    let mut bands: Vec<(f64, f64)> = Vec::new();
    let (mut stable_before, mut last) = (false, low);
    for c in numbers {
        let stability = Scheme::from_c(c)?.analyse();
        points.push((c, stability.parasitic_radius.unwrap_or(f64::NAN)));
        match bands.last_mut() {
            Some(band) if stability.zero_stable && stable_before => band.1 = c,
            _ if stability.zero_stable => bands.push((if last == low { low } else { c }, c)),
            _ => {}
        }
        (stable_before, last) = (stability.zero_stable, c);
    }
    let bands = bands.into_iter().map(|x| Mark::Band { x, colour: STABLE });
    let best = Scheme::from_c(-1.8)?.analyse().parasitic_radius.unwrap_or(f64::NAN);
    let marks = bands.chain([
        Mark::Line { points: vec![(low, 1.0), (high, 1.0)], colour: FRAME, width: 1.6 },
        Mark::Line { points, colour: colour(3), width: 2.4 },
        Mark::Dots { points: vec![(-1.8, best)], colour: colour(1), radius: 6.0 },
        Mark::Word { at: (-5.7, 2.3), text: "zero-stable" },
        Mark::Word { at: (1.2, 2.3), text: "zero-stable" },
    ]);
    Ok(Panel {
        title: "largest parasitic root of a ZeroSNet".into(),
        x: Axis::new("c", low, high),
        y: Axis::new("modulus", 0.0, top),
        equal: false,
        marks: marks.collect(),
    })
}
