//! Pictures of learning curves and of methods: the one module that knows the plotting library.

mod contour;
mod methods;
mod pen;
mod plot;
mod surface;
mod ticks;

use std::path::Path;

use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

use crate::metrics::{EpochMetrics, Results};
use crate::output::write_whole;
use crate::{Error, Result};
pub use contour::Contour;
pub use methods::{draw_methods, draw_stability};
use pen::Pen;
pub use plot::{Axis, Guide, Mark, Plot, Point, Scale, Series};
use ticks::{epoch_ticks, plain, value_ticks};

/// One run of a picture.
#[derive(Clone, Debug)]
pub struct Run<'a> {
    /// Its name in the legend.
    pub name: String,
    /// Its epochs, in order.
    pub epochs: &'a [EpochMetrics],
}

/// Width and height of a picture, in pixels.
const SIZE: (u32, u32) = (1400, 640);

/// Okabe and Ito's colours, which people with any colour vision can tell apart.
const COLOURS: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(0, 0, 0),
];
const FRAME: RGBColor = RGBColor(120, 120, 120);
const GRID: RGBColor = RGBColor(228, 228, 228);

/// Draws loss and accuracy over epochs into `curves.png` and `curves.svg` of a folder.
///
/// One run shows training, validation and test; several runs show the training loss and the test
/// accuracy of each. A run without epochs is left out; without any, nothing is drawn.
///
/// # Errors
/// [`Error::File`] where a file cannot be written; [`Error::Picture`] where drawing fails.
pub fn draw_curves(title: &str, runs: &[Run<'_>], folder: &Path) -> Result<()> {
    let runs: Vec<&Run<'_>> = runs.iter().filter(|run| !run.epochs.is_empty()).collect();
    if runs.is_empty() {
        return Ok(());
    }
    let figure = match runs.as_slice() {
        [run] => Figure::of_one(title, run),
        runs => Figure::of_many(title, runs),
    };
    write_whole(&folder.join("curves.png"), &figure.png()?)?;
    write_whole(&folder.join("curves.svg"), figure.svg()?.as_bytes())
}

/// The title of one run's picture.
#[must_use]
pub fn title_of(name: &str, seed: u64, epochs: &[EpochMetrics]) -> String {
    match Results::of(epochs) {
        Some(results) => {
            let Results { final_epoch: last, .. } = results;
            let accuracy = 100.0 * last.test_acc;
            format!("{name}, seed {seed}: {accuracy:.2} % test accuracy after epoch {}", last.epoch)
        }
        None => format!("{name}, seed {seed}"),
    }
}

/// A line of a panel.
struct Line {
    colour: usize,
    points: Vec<(f64, f64)>,
}

/// Axes with lines.
struct Panel {
    y_label: &'static str,
    low: f64,
    high: f64,
    lines: Vec<Line>,
}

/// A title, a legend that both panels share, and two panels.
struct Figure {
    title: String,
    legend: Vec<(String, usize)>,
    last_epoch: f64,
    panels: [Panel; 2],
}

type Value = fn(&EpochMetrics) -> Option<f64>;

fn line(epochs: &[EpochMetrics], colour: usize, value: Value) -> Line {
    let points = epochs.iter().filter_map(|e| Some((e.epoch as f64, value(e)?)));
    Line { colour, points: points.filter(|(_, y)| y.is_finite()).collect() }
}

impl Figure {
    fn of_one(title: &str, run: &Run<'_>) -> Figure {
        let parts: [(&str, Value, Value); 3] = [
            ("training", |e| Some(e.train_loss), |e| Some(100.0 * e.train_acc)),
            ("validation", |e| e.val_loss, |e| e.val_acc.map(|a| 100.0 * a)),
            ("test", |e| Some(e.test_loss), |e| Some(100.0 * e.test_acc)),
        ];
        let validated = run.epochs.iter().any(|e| e.val_acc.is_some());
        let shown = parts.iter().enumerate().filter(|(i, _)| *i != 1 || validated);
        let shown: Vec<_> = shown.map(|(i, part)| (i, part.0, part.1, part.2)).collect();
        Figure::new(
            title,
            shown.iter().map(|(i, name, ..)| (name.to_string(), *i)).collect(),
            (
                "loss (cross-entropy, nats)",
                shown.iter().map(|s| line(run.epochs, s.0, s.2)).collect(),
            ),
            ("accuracy (%)", shown.iter().map(|s| line(run.epochs, s.0, s.3)).collect()),
        )
    }

    fn of_many(title: &str, runs: &[&Run<'_>]) -> Figure {
        let lines = |value: Value| {
            let each = runs.iter().enumerate();
            each.map(|(i, run)| line(run.epochs, i, value)).collect::<Vec<_>>()
        };
        Figure::new(
            title,
            runs.iter().enumerate().map(|(i, run)| (run.name.clone(), i)).collect(),
            ("training loss (cross-entropy, nats)", lines(|e| Some(e.train_loss))),
            ("test accuracy (%)", lines(|e| Some(100.0 * e.test_acc))),
        )
    }

    fn new(
        title: &str,
        legend: Vec<(String, usize)>,
        loss: (&'static str, Vec<Line>),
        accuracy: (&'static str, Vec<Line>),
    ) -> Figure {
        let all = |lines: &[Line]| -> Vec<(f64, f64)> {
            lines.iter().flat_map(|line| line.points.iter().copied()).collect()
        };
        let highest = all(&loss.1).iter().fold(0.0f64, |high, p| high.max(p.1));
        let lowest = all(&accuracy.1).iter().fold(100.0f64, |low, p| low.min(p.1));
        let last_epoch = all(&loss.1).iter().fold(1.0f64, |last, p| last.max(p.0));
        let high = if highest > 0.0 { 1.04 * highest } else { 1.0 };
        // Whole tens below, and never so near that the curve lies on the axis.
        let low = (10.0 * ((lowest - 1.0) / 10.0).floor()).clamp(0.0, 90.0);
        Figure {
            title: title.to_string(),
            legend,
            last_epoch,
            panels: [
                Panel { y_label: loss.0, low: 0.0, high, lines: loss.1 },
                Panel { y_label: accuracy.0, low, high: 100.0, lines: accuracy.1 },
            ],
        }
    }

    /// Draws everything with a pen.
    fn draw<B: DrawingBackend>(&self, pen: &Pen<'_, B>) -> Result<()> {
        let (width, height) = (f64::from(SIZE.0), f64::from(SIZE.1));
        pen.clear()?;
        pen.text(&self.title, 22.0, HPos::Center, (width / 2.0, 28.0))?;
        self.draw_legend(pen)?;
        for (panel, left) in self.panels.iter().zip([0.0, width / 2.0]) {
            let frame = Frame {
                x: (left + 96.0, left + width / 2.0 - 28.0),
                y: (height - 84.0, 96.0),
                epochs: (1.0 - self.padding(), self.last_epoch + self.padding()),
                values: (panel.low, panel.high),
            };
            self.draw_panel(panel, &frame, pen)?;
        }
        pen.finish()
    }

    /// Epochs that are shown before the first and after the last.
    fn padding(&self) -> f64 {
        (0.015 * self.last_epoch).max(0.1)
    }

    /// A centred row of samples and names.
    fn draw_legend<B: DrawingBackend>(&self, pen: &Pen<'_, B>) -> Result<()> {
        const SAMPLE: f64 = 34.0;
        const GAP: f64 = 9.0;
        const BETWEEN: f64 = 38.0;
        const TEXT: f64 = 19.0;
        let widths = self.legend.iter().map(|(name, _)| pen.width(name, TEXT));
        let widths: Vec<f64> = widths.collect::<Result<_>>()?;
        let entries = widths.len() as f64;
        let total =
            widths.iter().sum::<f64>() + entries * (SAMPLE + GAP) + (entries - 1.0) * BETWEEN;
        let (mut x, y) = ((f64::from(SIZE.0) - total) / 2.0, 64.0);
        for ((name, colour), width) in self.legend.iter().zip(widths) {
            pen.line(&[(x, y), (x + SAMPLE, y)], colour_of(*colour), 3.0)?;
            x += SAMPLE + GAP;
            pen.text(name, TEXT, HPos::Left, (x, y))?;
            x += width + BETWEEN;
        }
        Ok(())
    }

    fn draw_panel<B: DrawingBackend>(
        &self,
        panel: &Panel,
        frame: &Frame,
        pen: &Pen<'_, B>,
    ) -> Result<()> {
        let (left, right) = frame.x;
        let (bottom, top) = frame.y;
        for value in value_ticks(panel.low, panel.high) {
            let (_, y) = frame.place((1.0, value));
            pen.line(&[(left, y), (right, y)], GRID, 1.0)?;
            pen.text(&plain(value), 18.0, HPos::Right, (left - 10.0, y))?;
        }
        for epoch in epoch_ticks(self.last_epoch) {
            let (x, _) = frame.place((epoch, panel.low));
            pen.line(&[(x, bottom), (x, bottom + 6.0)], FRAME, 1.2)?;
            pen.text(&plain(epoch), 18.0, HPos::Center, (x, bottom + 22.0))?;
        }
        pen.line(&[(left, top), (left, bottom), (right, bottom)], FRAME, 1.2)?;
        pen.text("epoch", 20.0, HPos::Center, ((left + right) / 2.0, bottom + 56.0))?;
        pen.upright_text(panel.y_label, 20.0, (left - 72.0, (top + bottom) / 2.0))?;
        for line in &panel.lines {
            let points: Vec<(f64, f64)> =
                line.points.iter().map(|point| frame.place(*point)).collect();
            let colour = colour_of(line.colour);
            pen.line(&points, colour, if self.last_epoch > 60.0 { 2.0 } else { 2.5 })?;
            // Dots show single epochs as long as they stay apart.
            if self.last_epoch <= 40.0 {
                points.iter().try_for_each(|point| pen.dot(*point, colour, 4.0))?;
            }
        }
        Ok(())
    }
}

/// Where a panel is on the picture, and what it shows there.
struct Frame {
    /// Left and right.
    x: (f64, f64),
    /// Bottom and top; pixels count downwards.
    y: (f64, f64),
    /// The epochs at left and right.
    epochs: (f64, f64),
    /// The values at bottom and top.
    values: (f64, f64),
}

impl Frame {
    fn place(&self, (epoch, value): (f64, f64)) -> (f64, f64) {
        let map = |value: f64, from: (f64, f64), to: (f64, f64)| {
            to.0 + (value - from.0) / (from.1 - from.0) * (to.1 - to.0)
        };
        (map(epoch, self.epochs, self.x), map(value, self.values, self.y))
    }
}

fn colour_of(index: usize) -> RGBColor {
    COLOURS[index % COLOURS.len()]
}

fn failed(error: impl std::fmt::Display) -> Error {
    Error::Picture(error.to_string())
}
