//! Draws a map with a pen.

use plotters::prelude::{DrawingBackend, RGBColor};
use plotters::style::text_anchor::HPos;

use super::Contour;
use super::isolines::isoline;
use crate::Result;
use crate::picture::pen::Pen;
use crate::picture::ticks::numbered_ticks;
use crate::picture::{FRAME, GRID};

/// Width and height, in pixels: the same height of text in a column as that of plots.
pub(super) const SIZE: (u32, u32) = (1080, 860);
const TEXT: f64 = 34.0;
/// Left and right, bottom and top of the map.
const MAP: [(f64, f64); 2] = [(150.0, 846.0), (742.0, 46.0)];
/// Left and right of the scale of colours.
const SCALE: (f64, f64) = (886.0, 926.0);
/// Cells along a side that colours are drawn in.
const CELLS: usize = 116;
const INK: RGBColor = RGBColor(255, 255, 255);

/// Nine colours of viridis (Smith and van der Walt 2015), which grow evenly lighter.
const VIRIDIS: [(u8, u8, u8); 9] = [
    (68, 1, 84),
    (72, 40, 120),
    (62, 73, 137),
    (49, 104, 142),
    (38, 130, 142),
    (31, 158, 137),
    (53, 183, 121),
    (110, 206, 88),
    (253, 231, 37),
];

/// Draws colours, lines, axes and the scale.
pub(super) fn contour<B: DrawingBackend>(of: &Contour, pen: &Pen<'_, B>) -> Result<()> {
    pen.clear()?;
    colours(of, pen)?;
    for level in of.levels() {
        for piece in isoline(of, level) {
            pen.line(&piece.map(|at| place(of, at)), INK, 2.0)?;
        }
    }
    axes(of, pen)?;
    scale(of, pen)?;
    pen.finish()
}

fn ends(values: &[f64]) -> (f64, f64) {
    (values.first().copied().unwrap_or(0.0), values.last().copied().unwrap_or(1.0))
}

fn map(value: f64, from: (f64, f64), to: (f64, f64)) -> f64 {
    to.0 + (value - from.0) / (from.1 - from.0) * (to.1 - to.0)
}

fn place(of: &Contour, (x, y): (f64, f64)) -> (f64, f64) {
    (map(x, ends(&of.x), MAP[0]), map(y, ends(&of.y), MAP[1]))
}

/// The colour of a band.
fn colour(of: &Contour, band: usize) -> RGBColor {
    let at = 8.0 * (band as f64 + 0.5) / of.bands.max(1) as f64;
    let (from, to) = (VIRIDIS[at as usize], VIRIDIS[(at as usize + 1).min(8)]);
    let mix = |from: u8, to: u8| {
        (f64::from(from) + at.fract() * (f64::from(to) - f64::from(from))).round() as u8
    };
    RGBColor(mix(from.0, to.0), mix(from.1, to.1), mix(from.2, to.2))
}

/// Rows of cells; neighbours of one colour are drawn as one.
fn colours<B: DrawingBackend>(of: &Contour, pen: &Pen<'_, B>) -> Result<()> {
    let edge = |i: usize, ends: (f64, f64)| map(i as f64, (0.0, CELLS as f64), ends);
    let middle = |i: usize, points: usize| (i as f64 + 0.5) / CELLS as f64 * (points as f64 - 1.0);
    for row in 0..CELLS {
        let band = |column: usize| {
            let z = of.between(middle(column, of.x.len()), middle(row, of.y.len()));
            z.map(|z| of.band(z))
        };
        let bands: Vec<Option<usize>> = (0..CELLS).map(band).collect();
        let mut from = 0;
        for run in bands.chunk_by(|a, b| a == b) {
            let (start, end) = (edge(from, MAP[0]), edge(from + run.len(), MAP[0]));
            let fill = run[0].map_or(GRID, |band| colour(of, band));
            pen.rectangle((start, edge(row + 1, MAP[1])), (end, edge(row, MAP[1])), fill)?;
            from += run.len();
        }
    }
    Ok(())
}

fn axes<B: DrawingBackend>(of: &Contour, pen: &Pen<'_, B>) -> Result<()> {
    let [(left, right), (bottom, top)] = MAP;
    let frame = [(left, top), (left, bottom), (right, bottom), (right, top), (left, top)];
    pen.line(&frame, FRAME, 2.5)?;
    for (value, text) in numbered_ticks(ends(&of.x).0, ends(&of.x).1, 5.0) {
        let x = map(value, ends(&of.x), MAP[0]);
        pen.line(&[(x, bottom), (x, bottom + 9.0)], FRAME, 2.5)?;
        pen.text(&text, TEXT, HPos::Center, (x, bottom + 34.0))?;
    }
    for (value, text) in numbered_ticks(ends(&of.y).0, ends(&of.y).1, 5.0) {
        let y = map(value, ends(&of.y), MAP[1]);
        pen.line(&[(left - 9.0, y), (left, y)], FRAME, 2.5)?;
        pen.text(&text, TEXT, HPos::Right, (left - 16.0, y))?;
    }
    pen.text(&of.x_label, TEXT, HPos::Center, ((left + right) / 2.0, bottom + 86.0))?;
    pen.upright_text(&of.y_label, TEXT, (30.0, (bottom + top) / 2.0))
}

fn scale<B: DrawingBackend>(of: &Contour, pen: &Pen<'_, B>) -> Result<()> {
    let (bottom, top) = MAP[1];
    let edge = |band: usize| map(band as f64, (0.0, of.bands as f64), MAP[1]);
    for band in 0..of.bands {
        let corners = [(SCALE.0, edge(band + 1)), (SCALE.1, edge(band))];
        pen.rectangle(corners[0], corners[1], colour(of, band))?;
    }
    for (value, text) in numbered_ticks(of.low, of.high, 5.0) {
        let y = map(value, (of.low, of.high), MAP[1]);
        pen.line(&[(SCALE.1, y), (SCALE.1 + 9.0, y)], FRAME, 2.5)?;
        pen.text(&text, TEXT, HPos::Left, (SCALE.1 + 16.0, y))?;
    }
    pen.upright_text(&of.z_label, TEXT, (1052.0, (bottom + top) / 2.0))
}
