//! The learning-rate range test: a few steps at a learning rate that grows tell between which rates a
//! network learns.
//!
//! L. N. Smith, "Cyclical Learning Rates for Training Neural Networks", WACV 2017, section 3.3. There the
//! rate grows linearly over some epochs and the accuracy is watched; here it grows exponentially from step
//! to step and the training loss is watched, so that one test of a hundred steps spans six powers of ten.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::output::write_json;
use crate::picture::{Axis, Mark, Plot, Point as Dot, Series};
use crate::{Error, Result};

/// Weight of what went before in the mean of the losses, which so spans about ten steps.
const BETA: f64 = 0.9;
/// The test ends where the mean exceeds so many times its minimum.
const TOO_FAR: f64 = 4.0;
/// What the learning rate of the minimum is divided by for the suggestion.
const SAFETY: f64 = 10.0;
/// Steps before which the mean is of too few losses to judge its slope.
const SETTLED: usize = 5;

/// Which learning rates are tried.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RangeTest {
    /// That of the first step.
    pub from: f64,
    /// That of the last step.
    pub to: f64,
    /// How many steps.
    pub steps: usize,
}

impl RangeTest {
    /// Checks the range.
    ///
    /// # Errors
    /// [`Error::Usage`] with the argument of the program, the value and what is allowed.
    pub fn check(&self) -> Result<()> {
        let RangeTest { from, to, steps } = *self;
        let wrong = |message: String| Err(Error::Usage(message));
        if !(from > 0.0 && from.is_finite()) {
            return wrong(format!("--from {from:e} is not possible; it must be above 0"));
        }
        if !(to > from && to.is_finite()) {
            return wrong(format!(
                "--to {to:e} is not possible; it must be above {from:e} (--from)"
            ));
        }
        if !(2 * SETTLED..=1_000_000).contains(&steps) {
            let least = 2 * SETTLED;
            return wrong(format!(
                "--steps {steps} is not possible; it must be {least} to 1,000,000"
            ));
        }
        Ok(())
    }

    /// The learning rate of a step, from 0: `from (to / from)^(step / (steps - 1))`.
    #[must_use]
    pub fn learning_rate(&self, step: usize) -> f64 {
        let part = step as f64 / (self.steps - 1) as f64;
        self.from * (self.to / self.from).powf(part)
    }
}

/// One step of a test.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Its learning rate.
    pub lr: f64,
    /// The loss of its batch before it.
    pub loss: f64,
    /// The exponential mean of the losses up to it, corrected for its start.
    pub mean: f64,
}

/// Why a test ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// All learning rates were tried.
    Range,
    /// The mean loss grew to four times its minimum.
    Diverged,
    /// The loss, a gradient or a parameter was not finite.
    NotFinite,
    /// Somebody stopped it.
    Stopped,
}

/// Takes losses down as they come.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recorder {
    points: Vec<Point>,
    sum: f64,
    weight: f64,
    lowest: Option<f64>,
}

impl Recorder {
    /// Adds a step. Says so where the test has ended with it.
    pub(crate) fn add(&mut self, lr: f64, loss: f64) -> Option<Ended> {
        if !loss.is_finite() {
            return Some(Ended::NotFinite);
        }
        self.sum = BETA * self.sum + (1.0 - BETA) * loss;
        self.weight = BETA * self.weight + (1.0 - BETA);
        let mean = self.sum / self.weight;
        self.points.push(Point { lr, loss, mean });
        let lowest = self.lowest.map_or(mean, |lowest| lowest.min(mean));
        self.lowest = Some(lowest);
        (mean > TOO_FAR * lowest).then_some(Ended::Diverged)
    }

    pub(crate) fn into_points(self) -> Vec<Point> {
        self.points
    }
}

/// What a test has shown: the content of `lr-range.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RangeReport {
    /// The name of the config.
    pub name: String,
    /// Its seed.
    pub seed: u64,
    /// What was tried.
    pub test: RangeTest,
    /// Why it ended.
    pub ended: Ended,
    /// The steps.
    pub points: Vec<Point>,
    /// The learning rate at which the mean loss fell fastest; none where it never fell.
    pub steepest: Option<f64>,
    /// The learning rate at which the mean loss was least; none where it never fell.
    pub minimum: Option<f64>,
    /// A tenth of that of the minimum: the mean follows the loss by some ten steps, and a whole run
    /// needs a rate at which it does not begin to rise. None where the mean never fell, or still fell
    /// at the end of the range.
    pub suggestion: Option<f64>,
}

impl RangeReport {
    /// Reads the steps of a test.
    #[must_use]
    pub fn new(
        name: &str,
        seed: u64,
        test: RangeTest,
        points: Vec<Point>,
        ended: Ended,
    ) -> RangeReport {
        let minimum = lowest(&points);
        let steepest = minimum.and_then(|minimum| steepest(&points[..=minimum]));
        let fell_to_the_end = minimum.is_some_and(|minimum| minimum + 1 == points.len());
        let at = |i: usize| points[i].lr;
        RangeReport {
            name: name.into(),
            seed,
            test,
            ended,
            steepest: steepest.map(at),
            minimum: minimum.map(at),
            suggestion: minimum.filter(|_| !fell_to_the_end).map(|i| at(i) / SAFETY),
            points,
        }
    }

    /// Writes `lr-range.json`, `lr-range.png` and `lr-range.svg` into a folder.
    ///
    /// # Errors
    /// [`Error::File`], and [`Error::Picture`] where drawing fails.
    pub fn write(&self, folder: &Path) -> Result<()> {
        write_json(&folder.join("lr-range.json"), self)?;
        self.plot().write(folder)
    }

