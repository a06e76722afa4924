//! Plots for papers: what is between two axes, as data that files and the pages of reports are drawn from.

mod axis;
mod draw;

use std::path::Path;

use serde::Serialize;

use super::surface;
use crate::Result;
use crate::output::write_whole;
pub use axis::{Axis, Scale};

/// One pair of axes with what is between them. It has no title: that is for the caption.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Plot {
    /// The name of its files, without an ending.
    pub name: String,
    /// The horizontal axis.
    pub x: Axis,
    /// The vertical axis.
    pub y: Axis,
    /// What is drawn; the first is drawn first. Labels that are not empty are in the legend, once each.
    pub series: Vec<Series>,
    /// Horizontal lines that numbers are compared with; vertical ones where `y` has names.
    pub guides: Vec<Guide>,
}

/// Points that belong together.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Series {
    /// Its name in the legend.
    pub label: String,
    /// Which of the colours, counted from 0 and round again, then with dashed lines; none for grey dashes.
    pub colour: Option<usize>,
    /// What is drawn of each point.
    pub mark: Mark,
    /// The points.
    pub points: Vec<Point>,
}

/// What is drawn of a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// A line through all points, with their spreads as a band. It is broken where a value is missing.
    Line,
    /// Dots, with their spreads as whiskers.
    Dots,
    /// Dots and whiskers with a line through them.
    LineAndDots,
    /// Rings, for single runs beside their mean.
    Rings,
    /// Bars from zero, as wide as the points are apart.
    Bars,
}

/// A point, in the numbers of the axes. On an axis of names, a number is the index of the name.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Point {
    /// Along the horizontal axis.
    pub x: f64,
    /// Along the vertical axis; none, or not finite, where it is missing.
    pub y: Option<f64>,
    /// From where to where the point may lie along the vertical axis, or along the horizontal one
    /// where the vertical one has names.
    pub spread: Option<(f64, f64)>,
}

/// A line across the plot.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Guide {
    /// Where it crosses the axis.
    pub at: f64,
    /// What it stands for, in the legend.
    pub label: String,
}

impl Point {
    /// A point without a spread.
    #[must_use]
    pub fn at(x: f64, y: impl Into<Option<f64>>) -> Point {
        Point { x, y: y.into(), spread: None }
    }
}

impl Series {
    /// A line.
    #[must_use]
    pub fn line(label: &str, colour: usize, points: Vec<Point>) -> Series {
        Series { label: label.into(), colour: Some(colour), mark: Mark::Line, points }
    }

    /// The points that can be drawn on two scales.
    fn visible<'a>(
        &'a self,
        x: &'a Axis,
        y: &'a Axis,
    ) -> impl Iterator<Item = Option<Placed>> + 'a {
        self.points.iter().map(|point| {
            let at = (x.scale.position(point.x)?, y.scale.position(point.y?)?);
            let along = if matches!(y.scale, Scale::Names(_)) { &x.scale } else { &y.scale };
            let spread = point.spread.and_then(|(low, high)| {
                // On a logarithmic scale, what reaches below zero reaches to the edge.
                let low = along.position(low).unwrap_or(f64::MIN);
                Some((low, along.position(high)?))
            });
            Some(Placed { at, spread })
        })
    }
}

/// A point in positions on the axes.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Placed {
    at: (f64, f64),
    spread: Option<(f64, f64)>,
}

impl Plot {
    /// Draws it into `NAME.png` and `NAME.svg` of a folder, so large that it is read in one column of a
    /// paper.
    ///
    /// # Errors
    /// [`Error::File`](crate::Error::File) where a file cannot be written;
    /// [`Error::Picture`](crate::Error::Picture) where drawing fails.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let png = surface::png(draw::SIZE, |pen| draw::plot(self, pen))?;
        write_whole(&folder.join(format!("{}.png", self.name)), &png)?;
        write_whole(&folder.join(format!("{}.svg", self.name)), self.svg()?.as_bytes())
    }

    /// The SVG file.
    ///
    /// # Errors
    /// [`Error::Picture`](crate::Error::Picture) where drawing fails.
    pub fn svg(&self) -> Result<String> {
        surface::svg(draw::SIZE, |pen| draw::plot(self, pen))
    }

    /// What the legend names, in order of appearance, each with the colour and the mark of its first
    /// series.
    pub(crate) fn legend(&self) -> Vec<(&str, Option<usize>, Mark)> {
        let mut legend: Vec<(&str, Option<usize>, Mark)> = Vec::new();
        let guides = self.guides.iter().map(|guide| (guide.label.as_str(), None, Mark::Line));
        let series = self.series.iter().map(|s| (s.label.as_str(), s.colour, s.mark));
        for entry in series.chain(guides) {
            if !entry.0.is_empty() && legend.iter().all(|known| known.0 != entry.0) {
                legend.push(entry);
            }
        }
        legend
    }
}
