//! Figures as files: PNG and SVG.

use std::sync::OnceLock;

use plotters::prelude::*;
use plotters::style::FontStyle;

use super::pen::{FONT, Pen};
use super::{Figure, SIZE, failed};
use crate::{Error, Result};

/// A bitmap is drawn this much larger and then averaged down, which smooths every line.
const OVERSAMPLING: u32 = 3;
/// [`Pen::text_shift`] of bitmaps.
const TEXT_SHIFT: f64 = 0.216;

/// Registers the font of all figures, once.
fn register_font() -> Result<()> {
    static REGISTERED: OnceLock<bool> = OnceLock::new();
    let font = include_bytes!("../../assets/DejaVuSans-latin.ttf");
    let registered = REGISTERED
        .get_or_init(|| plotters::style::register_font(FONT, FontStyle::Normal, font).is_ok());
    if *registered { Ok(()) } else { Err(Error::Picture("the font cannot be read".into())) }
}

impl Figure {
    pub(super) fn png(&self) -> Result<Vec<u8>> {
        png(SIZE, |pen| self.draw(pen))
    }

    pub(super) fn svg(&self) -> Result<String> {
        svg(SIZE, |pen| self.draw(pen))
    }
}

/// An SVG file of so many pixels.
pub(super) fn svg(
    size: (u32, u32),
    draw: impl FnOnce(&Pen<'_, SVGBackend<'_>>) -> Result<()>,
) -> Result<String> {
    register_font()?;
    let mut text = String::new();
    {
        let root = SVGBackend::with_string(&mut text, size).into_drawing_area();
        draw(&Pen { root: &root, scale: 1.0, text_shift: 0.0 })?;
    }
    Ok(text)
}

/// A PNG file of so many pixels, drawn larger and averaged down.
pub(super) fn png(
    size: (u32, u32),
    draw: impl FnOnce(&Pen<'_, BitMapBackend<'_>>) -> Result<()>,
) -> Result<Vec<u8>> {
    register_font()?;
    let k = OVERSAMPLING;
    let (width, height) = (size.0 * k, size.1 * k);
    let mut large = vec![0u8; 3 * (width * height) as usize];
    {
        let root = BitMapBackend::with_buffer(&mut large, (width, height)).into_drawing_area();
        draw(&Pen { root: &root, scale: f64::from(k), text_shift: TEXT_SHIFT })?;
    }
    let pixels = average(&large, width as usize, k as usize);
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, size.0, size.1);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_compression(png::Compression::High);
    let mut writer = encoder.write_header().map_err(failed)?;
    writer.write_image_data(&pixels).map_err(failed)?;
    writer.finish().map_err(failed)?;
    Ok(file)
}

/// Means of squares of `k` x `k` pixels of an RGB image.
fn average(large: &[u8], width: usize, k: usize) -> Vec<u8> {
    let rows = large.chunks_exact(3 * width * k);
    let mut pixels = Vec::with_capacity(large.len() / (k * k));
    for row in rows {
        for x in 0..width / k {
            for channel in 0..3 {
                let at = |i: usize, j: usize| u32::from(row[3 * (i * width + x * k + j) + channel]);
                let sum: u32 = (0..k).flat_map(|i| (0..k).map(move |j| at(i, j))).sum();
                pixels.push((sum / (k * k) as u32) as u8);
            }
        }
    }
    pixels
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn averages_squares_of_pixels() {
        let large = [0, 0, 0, 100, 50, 8, 200, 0, 0, 100, 50, 8];
        assert_eq!(average(&large, 2, 2), [100, 25, 4]);
    }
}
