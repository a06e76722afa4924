//! Draws a plot with a pen.

use plotters::prelude::{DrawingBackend, RGBColor};
use plotters::style::text_anchor::HPos;

use super::axis::ends_of;
use super::{Mark, Placed, Plot, Scale, Series};
use crate::Result;
use crate::picture::pen::Pen;
use crate::picture::{COLOURS, FRAME, GRID};

/// Width and height, in pixels. In a column of 84 mm, a pixel is 0.22 of a point.
pub(super) const SIZE: (u32, u32) = (1080, 760);
/// The height of numbers, names and labels: 7.5 points there.
const TEXT: f64 = 34.0;
const LINE: f64 = 5.0;
const DASH: f64 = 22.0;
const DOT: f64 = 10.0;
/// The share of the colour in a band.
const BAND: f64 = 0.2;

/// Draws legend, axes and everything between them.
pub(super) fn plot<B: DrawingBackend>(plot: &Plot, pen: &Pen<'_, B>) -> Result<()> {
    pen.clear()?;
    let top = legend(plot, pen)?;
    let frame = frame(plot, top, pen)?;
    frame.draw(plot, pen)?;
    for guide in &plot.guides {
        let named = matches!(plot.y.scale, Scale::Names(_));
        let scale = if named { &plot.x.scale } else { &plot.y.scale };
        let Some(at) = scale.position(guide.at) else { continue };
        let ends = if named {
            [(at, frame.ends[1].0), (at, frame.ends[1].1)]
        } else {
            [(frame.ends[0].0, at), (frame.ends[0].1, at)]
        };
        pen.dashes(&ends.map(|end| frame.place(end)), FRAME, 3.0, DASH)?;
    }
    let bands = plot.series.iter().filter(|series| series.mark == Mark::Line);
    bands.clone().try_for_each(|series| frame.band(plot, series, pen))?;
    plot.series.iter().try_for_each(|series| frame.series(plot, series, pen))?;
    pen.finish()
}

/// The colour of a series, and whether its lines are dashed.
fn style(colour: Option<usize>) -> (RGBColor, bool) {
    match colour {
        Some(i) => (COLOURS[i % COLOURS.len()], (i / COLOURS.len()) % 2 == 1),
        None => (FRAME, true),
    }
}

/// Centred rows of samples and names; returns where they end.
fn legend<B: DrawingBackend>(plot: &Plot, pen: &Pen<'_, B>) -> Result<f64> {
    const SAMPLE: f64 = 52.0;
    const GAP: f64 = 14.0;
    const BETWEEN: f64 = 44.0;
    const ROW: f64 = 46.0;
    let room = f64::from(SIZE.0) - 40.0;
    let mut rows: Vec<(f64, Vec<_>)> = Vec::new();
    for (name, colour, mark) in plot.legend() {
        let width = SAMPLE + GAP + pen.width(name, TEXT)?;
        match rows.last_mut() {
            Some((used, row)) if *used + BETWEEN + width <= room => {
                *used += BETWEEN + width;
                row.push((name, colour, mark, width));
            }
            _ => rows.push((width, vec![(name, colour, mark, width)])),
        }
    }
    let mut y = 36.0;
    for (used, row) in &rows {
        let mut x = (f64::from(SIZE.0) - used) / 2.0;
        for (name, colour, mark, width) in row {
            let (colour, dashed) = style(*colour);
            let ends = [(x, y), (x + SAMPLE, y)];
            match (mark, dashed) {
                (Mark::Line | Mark::LineAndDots, false) => pen.line(&ends, colour, LINE)?,
                (Mark::Line | Mark::LineAndDots, true) => pen.dashes(&ends, colour, LINE, 18.0)?,
                (Mark::Dots, _) => pen.dot((x + SAMPLE / 2.0, y), colour, DOT)?,
                (Mark::Rings, _) => pen.ring((x + SAMPLE / 2.0, y), colour, DOT, 3.0)?,
                (Mark::Bars, _) => {
                    pen.rectangle((x + 14.0, y - 13.0), (x + 40.0, y + 13.0), colour)?
                }
            }
            pen.text(name, TEXT, HPos::Left, (x + SAMPLE + GAP, y))?;
            x += width + BETWEEN;
        }
        y += ROW;
    }
    Ok(if rows.is_empty() { 24.0 } else { y })
}

