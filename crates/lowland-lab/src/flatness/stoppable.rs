//! Measurements that end soon after somebody wishes it.

use lowland_landscape::{Error as LandscapeError, NetworkLoss, Objective};

use crate::run::Stop;
use crate::{Error, Result};

/// The loss of a network that refuses to be evaluated once a stop is wished.
pub(super) struct Stoppable<'a> {
    pub(super) loss: NetworkLoss<'a>,
    pub(super) stop: &'a Stop,
}

impl Stoppable<'_> {
    fn go_on(&self) -> lowland_landscape::Result<()> {
        if self.stop.wished() { Err(LandscapeError::Stopped) } else { Ok(()) }
    }
}

impl Objective for Stoppable<'_> {
    fn dimension(&self) -> usize {
        self.loss.dimension()
    }

    fn loss(&mut self, at: &[f64]) -> lowland_landscape::Result<f64> {
        self.go_on()?;
        self.loss.loss(at)
    }

    fn gradient(&mut self, at: &[f64]) -> lowland_landscape::Result<(f64, Vec<f64>)> {
        self.go_on()?;
        self.loss.gradient(at)
    }

    fn gradient_difference(
        &mut self,
        at: &[f64],
        step: &[f64],
    ) -> lowland_landscape::Result<Vec<f64>> {
        self.go_on()?;
        self.loss.gradient_difference(at, step)
    }

    fn relative_step(&self) -> f64 {
        self.loss.relative_step()
    }
}

/// None where a measurement was stopped.
pub(super) fn unless_stopped<T>(measured: Result<T>) -> Result<Option<T>> {
    match measured {
        Err(Error::Landscape(error)) if matches!(*error, LandscapeError::Stopped) => Ok(None),
        measured => measured.map(Some),
    }
}

/// A measurement, or none where it led to a NaN or an infinity.
pub(super) fn finite<T>(measured: lowland_landscape::Result<T>) -> Result<Option<T>> {
    match measured {
        Err(LandscapeError::NonFinite { .. }) => Ok(None),
        measured => Ok(Some(measured?)),
    }
}
