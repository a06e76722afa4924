//! A title, a legend, and panels in a row, each with two axes and marks.

use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

use super::super::pen::Pen;
use super::super::ticks::{plain, value_ticks};
use super::super::{COLOURS, FRAME, GRID, surface};
use crate::Result;

const SIZE: (u32, u32) = (1200, 480);
const BLACK_INK: RGBColor = COLOURS[6];

/// A picture.
pub(super) struct Chart {
    pub title: &'static str,
    pub legend: Vec<(String, RGBColor)>,
    pub panels: Vec<Panel>,
}

/// Two axes and what is between them.
pub(super) struct Panel {
    pub title: String,
    pub x: Axis,
    pub y: Axis,
    /// Whether a unit is as long on both axes.
    pub equal: bool,
    /// The first is drawn first.
    pub marks: Vec<Mark>,
}

/// An axis from `low` to `high`.
pub(super) struct Axis {
    label: &'static str,
    low: f64,
    high: f64,
    ticks: Vec<(f64, String)>,
}

impl Axis {
    pub fn new(label: &'static str, low: f64, high: f64) -> Axis {
        let ticks = value_ticks(low, high).into_iter().map(|value| (value, plain(value)));
        Axis { label, low, high, ticks: ticks.collect() }
    }

    /// An axis of decimal logarithms, with ticks at these powers of ten.
    pub fn logarithmic(label: &'static str, low: f64, high: f64, powers: &[i32]) -> Axis {
        let text = |power: i32| match power {
            -2..=5 => format!("{}", 10f64.powi(power)),
            _ => format!("1e{power}"),
        };
        let ticks = powers.iter().map(|&power| (f64::from(power), text(power))).collect();
        Axis { label, low: low.log10(), high: high.log10(), ticks }
    }

    /// An axis with neither ticks nor numbers.
    pub fn bare(label: &'static str, low: f64, high: f64) -> Axis {
        Axis { label, low, high, ticks: Vec::new() }
    }

    fn holds(&self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }
}

/// Something in a panel, in the numbers of its axes.
pub(super) enum Mark {
    /// A line; what lies outside the panel is left out.
    Line { points: Vec<(f64, f64)>, colour: RGBColor, width: f64 },
    /// Dots.
    Dots { points: Vec<(f64, f64)>, colour: RGBColor, radius: f64 },
    /// A vertical band, of the panel's height.
    Band { x: (f64, f64), colour: RGBColor },
    /// Rows of coloured cells that fill the panel, the first row at the top.
    Cells { columns: usize, colours: Vec<RGBColor> },
    /// A word that begins at a point.
    Word { at: (f64, f64), text: &'static str },
}

/// One of the colours that anybody can tell apart.
pub(super) fn colour(index: usize) -> RGBColor {
    COLOURS[index]
}

/// Black, for what is compared with.
pub(super) fn black() -> RGBColor {
    BLACK_INK
}

/// The mix of two colours, all of `to` at a share of 1.
pub(super) fn mix(from: RGBColor, to: RGBColor, share: f64) -> RGBColor {
    let part = |from: u8, to: u8| {
        (f64::from(from) + share * (f64::from(to) - f64::from(from))).round() as u8
    };
    RGBColor(part(from.0, to.0), part(from.1, to.1), part(from.2, to.2))
}

/// Numbers at equal distances, both ends included.
pub(super) fn even(low: f64, high: f64, count: usize) -> impl Iterator<Item = f64> {
    (0..count).map(move |i| low + (high - low) * i as f64 / (count - 1) as f64)
}

/// A line of a function.
pub(super) fn curve(x: (f64, f64), colour: RGBColor, value: impl Fn(f64) -> f64) -> Mark {
    let points = even(x.0, x.1, 1201).map(|x| (x, value(x))).collect();
    Mark::Line { points, colour, width: 2.4 }
}

impl Chart {
    pub fn png(&self) -> Result<Vec<u8>> {
        surface::png(SIZE, |pen| self.draw(pen))
    }

    fn draw<B: DrawingBackend>(&self, pen: &Pen<'_, B>) -> Result<()> {
        let (width, height) = (f64::from(SIZE.0), f64::from(SIZE.1));
        pen.clear()?;
        pen.text(self.title, 20.0, HPos::Center, (width / 2.0, 24.0))?;
        self.draw_legend(pen)?;
        let share = width / self.panels.len() as f64;
        for (i, panel) in self.panels.iter().enumerate() {
            let left = share * i as f64;
            let margin = if panel.y.ticks.is_empty() { 46.0 } else { 84.0 };
            let x = (left + margin, left + share - 30.0);
            panel.draw(x, (height - 66.0, 114.0), pen)?;
        }
        pen.finish()
    }