/// Leaves room for what stands beside and below the axes.
fn frame<B: DrawingBackend>(plot: &Plot, top: f64, pen: &Pen<'_, B>) -> Result<Frame> {
    let ends = ends_of(plot);
    let texts = plot.y.scale.ticks(ends[1].0, ends[1].1);
    let mut widest = 0.0f64;
    for (_, text) in &texts {
        for line in lines_of(text, &plot.y.scale) {
            widest = widest.max(pen.width(&line, TEXT)?);
        }
    }
    let upright = if plot.y.label.is_empty() { 20.0 } else { 74.0 };
    let (width, height) = (f64::from(SIZE.0), f64::from(SIZE.1));
    let x = (upright + widest + 18.0, width - 40.0);
    Ok(Frame { x, y: (height - 118.0, top + 8.0), ends })
}

/// Where the axes are on the picture, and the positions at their ends.
struct Frame {
    /// Left and right.
    x: (f64, f64),
    /// Bottom and top; pixels count downwards.
    y: (f64, f64),
    ends: [(f64, f64); 2],
}

impl Frame {
    fn place(&self, (x, y): (f64, f64)) -> (f64, f64) {
        let map = |value: f64, from: (f64, f64), to: (f64, f64)| {
            to.0 + (value - from.0) / (from.1 - from.0) * (to.1 - to.0)
        };
        let (x, y) = (map(x, self.ends[0], self.x), map(y, self.ends[1], self.y));
        // What lies far outside is drawn to just outside, where it is covered or seen to leave.
        (x.clamp(self.x.0, self.x.1), y.clamp(self.y.1, self.y.0))
    }

    fn holds(&self, (x, y): (f64, f64)) -> bool {
        let [(left, right), (bottom, top)] = self.ends;
        (left..=right).contains(&x) && (bottom..=top).contains(&y)
    }

    /// The axes with their grid.
    fn draw<B: DrawingBackend>(&self, plot: &Plot, pen: &Pen<'_, B>) -> Result<()> {
        let ((left, right), (bottom, top)) = (self.x, self.y);
        for (at, text) in plot.y.scale.ticks(self.ends[1].0, self.ends[1].1) {
            let (_, y) = self.place((self.ends[0].0, at));
            pen.line(&[(left, y), (right, y)], GRID, 2.0)?;
            let lines = lines_of(&text, &plot.y.scale);
            let first = y - 0.55 * TEXT * (lines.len() as f64 - 1.0);
            for (i, line) in lines.iter().enumerate() {
                pen.text(line, TEXT, HPos::Right, (left - 16.0, first + 1.1 * TEXT * i as f64))?;
            }
        }
        for (at, text) in plot.x.scale.ticks(self.ends[0].0, self.ends[0].1) {
            let (x, _) = self.place((at, self.ends[1].0));
            pen.line(&[(x, bottom), (x, bottom + 9.0)], FRAME, 2.5)?;
            pen.text(&text, TEXT, HPos::Center, (x, bottom + 34.0))?;
        }
        pen.line(&[(left, top), (left, bottom), (right, bottom)], FRAME, 2.5)?;
        pen.text(&plot.x.label, TEXT, HPos::Center, ((left + right) / 2.0, bottom + 86.0))?;
        pen.upright_text(&plot.y.label, TEXT, (30.0, (top + bottom) / 2.0))
    }

