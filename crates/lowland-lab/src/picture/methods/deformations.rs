//! Deformations of the loss: their curves, and what they do on two surfaces.

use lowland_optim::deformation::toy::{BOWLS, Point, Toy, WELLS};
use lowland_optim::deformation::{
    AtanPower, DeformedLoss, LinearQuadratic, LogExp, Sech, WindowedLinear,
};
use plotters::style::RGBColor;

use super::chart::{Axis, Chart, Mark, Panel, black, colour, curve, even, mix};
use crate::Result;

/// f and f' of one member of each family.
pub(super) fn curves() -> Result<Chart> {
    let families = [
        ("L itself", black(), DeformedLoss::new(LinearQuadratic { a: 0.0 })),
        (
            "arctan-power 10, 1, 1, 1",
            colour(0),
            DeformedLoss::new(AtanPower { a: 10.0, b: 1.0, g: 1.0, z: 1.0 }),
        ),
        ("log-exp 1, 0.9, 1", colour(1), DeformedLoss::new(LogExp { a: 1.0, b: 0.9, c: 1.0 })),
        ("sech 9.5, 1, 1", colour(2), DeformedLoss::new(Sech { a: 9.5, b: 1.0, z: 1.0 })),
        (
            "linear 10 in 1.8..1.9",
            colour(3),
            DeformedLoss::new(WindowedLinear { a: 10.0, lo: 1.8, hi: 1.9 }),
        ),
        ("linear-quadratic 1", colour(4), DeformedLoss::new(LinearQuadratic { a: 1.0 })),
    ];
    let families = families.map(|(name, colour, f)| (name, colour, f.through_origin()));
    let panel = |label, high, of_slope: bool| {
        let line = |(_, colour, f): &(&str, RGBColor, DeformedLoss)| {
            curve((0.0, 2.5), *colour, |l| {
                let at = f.at(l, 0.0);
                if of_slope { at.slope } else { at.value }
            })
        };
        Panel {
            title: label_of(of_slope).into(),
            x: Axis::new("loss L", 0.0, 2.5),
            y: Axis::new(label, 0.0, high),
            equal: false,
            marks: families.iter().map(line).collect(),
        }
    };
    Ok(Chart {
        title: "Deformations of the loss",
        legend: families.iter().map(|(name, colour, _)| (name.to_string(), *colour)).collect(),
        panels: vec![panel("f(L)", 20.0, false), panel("f'(L)", 12.0, true)],
    })
}

fn label_of(slope: bool) -> &'static str {
    if slope { "what multiplies every gradient" } else { "value, shifted to f(0) = 0" }
}

/// Plain and deformed descent on the two surfaces.
pub(super) fn surfaces() -> Result<Chart> {
    Ok(Chart {
        title: "Descent of L and of f(L) = 10 atan(L) + L, from the same point with the same rate",
        legend: vec![("of L".into(), colour(0)), ("of f(L)".into(), colour(1))],
        panels: vec![
            surface("curvatures 40 and 1", &BOWLS, ([-0.9, 2.7], [-0.75, 1.55])),
            surface("two wells", &WELLS, ([-1.3, 2.3], [-1.0, 1.3])),
        ],
    })
}

fn surface(title: &str, toy: &Toy, ([left, right], [bottom, top]): ([f64; 2], [f64; 2])) -> Panel {
    const COLUMNS: usize = 240;
    const ROWS: usize = 150;
    const BANDS: f64 = 14.0;
    let centres = |low: f64, high: f64, count: usize| {
        let half = 0.5 * (high - low) / count as f64;
        even(low + half, high - half, count)
    };
    let at = |y: f64| centres(left, right, COLUMNS).map(move |x| toy.surface.at([x, y]).0);
    // The first row is the top one.
    let losses: Vec<f64> = centres(top, bottom, ROWS).flat_map(at).collect();
    let lowest = losses.iter().copied().fold(f64::INFINITY, f64::min);
    let highest = losses.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let shade = |loss: &f64| {
        let band = (BANDS * ((loss - lowest) / (highest - lowest)).sqrt()).floor() / BANDS;
        mix(RGBColor(150, 165, 180), RGBColor(252, 252, 252), band)
    };
    let path = |points: Vec<Point>| points.into_iter().map(|p| (p.at[0], p.at[1])).collect();
    let plain: Vec<(f64, f64)> = path(toy.descend(&LinearQuadratic { a: 0.0 }));
    let deformed: Vec<(f64, f64)> = path(toy.descend(&toy.deformation));
    let mut marks =
        vec![Mark::Cells { columns: COLUMNS, colours: losses.iter().map(shade).collect() }];
    for (points, colour) in [(deformed, colour(1)), (plain, colour(0))] {
        // One by one, as lines with sharp turns would have long corners.
        marks.extend(points.windows(2).map(|pair| Mark::Line {
            points: pair.to_vec(),
            colour,
            width: 1.6,
        }));
        marks.push(Mark::Dots { points, colour, radius: 3.4 });
    }
    let start = vec![(toy.start[0], toy.start[1])];
    marks.push(Mark::Dots { points: start, colour: black(), radius: 4.5 });
    for ([x, y], text) in [(toy.start, "start"), (toy.flat, "flat")] {
        marks.push(Mark::Word { at: (x + 0.06, y - 0.14), text });
    }
    marks.push(Mark::Word { at: (toy.sharp[0] + 0.12, toy.sharp[1] + 0.02), text: "sharp" });
    Panel {
        title: title.into(),
        x: Axis::new("x", left, right),
        y: Axis::new("y", bottom, top),
        equal: true,
        marks,
    }
}
