//! A loss over two directions as a map: bands of colour with lines between them.

mod draw;
mod isolines;

use std::path::Path;

use serde::Serialize;

use super::surface;
use crate::Result;
use crate::output::write_whole;

/// Numbers over a rectangle, and how they are shown. Figures that are compared have the same `low`,
/// `high` and `bands`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Contour {
    /// The name of its files, without an ending.
    pub name: String,
    /// What the horizontal axis is.
    pub x_label: String,
    /// What the vertical axis is.
    pub y_label: String,
    /// What the numbers are.
    pub z_label: String,
    /// Where the columns are, from the left.
    pub x: Vec<f64>,
    /// Where the rows are, from below.
    pub y: Vec<f64>,
    /// The number at each `x[i]`, `y[j]`, as `z[i][j]`; none where it is not finite.
    pub z: Vec<Vec<Option<f64>>>,
    /// The number of the darkest colour.
    pub low: f64,
    /// The number of the lightest; what is above is shown like it.
    pub high: f64,
    /// How many bands there are between the two.
    pub bands: usize,
}

impl Contour {
    /// Draws it into `NAME.png` and `NAME.svg` of a folder.
    ///
    /// # Errors
    /// [`Error::File`](crate::Error::File) where a file cannot be written;
    /// [`Error::Picture`](crate::Error::Picture) where drawing fails.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let png = surface::png(draw::SIZE, |pen| draw::contour(self, pen))?;
        write_whole(&folder.join(format!("{}.png", self.name)), &png)?;
        write_whole(&folder.join(format!("{}.svg", self.name)), self.svg()?.as_bytes())
    }

    /// The SVG file.
    ///
    /// # Errors
    /// [`Error::Picture`](crate::Error::Picture) where drawing fails.
    pub fn svg(&self) -> Result<String> {
        surface::svg(draw::SIZE, |pen| draw::contour(self, pen))
    }

    /// The number at a place between the grid's points, by bilinear interpolation; none where one of
    /// the corners around it is missing. `u` and `v` count points from the first column and row.
    fn between(&self, u: f64, v: f64) -> Option<f64> {
        let part = |at: f64, count: usize| {
            let first = (at.max(0.0) as usize).min(count.saturating_sub(2));
            (first, at - first as f64)
        };
        let ((i, s), (j, t)) = (part(u, self.x.len()), part(v, self.y.len()));
        let z = |i: usize, j: usize| self.z.get(i).and_then(|column| *column.get(j)?);
        let (low, high) = (
            (1.0 - s) * z(i, j)? + s * z(i + 1, j)?,
            (1.0 - s) * z(i, j + 1)? + s * z(i + 1, j + 1)?,
        );
        Some((1.0 - t) * low + t * high)
    }

    /// The band that a number is in, from 0.
    fn band(&self, z: f64) -> usize {
        let share = (z - self.low) / (self.high - self.low);
        ((share * self.bands as f64).max(0.0) as usize).min(self.bands.saturating_sub(1))
    }

    /// The numbers that bands meet at.
    fn levels(&self) -> impl Iterator<Item = f64> + '_ {
        let step = (self.high - self.low) / self.bands.max(1) as f64;
        (1..self.bands).map(move |i| self.low + step * i as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tilted() -> Contour {
        Contour {
            name: "a".into(),
            x_label: String::new(),
            y_label: String::new(),
            z_label: String::new(),
            x: vec![0.0, 1.0, 2.0],
            y: vec![0.0, 1.0],
            z: vec![vec![Some(0.0), Some(1.0)], vec![Some(2.0), Some(3.0)], vec![Some(4.0), None]],
            low: 0.0,
            high: 4.0,
            bands: 4,
        }
    }

    #[test]
    fn numbers_between_points_are_interpolated_and_missing_ones_leave_gaps() {
        let contour = tilted();
        assert_eq!(contour.between(0.5, 0.5), Some(1.5));
        assert_eq!(contour.between(0.0, 1.0), Some(1.0));
        assert_eq!(contour.between(1.5, 0.5), None);
    }

    #[test]
    fn bands_divide_the_scale_and_what_is_above_is_in_the_last() {
        let contour = tilted();
        assert_eq!([-1.0, 0.5, 1.0, 3.9, 4.0, 1e9].map(|z| contour.band(z)), [0, 0, 1, 3, 3, 3]);
        assert_eq!(contour.levels().collect::<Vec<_>>(), [1.0, 2.0, 3.0]);
    }
}
