//! What is made of the runs when they are done: the way between two solutions, the statistics, and the tables.

use std::path::Path;

use super::conduct::Conductor;
use super::{Cell, State};
use crate::flatness::{self, LandscapeConfig};
use crate::output::write_json;
use crate::past::PastRun;
use crate::{Error, Result, report, statistics, tables};

impl Conductor<'_> {
    /// Makes what there is to be made of the runs that are done.
    pub(super) fn conclude(&self) -> Result<()> {
        let interpolated = self.interpolate();
        let folder = self.directory.join(Path::new(""));
        let statistics = statistics::of(&self.record, &folder)?;
        write_json(&folder.join("statistics.json"), &statistics)?;
        tables::write(&folder)?;
        let report = report::write(&folder)?;
        self.console.say(&format!("\n{}", statistics.verdict.headline));
        for detail in &statistics.verdict.details {
            self.console.say(&format!("- {}", detail.sentence));
        }
        self.console.say(&format!("report: {}", report.display()));
        // What has gone wrong on the way between the solutions is told only now, as the rest does not
        // need it.
        interpolated
    }

    /// Measures the way between the solutions of the two arms of the landscape, where it was asked for,
    /// both are there, and it has not been measured.
    fn interpolate(&self) -> Result<()> {
        let Some(landscape) = self.file.flatness().and_then(|f| f.landscape.as_ref()) else {
            return Ok(());
        };
        let Some([from, to]) = self.ends(landscape) else { return Ok(()) };
        let folder = self.directory.join(Path::new(""));
        let path = folder.join("interpolation.json");
        if path.exists() {
            let there = flatness::read_interpolation(&folder)?;
            if there.from == from.folder && there.to == to.folder {
                return Ok(());
            }
        }
        let read = |cell: &Cell| PastRun::read(&self.directory.join(Path::new(&cell.folder)));
        let (data, options) = (&self.settings.data_folder, self.settings.width(1).options);
        let measured = flatness::interpolation(
            &read(from)?,
            &read(to)?,
            landscape,
            data,
            &options,
            &self.limits.stop,
        );
        match measured {
            Ok(Some(found)) => {
                let (from, to) = (from.folder.clone(), to.folder.clone());
                flatness::write_interpolation(
                    &folder,
                    &flatness::Interpolation { from, to, ..found },
                )
            }
            Ok(None) => Ok(()),
            Err(error @ (Error::Incomparable { .. } | Error::Landscape(_))) => {
                self.console.say(&format!("No way between two solutions is measured: {error}"));
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// The runs of the two arms of the landscape, with the first seed at the first levels, if they are
    /// finished.
    fn ends(&self, landscape: &LandscapeConfig) -> Option<[&Cell; 2]> {
        let all = || self.file.arms().iter().map(|arm| arm.name.as_str());
        let arms: Vec<&str> = match landscape.arms.as_slice() {
            [] => all().collect(),
            named => named.iter().map(String::as_str).collect(),
        };
        let [from, to] = arms.as_slice() else { return None };
        let first = |arm: &str| self.record.cells.iter().find(|cell| cell.arm == arm);
        let ends = [first(from)?, first(to)?];
        let finished = ends.iter().all(|cell| cell.state == State::Finished);
        (landscape.interpolate && finished).then_some(ends)
    }
}