    fn plot(&self) -> Plot {
        let mark = |label: &str, lr: Option<f64>, colour| {
            let at = self.points.iter().find(|point| Some(point.lr) == lr);
            let points = at.map(|point| Dot::at(point.lr, point.mean)).into_iter().collect();
            Series { label: label.into(), colour: Some(colour), mark: Mark::Dots, points }
        };
        let highest = 1.1 * self.points.iter().fold(1e-9, |high, point| point.mean.max(high));
        let lowest = self.points.iter().fold(highest, |low, point| point.loss.min(low));
        // Single batches may lie far above.
        let batch = |point: &Point| Dot::at(point.lr, Some(point.loss).filter(|y| *y <= highest));
        let mean = |point: &Point| Dot::at(point.lr, point.mean);
        Plot {
            name: "lr-range".into(),
            x: Axis::logarithmic("learning rate"),
            y: Axis::linear("training loss").between(0.9 * lowest, highest),
            series: vec![
                Series::line("batch", 5, self.points.iter().map(batch).collect()),
                Series::line("mean", 0, self.points.iter().map(mean).collect()),
                mark("steepest descent", self.steepest, 2),
                mark("minimum", self.minimum, 1),
            ],
            guides: Vec::new(),
        }
    }
}

/// Where the mean is least, if that is below where it has settled first.
fn lowest(points: &[Point]) -> Option<usize> {
    let settled = points.iter().enumerate().skip(SETTLED - 1);
    let lowest = settled.clone().min_by(|a, b| a.1.mean.total_cmp(&b.1.mean))?;
    let first = settled.clone().next()?;
    (lowest.1.mean < first.1.mean).then_some(lowest.0)
}

/// Where the mean falls most from the step before to the step behind: rates grow by one factor from step
/// to step, so that this is the slope over the logarithm of the rate.
fn steepest(points: &[Point]) -> Option<usize> {
    let fall = |i: &usize| points[i - 1].mean - points[i + 1].mean;
    let inner = SETTLED..points.len().saturating_sub(1);
    inner.max_by(|a, b| fall(a).total_cmp(&fall(b))).filter(|i| fall(i) > 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEST: RangeTest = RangeTest { from: 1e-4, to: 1.0, steps: 41 };

    fn report(loss: impl Fn(f64) -> f64) -> RangeReport {
        let mut recorder = Recorder::default();
        let rates = (0..TEST.steps).map(|step| TEST.learning_rate(step));
        let ended = rates.into_iter().find_map(|lr| recorder.add(lr, loss(lr)));
        let ended = ended.unwrap_or(Ended::Range);
        RangeReport::new("test", 1, TEST, recorder.into_points(), ended)
    }

    #[test]
    fn learning_rates_grow_by_one_factor() {
        assert_eq!(TEST.learning_rate(0), 1e-4);
        assert!((TEST.learning_rate(10) / 1e-3 - 1.0).abs() < 1e-12);
        assert!((TEST.learning_rate(40) - 1.0).abs() < 1e-12);
        TEST.check().unwrap();
        for (test, field) in [
            (RangeTest { from: 0.0, ..TEST }, "--from 0e0"),
            (RangeTest { to: 1e-4, ..TEST }, "--to 1e-4"),
            (RangeTest { to: f64::INFINITY, ..TEST }, "--to inf"),
            (RangeTest { steps: 9, ..TEST }, "--steps 9"),
        ] {
            let error = test.check().unwrap_err();
            assert!(error.to_string().starts_with(field), "{error}");
            assert_eq!(error.exit_code(), 2);
        }
    }

    #[test]
    fn the_mean_is_corrected_for_its_start() {
        let mut recorder = Recorder::default();
        for loss in [2.0, 1.0, 4.0] {
            assert_eq!(recorder.add(0.1, loss), None);
        }
        let means: Vec<f64> = recorder.into_points().iter().map(|point| point.mean).collect();
        let want = [2.0, (0.9 * 2.0 + 1.0) / 1.9, (0.81 * 2.0 + 0.9 + 4.0) / 2.71];
        means.iter().zip(want).for_each(|(found, want)| assert!((found - want).abs() < 1e-12));
    }

    #[test]
    fn a_valley_has_its_steepest_descent_before_its_minimum() {
        // Falls fastest at 1e-2, is least at 1e-1 and grows steeply from there.
        let report = report(|lr| {
            let x = lr.log10();
            2.0 - 1.0 / (1.0 + (-8.0 * (x + 2.0)).exp())
                + if x > -1.0 { 40.0 * (x + 1.0) } else { 0.0 }
        });
        assert_eq!(report.ended, Ended::Diverged);
        assert!(report.points.len() < TEST.steps);
        let (steepest, minimum) = (report.steepest.unwrap(), report.minimum.unwrap());
        assert!((1e-2..3e-2).contains(&steepest), "{steepest}");
        assert!((0.09..0.13).contains(&minimum), "{minimum}");
        assert_eq!(report.suggestion, Some(minimum / 10.0));
    }

    #[test]
    fn nothing_is_suggested_of_a_loss_that_only_falls_or_only_rises() {
        let falls = report(|lr| 2.0 - 0.2 * (lr.log10() + 4.0));
        assert_eq!((falls.ended, falls.points.len(), falls.suggestion), (Ended::Range, 41, None));
        assert_eq!(falls.minimum, Some(falls.points[40].lr));
        let rises = report(|lr| 2.0 + lr.log10());
        assert_eq!((rises.minimum, rises.steepest, rises.suggestion), (None, None, None));
        let breaks = report(|lr| if lr > 1e-2 { f64::NAN } else { 1.0 });
        assert_eq!((breaks.ended, breaks.points.len()), (Ended::NotFinite, 21));
    }
}
