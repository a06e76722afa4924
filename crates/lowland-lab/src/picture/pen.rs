//! Draws lines, dots and text on a picture of any resolution.

use plotters::coord::Shift;
use plotters::element::DashedPathElement;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::failed;
use crate::Result;

/// The name that the font is registered under; in SVG files the reader's own font.
pub(super) const FONT: &str = "sans-serif";
const INK: RGBColor = RGBColor(38, 38, 38);

/// Draws on a picture that may be larger than [`SIZE`](super::SIZE), in the pixels of that size.
pub(super) struct Pen<'a, B: DrawingBackend> {
    pub(super) root: &'a DrawingArea<B, Shift>,
    pub(super) scale: f64,
    /// What has to be added to the height of centred text, in parts of its size: bitmaps are drawn
    /// by the font's box, in which letters do not sit in the middle.
    pub(super) text_shift: f64,
}

impl<B: DrawingBackend> Pen<'_, B> {
    pub(super) fn clear(&self) -> Result<()> {
        self.root.fill(&WHITE).map_err(failed)
    }

    pub(super) fn finish(&self) -> Result<()> {
        self.root.present().map_err(failed)
    }

    fn pixel(&self, (x, y): (f64, f64)) -> (i32, i32) {
        ((self.scale * x).round() as i32, (self.scale * y).round() as i32)
    }

    fn length(&self, length: f64) -> u32 {
        (self.scale * length).round().max(1.0) as u32
    }

    pub(super) fn line(&self, points: &[(f64, f64)], colour: RGBColor, width: f64) -> Result<()> {
        let points: Vec<(i32, i32)> = points.iter().map(|point| self.pixel(*point)).collect();
        let stroke = colour.stroke_width(self.length(width));
        self.root.draw(&PathElement::new(points, stroke)).map_err(failed)
    }

    /// A line of dashes of a length, with gaps half as long.
    pub(super) fn dashes(
        &self,
        points: &[(f64, f64)],
        colour: RGBColor,
        width: f64,
        length: f64,
    ) -> Result<()> {
        let points: Vec<(i32, i32)> = points.iter().map(|point| self.pixel(*point)).collect();
        let stroke = colour.stroke_width(self.length(width));
        let (dash, gap) = (self.length(length), self.length(0.5 * length));
        let dashes = DashedPathElement::new(points, dash as i32, gap as i32, stroke);
        self.root.draw(&dashes).map_err(failed)
    }

    /// The inside of a line that is closed, with so much of the colour and the rest of what is below.
    pub(super) fn area(&self, points: &[(f64, f64)], colour: RGBColor, share: f64) -> Result<()> {
        let points: Vec<(i32, i32)> = points.iter().map(|point| self.pixel(*point)).collect();
        self.root.draw(&Polygon::new(points, colour.mix(share).filled())).map_err(failed)
    }

    pub(super) fn dot(&self, at: (f64, f64), colour: RGBColor, radius: f64) -> Result<()> {
        self.root
            .draw(&Circle::new(self.pixel(at), self.length(radius), colour.filled()))
            .map_err(failed)
    }

    pub(super) fn ring(
        &self,
        at: (f64, f64),
        colour: RGBColor,
        radius: f64,
        width: f64,
    ) -> Result<()> {
        let stroke = colour.stroke_width(self.length(width));
        self.root.draw(&Circle::new(self.pixel(at), self.length(radius), stroke)).map_err(failed)
    }

    /// A filled rectangle between two opposite corners.
    pub(super) fn rectangle(
        &self,
        from: (f64, f64),
        to: (f64, f64),
        colour: RGBColor,
    ) -> Result<()> {
        let corners = [self.pixel(from), self.pixel(to)];
        self.root.draw(&Rectangle::new(corners, colour.filled())).map_err(failed)
    }

    fn font(&self, size: f64) -> FontDesc<'static> {
        (FONT, self.scale * size).into_font()
    }

    /// The width of a text.
    pub(super) fn width(&self, text: &str, size: f64) -> Result<f64> {
        let style = self.font(size).into_text_style(self.root);
        let (width, _) = self.root.estimate_text_size(text, &style).map_err(failed)?;
        Ok(f64::from(width) / self.scale)
    }

    /// A line of text that begins, ends or is centred at a point, halfway up its digits.
    pub(super) fn text(
        &self,
        text: &str,
        size: f64,
        align: HPos,
        (x, y): (f64, f64),
    ) -> Result<()> {
        let style = self.font(size).color(&INK).pos(Pos::new(align, VPos::Center));
        let at = self.pixel((x, y + self.text_shift * size));
        self.root.draw_text(text, &style, at).map_err(failed)
    }

    /// A line of text from bottom to top, centred at a point.
    pub(super) fn upright_text(&self, text: &str, size: f64, (x, y): (f64, f64)) -> Result<()> {
        let font = self.font(size).transform(FontTransform::Rotate270);
        let style = font.color(&INK).pos(Pos::new(HPos::Center, VPos::Center));
        self.root
            .draw_text(text, &style, self.pixel((x + self.text_shift * size, y)))
            .map_err(failed)
    }
}
