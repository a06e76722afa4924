//! Loss surfaces: a line and a plane through a solution, and the way between two.

use std::path::Path;

use lowland_landscape::{Objective, filter_normalised, interpolate};
use lowland_models::ParamEntry;

use super::network::{Network, SEED, images_in};
use super::stoppable::{Stoppable, finite, unless_stopped};
use super::{Interpolation, LandscapeConfig, Line, Plane, StatisticsOf};
use crate::past::PastRun;
use crate::run::{Options, Stop};
use crate::{Error, Result};

/// So many equally spaced numbers from `-reach` to `reach`; of an odd number the middle one is 0.
fn axis(points: usize, reach: f64) -> Vec<f64> {
    let middle = (points - 1) as f64 / 2.0;
    (0..points).map(|i| (i as f64 - middle) / middle * reach).collect()
}

/// The loss along the first direction, at twice as many points a length as the plane has.
pub(super) fn line(
    objective: &mut Stoppable<'_>,
    entries: &[ParamEntry],
    w: &[f64],
    config: &LandscapeConfig,
) -> Result<Line> {
    let x = filter_normalised(entries, w, SEED, 0)?;
    let at = axis(2 * config.points - 1, config.reach);
    let loss = |a: &f64| finite(lowland_landscape::line(objective, w, &x, &[*a]).map(|l| l[0]));
    let losses = at.iter().map(loss).collect::<Result<_>>()?;
    Ok(Line { at, losses })
}

/// The loss over the first two directions.
pub(super) fn plane(
    objective: &mut Stoppable<'_>,
    entries: &[ParamEntry],
    w: &[f64],
    config: &LandscapeConfig,
) -> Result<Plane> {
    let x = filter_normalised(entries, w, SEED, 0)?;
    let y = filter_normalised(entries, w, SEED, 1)?;
    let axis = axis(config.points, config.reach);
    let mut loss = |a: f64, b: f64| {
        finite(lowland_landscape::plane(objective, w, [&x, &y], [&[a], &[b]]).map(|s| s.losses[0]))
    };
    let mut row = |&a: &f64| axis.iter().map(|&b| loss(a, b)).collect::<Result<Vec<_>>>();
    let losses = axis.iter().map(&mut row).collect::<Result<_>>()?;
    Ok(Plane { a: axis.clone(), b: axis, losses })
}

/// Parts of the way from one solution to another: `points` from 0 to 1, both to the bit, and as densely
/// a quarter of the way beyond either.
fn way(points: usize) -> Vec<f64> {
    let (pieces, beyond) = (points as i64 - 1, (points as i64 - 1) / 4);
    (-beyond..=pieces + beyond).map(|k| k as f64 / pieces as f64).collect()
}

/// Measures the loss on the straight way between the networks that two runs have ended with; none where
/// a stop is wished (Goodfellow, Vinyals and Saxe 2015, "Qualitatively Characterizing Neural Network
/// Optimization Problems", section 2).
///
/// The loss and the images are those of `from`, as in [`measure`](super::measure()), of which the points
/// on the way and the number of images are taken from `config`. With `running`, statistics are estimated anew
/// at each point (Izmailov et al. 2018, section 3), as running ones belong to one solution; the result says
/// so. The folders stand in it as the runs have them.
///
/// # Errors
/// [`Error::Incomparable`] where the networks differ in more than the values of their parameters, or
/// the datasets differ; else as [`measure`](super::measure()).
pub fn interpolation(
    from: &PastRun,
    to: &PastRun,
    config: &LandscapeConfig,
    data_folder: &Path,
    options: &Options,
    stop: &Stop,
) -> Result<Option<Interpolation>> {
    config.check()?;
    let incomparable = |reason: String| Error::Incomparable {
        from: from.folder.clone(),
        to: to.folder.clone(),
        reason,
    };
    if from.json.run.data.checksum != to.json.run.data.checksum {
        return Err(incomparable("they were trained on different datasets".into()));
    }
    let [u, v] = [from, to].map(|run| Network::of(run, data_folder, options));
    let (u, v) = (u?, v?);
    if u.spec() != v.spec() {
        let [a, b] = [from, to].map(|run| &run.json.run.model);
        return Err(incomparable(format!(
            "their networks are different, {} with {} parameters and {} with {}; a way needs two solutions \
             of one",
            a.name, a.parameters, b.name, b.parameters
        )));
    }
    let statistics = match config.statistics {
        StatisticsOf::Running => StatisticsOf::ReEstimated,
        statistics => statistics,
    };
    let batches = u.batches(config.images)?;
    let mut objective = u.loss(&batches, statistics, stop)?;
    let ends = [u.parameters()?, v.parameters()?];
    let ends = [&ends[0][..], &ends[1][..]];
    let at = way(config.points);
    let measured = losses(&mut objective, ends, &at).map(|losses| Interpolation {
        from: from.folder.display().to_string(),
        to: to.folder.display().to_string(),
        statistics,
        images: images_in(&batches),
        line: Line { at, losses },
    });
    unless_stopped(measured)
}

fn losses(
    objective: &mut (impl Objective + ?Sized),
    ends: [&[f64]; 2],
    at: &[f64],
) -> Result<Vec<Option<f64>>> {
    at.iter().map(|t| finite(interpolate(objective, ends, &[*t]).map(|l| l[0]))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_hold_the_solution_and_ways_both() {
        assert_eq!(axis(5, 1.5), [-1.5, -0.75, 0.0, 0.75, 1.5]);
        for points in [3, 5, 7, 21, 51] {
            assert_eq!(axis(points, 0.7)[points / 2], 0.0);
            let way = way(points);
            assert!(way.contains(&0.0) && way.contains(&1.0), "{way:?}");
            assert_eq!(way.len(), points + 2 * ((points - 1) / 4));
        }
        assert_eq!(way(5), [-0.25, 0.0, 0.25, 0.5, 0.75, 1.0, 1.25]);
    }
}
