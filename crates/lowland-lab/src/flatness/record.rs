//! What was measured: the content of `flatness.json`, `unmeasured.json` and `interpolation.json`.

use serde::{Deserialize, Serialize};

use super::{FlatnessConfig, StatisticsOf};

/// How flat the minimum is that a run has ended in. Losses are mean cross-entropies, with the run's label
/// smoothing and without weight decay.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flatness {
    /// What was asked for.
    pub config: FlatnessConfig,
    /// The epoch whose weights were measured.
    pub epoch: usize,
    /// Over how many training images.
    pub images: usize,
    /// The loss over these images, by the statistics of `config`.
    pub loss: f64,
    /// The largest eigenvalues of the Hessian, the largest first, each with its residual; empty where
    /// they were not asked for.
    pub eigenvalues: Vec<Estimate>,
    /// The trace of the Hessian with its standard error.
    pub trace: Option<Estimate>,
    /// The density of its spectrum.
    pub spectrum: Option<Spectrum>,
    /// The growth of the loss within the radius.
    pub sharpness: Option<f64>,
    /// The largest eigenvalue along the run, in order of epochs; empty where it was not asked for.
    pub along: Vec<Along>,
    /// The loss along one direction through the solution; none where no landscape was asked for.
    pub line: Option<Line>,
    /// The loss over two directions through the solution; none where no landscape was asked for.
    pub plane: Option<Plane>,
    /// How long the measurement took.
    pub seconds: f64,
}

/// Why nothing was measured of a run: the content of `unmeasured.json`, which then stands in the place of
/// `flatness.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unmeasured {
    /// What was asked for.
    pub config: FlatnessConfig,
    /// Whether surfaces were among it.
    pub with_landscape: bool,
    /// What was in the way.
    pub reason: String,
}

/// A number with its error: the residual of an eigenvalue, the standard error of a trace.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Estimate {
    /// The number.
    pub value: f64,
    /// How far off it may be.
    pub error: f64,
}

/// The density of the eigenvalues of the Hessian on a grid of equally spaced values, each eigenvalue
/// spread by a normal density.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spectrum {
    /// Eigenvalues.
    pub eigenvalues: Vec<f64>,
    /// The share of eigenvalues per unit, at each.
    pub density: Vec<f64>,
    /// The standard deviation of the normal density.
    pub sigma: f64,
}

/// The largest eigenvalue at one epoch of the run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Along {
    /// The epoch.
    pub epoch: usize,
    /// The learning rate of its last step.
    pub lr: f64,
    /// The largest eigenvalue of the Hessian with its residual. Gradient descent with this learning
    /// rate is stable where `lr * eigenvalue` is below 2 (Cohen et al. 2021, section 2).
    pub eigenvalue: Estimate,
}

/// Losses along a direction.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// Distances from the solution, in lengths of the filters.
    pub at: Vec<f64>,
    /// The loss at each; null where it is not finite.
    pub losses: Vec<Option<f64>>,
}

/// Losses over two directions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plane {
    /// Distances along the first direction.
    pub a: Vec<f64>,
    /// Distances along the second direction.
    pub b: Vec<f64>,
    /// The loss at each `a[i]`, `b[j]`, as `losses[i][j]`; null where it is not finite.
    pub losses: Vec<Vec<Option<f64>>>,
}

/// The loss on the straight way between two solutions, at 0 that of `from`, at 1 that of `to`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interpolation {
    /// The run directory of the one, relative to that of the experiment.
    pub from: String,
    /// The run directory of the other.
    pub to: String,
    /// By which statistics batch normalisation normalised.
    pub statistics: StatisticsOf,
    /// Over how many training images.
    pub images: usize,
    /// The part of the way, and the loss there; null where it is not finite.
    pub line: Line,
}
