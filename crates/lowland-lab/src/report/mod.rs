//! The report of an experiment: one HTML file that needs nothing else, and figures for papers.

mod calibration;
mod configs;
mod costs;
mod curves;
mod environment;
mod flatness;
mod landscapes;
mod numbers;
mod overview;
mod page;
mod results;
mod robustness;
mod source;
mod tuning;

use std::fs;
use std::path::{Path, PathBuf};

use crate::output::write_whole;
use crate::{Error, Result};
use page::Page;
use source::Source;

/// Writes `report.html` and `figures/` into the directory of an experiment, finished or not, or of a
/// single run, and returns the path of the page.
///
/// The page holds its scripts and its data, and asks the network for nothing. Each figure is in
/// `figures/` too, as PNG and SVG.
///
/// # Errors
/// [`Error::Usage`] where the directory is of neither; what reading the records says, and
/// [`Error::File`] where something cannot be written.
pub fn write(folder: &Path) -> Result<PathBuf> {
    let source = Source::read(folder)?;
    let page = page_of(&source)?;
    let figures = folder.join("figures");
    fs::create_dir_all(&figures).map_err(Error::file("create the folder", &figures))?;
    page.plots().try_for_each(|plot| plot.write(&figures))?;
    page.maps().try_for_each(|map| map.write(&figures))?;
    let path = folder.join("report.html");
    write_whole(&path, page.html()?.as_bytes())?;
    Ok(path)
}

/// The page, from the answer down to what is needed to repeat it.
fn page_of(source: &Source) -> Result<Page> {
    let sections = [
        curves::section(source),
        results::section(source),
        robustness::section(source),
        flatness::section(source),
        landscapes::section(source),
        calibration::section(source),
        tuning::section(source),
        costs::section(source),
        configs::section(source)?,
        Some(environment::section(source)),
    ];
    Ok(Page::new(overview::of(source), sections.into_iter().flatten().collect()))
}