    /// What is behind a line.
    fn band<B: DrawingBackend>(
        &self,
        plot: &Plot,
        series: &Series,
        pen: &Pen<'_, B>,
    ) -> Result<()> {
        for part in unbroken(plot, series) {
            let spread = |point: &Placed| point.spread.unwrap_or((point.at.1, point.at.1));
            if part.iter().all(|point| point.spread.is_none()) {
                continue;
            }
            let upper = part.iter().map(|point| (point.at.0, spread(point).1));
            let lower = part.iter().rev().map(|point| (point.at.0, spread(point).0));
            let around: Vec<_> = upper.chain(lower).map(|point| self.place(point)).collect();
            pen.area(&around, style(series.colour).0, BAND)?;
        }
        Ok(())
    }

    fn series<B: DrawingBackend>(
        &self,
        plot: &Plot,
        series: &Series,
        pen: &Pen<'_, B>,
    ) -> Result<()> {
        match series.mark {
            Mark::Line => self.line(plot, series, pen),
            Mark::Dots | Mark::Rings => self.dots(plot, series, pen),
            Mark::LineAndDots => {
                self.line(plot, series, pen)?;
                self.dots(plot, series, pen)
            }
            Mark::Bars => self.bars(plot, series, pen),
        }
    }

    fn line<B: DrawingBackend>(
        &self,
        plot: &Plot,
        series: &Series,
        pen: &Pen<'_, B>,
    ) -> Result<()> {
        let (colour, dashed) = style(series.colour);
        unbroken(plot, series).iter().try_for_each(|part| {
            let points: Vec<_> = part.iter().map(|point| self.place(point.at)).collect();
            match (points.as_slice(), dashed) {
                ([point], _) => pen.dot(*point, colour, 8.0),
                (points, false) => pen.line(points, colour, LINE),
                (points, true) => pen.dashes(points, colour, LINE, DASH),
            }
        })
    }

    fn dots<B: DrawingBackend>(
        &self,
        plot: &Plot,
        series: &Series,
        pen: &Pen<'_, B>,
    ) -> Result<()> {
        let colour = style(series.colour).0;
        let named = matches!(plot.y.scale, Scale::Names(_));
        for point in series.visible(&plot.x, &plot.y).flatten() {
            if let Some((low, high)) = point.spread {
                let along = |end: f64| {
                    self.place(if named { (end, point.at.1) } else { (point.at.0, end) })
                };
                pen.line(&[along(low), along(high)], colour, LINE)?;
            }
            match series.mark {
                _ if !self.holds(point.at) => {}
                Mark::Rings => pen.ring(self.place(point.at), colour, DOT, 3.0)?,
                _ => pen.dot(self.place(point.at), colour, DOT)?,
            }
        }
        Ok(())
    }

    fn bars<B: DrawingBackend>(
        &self,
        plot: &Plot,
        series: &Series,
        pen: &Pen<'_, B>,
    ) -> Result<()> {
        // Those without a value keep their place.
        let apart = series.points.windows(2).map(|pair| pair[1].x - pair[0].x);
        let half = 0.46 * apart.reduce(f64::min).unwrap_or(1.0);
        series.visible(&plot.x, &plot.y).flatten().try_for_each(|Placed { at: (x, y), .. }| {
            let corners = [(x - half, 0.0), (x + half, y)].map(|at| self.place(at));
            pen.rectangle(corners[0], corners[1], style(series.colour).0)
        })
    }
}

/// The parts of a line between missing values.
fn unbroken(plot: &Plot, series: &Series) -> Vec<Vec<Placed>> {
    let points: Vec<Option<Placed>> = series.visible(&plot.x, &plot.y).collect();
    let parts = points.split(Option::is_none).map(|part| part.iter().copied().flatten().collect());
    parts.filter(|part: &Vec<Placed>| !part.is_empty()).collect()
}

/// A name in lines of about 22 letters; a number in one.
fn lines_of(text: &str, scale: &Scale) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.len() + word.len() < 22 || !matches!(scale, Scale::Names(_)) => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_string()),
        }
    }
    lines
}
