//! The axes of a plot: what they show, where numbers lie on them, and what stands at their ticks.

use serde::Serialize;

use super::Plot;
use crate::picture::ticks::{numbered_ticks, power_ticks};

/// An axis.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Axis {
    /// What is on it, with its unit.
    pub label: String,
    /// How numbers lie on it.
    #[serde(flatten)]
    pub scale: Scale,
    /// The ends of it; none where all points are to be seen and no more.
    pub ends: Option<(f64, f64)>,
}

/// How numbers lie on an axis.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "scale", content = "names", rename_all = "snake_case")]
pub enum Scale {
    /// Evenly.
    Linear,
    /// By their logarithms. What is not positive is not drawn.
    Logarithmic,
    /// Names in place of numbers, in order from the left or from the top.
    Names(Vec<String>),
}

impl Axis {
    /// An even axis that shows all points.
    #[must_use]
    pub fn linear(label: &str) -> Axis {
        Axis { label: label.into(), scale: Scale::Linear, ends: None }
    }

    /// A logarithmic axis that shows all points.
    #[must_use]
    pub fn logarithmic(label: &str) -> Axis {
        Axis { label: label.into(), scale: Scale::Logarithmic, ends: None }
    }

    /// The axis from one end to the other.
    #[must_use]
    pub fn between(self, low: f64, high: f64) -> Axis {
        Axis { ends: Some((low, high)), ..self }
    }
}

impl Scale {
    /// Where a number lies, in the axis's own unit; none where it cannot be drawn.
    pub(super) fn position(&self, value: f64) -> Option<f64> {
        let position = match self {
            Scale::Linear => value,
            Scale::Logarithmic => value.log10(),
            // The first name is at the top.
            Scale::Names(_) => -value,
        };
        position.is_finite().then_some(position)
    }

    /// Positions to mark between two others, and what stands there.
    pub(super) fn ticks(&self, low: f64, high: f64) -> Vec<(f64, String)> {
        match self {
            Scale::Linear => numbered_ticks(low, high, 6.0),
            Scale::Logarithmic => power_ticks(low, high),
            Scale::Names(names) => {
                names.iter().enumerate().map(|(i, name)| (-(i as f64), name.clone())).collect()
            }
        }
    }
}

/// The positions at the ends of both axes of a plot.
pub(super) fn ends_of(plot: &Plot) -> [(f64, f64); 2] {
    let named = matches!(plot.y.scale, Scale::Names(_));
    let (mut xs, mut ys) = (Vec::new(), Vec::new());
    for series in &plot.series {
        for point in series.visible(&plot.x, &plot.y).flatten() {
            xs.push(point.at.0);
            ys.push(point.at.1);
            let (low, high) = point.spread.unwrap_or(point.at);
            let along = if named { &mut xs } else { &mut ys };
            if point.spread.is_some() {
                along.extend([low, high].into_iter().filter(|end| *end > f64::MIN));
            }
            if series.mark == super::Mark::Bars {
                ys.push(0.0);
            }
        }
    }
    let guides = plot.guides.iter();
    if named {
        xs.extend(guides.filter_map(|guide| plot.x.scale.position(guide.at)));
    } else {
        ys.extend(guides.filter_map(|guide| plot.y.scale.position(guide.at)));
    }
    [ends(&plot.x, &xs), ends(&plot.y, &ys)]
}

fn ends(axis: &Axis, positions: &[f64]) -> (f64, f64) {
    if let Scale::Names(names) = &axis.scale {
        return (0.5 - names.len() as f64, 0.5);
    }
    let given = axis
        .ends
        .and_then(|(low, high)| Some((axis.scale.position(low)?, axis.scale.position(high)?)));
    let of = |pick: fn(f64, f64) -> f64| positions.iter().copied().reduce(pick);
    let (low, high) = match given {
        Some(ends) => return ends,
        None => (of(f64::min).unwrap_or(0.0), of(f64::max).unwrap_or(1.0)),
    };
    let margin = if high > low { 0.04 * (high - low) } else { 0.5 };
    (low - margin, high + margin)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::plot::{Guide, Mark, Point, Series};

    fn plot(x: Axis, y: Axis, points: Vec<Point>) -> Plot {
        let series =
            vec![Series { label: String::new(), colour: Some(0), mark: Mark::Dots, points }];
        Plot { name: "a".into(), x, y, series, guides: Vec::new() }
    }

    #[test]
    fn axes_reach_over_points_spreads_and_guides() {
        let points = vec![
            Point { x: 1.0, y: Some(2.0), spread: Some((0.0, 4.0)) },
            Point::at(11.0, 3.0),
            Point::at(99.0, None),
        ];
        let mut plot = plot(Axis::linear("x"), Axis::linear("y"), points);
        let [x, y] = ends_of(&plot);
        assert_eq!(x, (0.6, 11.4));
        assert!((y.0 + 0.16).abs() < 1e-12 && (y.1 - 4.16).abs() < 1e-12, "{y:?}");
        plot.guides.push(Guide { at: 10.0, label: String::new() });
        assert_eq!(ends_of(&plot)[1], (-0.4, 10.4));
        plot.y = plot.y.between(-1.0, 7.0);
        assert_eq!(ends_of(&plot)[1], (-1.0, 7.0));
    }

    #[test]
    fn a_logarithmic_axis_leaves_out_what_is_not_positive() {
        let points = vec![
            Point { x: 10.0, y: Some(1.0), spread: Some((-1.0, 10.0)) },
            Point::at(1000.0, 0.0),
            Point::at(1000.0, 1.0),
        ];
        let plot = plot(Axis::logarithmic("x"), Axis::logarithmic("y"), points);
        let [x, y] = ends_of(&plot);
        assert_eq!(x, (0.92, 3.08));
        assert_eq!(y, (-0.04, 1.04));
        let drawn = plot.series[0].visible(&plot.x, &plot.y).collect::<Vec<_>>();
        assert_eq!(drawn[1], None);
        assert_eq!(drawn[0].unwrap().spread, Some((f64::MIN, 1.0)));
    }

    #[test]
    fn names_stand_from_the_top_and_spreads_lie_along_the_numbers() {
        let names = Scale::Names(vec!["a".into(), "b".into()]);
        let y = Axis { label: String::new(), scale: names, ends: None };
        let points = vec![Point { x: 5.0, y: Some(1.0), spread: Some((0.0, 10.0)) }];
        let plot = plot(Axis::linear("x"), y, points);
        assert_eq!(ends_of(&plot), [(-0.4, 10.4), (-1.5, 0.5)]);
        let ticks = plot.y.scale.ticks(-1.5, 0.5);
        assert_eq!(ticks, [(0.0, "a".to_string()), (-1.0, "b".to_string())]);
    }
}
