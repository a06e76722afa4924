//! Pictures of what the methods do, made by the code that trains with them.

mod activations;
mod chart;
mod conditioned;
mod deformations;
mod gradients;
mod integrals;
mod stability;

use std::path::{Path, PathBuf};

use lowland_models::zero_stability::Scheme;

use crate::output::write_whole;
use crate::{Error, Result};
use chart::Chart;

/// A picture: the name of its file, and what makes it.
type Figure = (&'static str, fn() -> Result<Chart>);

const FIGURES: [Figure; 8] = [
    ("methods-miadam-filter.png", integrals::filter),
    ("methods-miadam-descent.png", integrals::descent),
    ("methods-gaf.png", activations::curves),
    ("methods-gaf-descent.png", conditioned::descents),
    ("methods-vdm-curves.png", deformations::curves),
    ("methods-vdm-surfaces.png", deformations::surfaces),
    ("methods-cdg.png", gradients::smoothed),
    ("methods-zerosnet.png", stability::roots),
];

/// Draws the characteristic roots of a scheme with the unit circle, and the region of c in which a
/// ZeroSNet is zero-stable, into a PNG file.
///
/// # Errors
/// [`Error::File`] where the file cannot be written; [`Error::Picture`] where drawing fails.
pub fn draw_stability(scheme: &Scheme, path: &Path) -> Result<()> {
    write_whole(path, &stability::roots_of(scheme)?.png()?)
}

/// Draws all pictures of methods into a folder, and returns their paths. They are the same at every
/// call.
///
/// # Errors
/// [`Error::File`] where the folder or a file cannot be written; [`Error::Picture`] where drawing
/// fails.
pub fn draw_methods(folder: &Path) -> Result<Vec<PathBuf>> {
    std::fs::create_dir_all(folder).map_err(Error::file("create the folder", folder))?;
    let draw = |(name, make): &Figure| {
        let path = folder.join(name);
        write_whole(&path, &make()?.png()?)?;
        Ok(path)
    };
    FIGURES.iter().map(draw).collect()
}