    /// A centred row of samples and names.
    fn draw_legend<B: DrawingBackend>(&self, pen: &Pen<'_, B>) -> Result<()> {
        const SAMPLE: f64 = 26.0;
        const GAP: f64 = 8.0;
        const BETWEEN: f64 = 26.0;
        const TEXT: f64 = 16.0;
        let widths = self.legend.iter().map(|(name, _)| pen.width(name, TEXT));
        let widths: Vec<f64> = widths.collect::<Result<_>>()?;
        let entries = widths.len() as f64;
        let total = widths.iter().sum::<f64>() + entries * (SAMPLE + GAP + BETWEEN) - BETWEEN;
        let (mut x, y) = ((f64::from(SIZE.0) - total) / 2.0, 56.0);
        for ((name, colour), width) in self.legend.iter().zip(widths) {
            pen.line(&[(x, y), (x + SAMPLE, y)], *colour, 3.0)?;
            x += SAMPLE + GAP;
            pen.text(name, TEXT, HPos::Left, (x, y))?;
            x += width + BETWEEN;
        }
        Ok(())
    }
}

impl Panel {
    /// Draws into a frame: left and right, bottom and top.
    fn draw<B: DrawingBackend>(
        &self,
        x: (f64, f64),
        y: (f64, f64),
        pen: &Pen<'_, B>,
    ) -> Result<()> {
        let frame = self.frame(x, y);
        let Frame { x: (left, right), y: (bottom, top), .. } = frame;
        pen.text(&self.title, 17.0, HPos::Center, ((left + right) / 2.0, top - 20.0))?;
        let (under, over): (Vec<&Mark>, Vec<&Mark>) = self
            .marks
            .iter()
            .partition(|mark| matches!(mark, Mark::Band { .. } | Mark::Cells { .. }));
        under.into_iter().try_for_each(|mark| frame.draw_area(mark, pen))?;
        for (value, text) in &self.y.ticks {
            let (_, at) = frame.place((self.x.low, *value));
            pen.line(&[(left, at), (right, at)], GRID, 1.0)?;
            pen.text(text, 15.0, HPos::Right, (left - 9.0, at))?;
        }
        for (value, text) in &self.x.ticks {
            let (at, _) = frame.place((*value, self.y.low));
            pen.line(&[(at, bottom), (at, bottom + 5.0)], FRAME, 1.2)?;
            pen.text(text, 15.0, HPos::Center, (at, bottom + 18.0))?;
        }
        pen.line(&[(left, top), (left, bottom), (right, bottom)], FRAME, 1.2)?;
        let below = if self.x.ticks.is_empty() { 22.0 } else { 44.0 };
        pen.text(self.x.label, 16.0, HPos::Center, ((left + right) / 2.0, bottom + below))?;
        let beside = if self.y.ticks.is_empty() { 20.0 } else { 62.0 };
        pen.upright_text(self.y.label, 16.0, (left - beside, (top + bottom) / 2.0))?;
        over.into_iter().try_for_each(|mark| frame.draw_mark(mark, pen))
    }

    fn frame(&self, x: (f64, f64), y: (f64, f64)) -> Frame<'_> {
        let (mut x, mut y) = (x, y);
        if self.equal {
            let scale_of = |axis: &Axis, pixels: f64| pixels.abs() / (axis.high - axis.low);
            let scale = scale_of(&self.x, x.1 - x.0).min(scale_of(&self.y, y.1 - y.0));
            let half = |axis: &Axis| 0.5 * scale * (axis.high - axis.low);
            let (centre, middle) = ((x.0 + x.1) / 2.0, (y.0 + y.1) / 2.0);
            x = (centre - half(&self.x), centre + half(&self.x));
            y = (middle + half(&self.y), middle - half(&self.y));
        }
        Frame { x, y, panel: self }
    }
}

/// Where a panel is on the picture.
struct Frame<'a> {
    /// Left and right.
    x: (f64, f64),
    /// Bottom and top; pixels count downwards.
    y: (f64, f64),
    panel: &'a Panel,
}

impl Frame<'_> {
    fn place(&self, (x, y): (f64, f64)) -> (f64, f64) {
        let map = |value: f64, axis: &Axis, to: (f64, f64)| {
            to.0 + (value - axis.low) / (axis.high - axis.low) * (to.1 - to.0)
        };
        (map(x, &self.panel.x, self.x), map(y, &self.panel.y, self.y))
    }

    fn holds(&self, &(x, y): &(f64, f64)) -> bool {
        self.panel.x.holds(x) && self.panel.y.holds(y)
    }

    /// What the grid is drawn over.
    fn draw_area<B: DrawingBackend>(&self, mark: &Mark, pen: &Pen<'_, B>) -> Result<()> {
        match mark {
            Mark::Band { x, colour } => {
                let Axis { low, high, .. } = self.panel.x;
                let from = self.place((x.0.max(low), self.panel.y.high));
                let to = self.place((x.1.min(high), self.panel.y.low));
                pen.rectangle(from, to, *colour)
            }
            Mark::Cells { columns, colours } => {
                let rows = colours.len() / columns;
                let corner = |row: usize, column: usize| {
                    let share = |i: usize, of: usize, ends: (f64, f64)| {
                        ends.0 + (ends.1 - ends.0) * i as f64 / of as f64
                    };
                    (share(column, *columns, self.x), share(rows - row, rows, self.y))
                };
                colours.iter().enumerate().try_for_each(|(i, colour)| {
                    let (row, column) = (i / columns, i % columns);
                    pen.rectangle(corner(row, column), corner(row + 1, column + 1), *colour)
                })
            }
            Mark::Line { .. } | Mark::Dots { .. } | Mark::Word { .. } => Ok(()),
        }
    }

    fn draw_mark<B: DrawingBackend>(&self, mark: &Mark, pen: &Pen<'_, B>) -> Result<()> {
        match mark {
            Mark::Line { points, colour, width } => {
                let visible = points.split(|point| !self.holds(point));
                visible.filter(|part| part.len() > 1).try_for_each(|part| {
                    let part: Vec<_> = part.iter().map(|point| self.place(*point)).collect();
                    pen.line(&part, *colour, *width)
                })
            }
            Mark::Dots { points, colour, radius } => {
                let mut visible = points.iter().filter(|point| self.holds(point));
                visible.try_for_each(|point| pen.dot(self.place(*point), *colour, *radius))
            }
            Mark::Word { at, text } => pen.text(text, 15.0, HPos::Left, self.place(*at)),
            Mark::Band { .. } | Mark::Cells { .. } => Ok(()),
        }
    }
}
