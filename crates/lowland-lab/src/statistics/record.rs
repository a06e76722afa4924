//! The content of `statistics.json`.

use serde::{Deserialize, Serialize};

/// Everything that is said of an experiment's finished runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statistics {
    /// What was measured, in the order it is shown in.
    pub measures: Vec<Measure>,
    /// A row for each measure, combination of levels and arm that has a value, in that order.
    pub rows: Vec<Row>,
    /// What follows, in words.
    pub verdict: Verdict,
}

/// Something that a run has one number of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measure {
    /// Its key in files, such as `final_test_acc`.
    pub key: String,
    /// Its name for people, such as `test accuracy, final epoch`.
    pub title: String,
    /// How it is written.
    pub unit: Unit,
    /// Which direction is better.
    pub better: Better,
    /// Whether its differences are tested; those of times and memory are not.
    pub tested: bool,
}

/// How a number is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// A fraction, shown as a percentage; differences are percentage points.
    Fraction,
    /// A plain number.
    Plain,
    /// Seconds.
    Seconds,
    /// Bytes.
    Bytes,
}

/// Which direction is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Better {
    /// Larger numbers.
    Higher,
    /// Smaller numbers.
    Lower,
}

/// One measure of one arm at one combination of levels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// The key of the measure.
    pub measure: String,
    /// The level of each factor.
    pub levels: Vec<String>,
    /// The name of the arm.
    pub arm: String,
    /// The number of each seed's run, by seed.
    pub values: Vec<Value>,
    /// Their mean and spread.
    pub summary: Summary,
    /// The difference to the baseline at the same levels; none for the baseline itself, for measures
    /// that are not tested, and with fewer than two common seeds.
    pub difference: Option<Difference>,
}

/// The number of one run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Value {
    /// The seed of the run.
    pub seed: u64,
    /// The number.
    pub value: f64,
}

/// Mean and spread over seeds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Summary {
    /// How many runs.
    pub n: usize,
    /// Their mean.
    pub mean: f64,
    /// Their standard deviation, with n - 1; none of one run.
    pub sd: Option<f64>,
}

/// The difference of an arm to the baseline over the seeds that both have: arm minus baseline.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Difference {
    /// Pairs of runs with one seed.
    pub n: usize,
    /// The mean difference.
    pub mean: f64,
    /// The ends of its 95 % confidence interval, by Student's t.
    pub low: f64,
    /// See `low`.
    pub high: f64,
    /// The two-sided p of the paired t test.
    pub p: f64,
    /// The same, corrected by Holm for all tested differences of this measure.
    pub p_corrected: f64,
}

/// What follows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verdict {
    /// One sentence that answers the question, or says why it cannot be answered.
    pub headline: String,
    /// A sentence for each arm and combination of levels, on the measure that the question is about.
    pub details: Vec<VerdictOf>,
}

/// What follows for one arm at one combination of levels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VerdictOf {
    /// The key of the measure.
    pub measure: String,
    /// The level of each factor.
    pub levels: Vec<String>,
    /// The name of the arm.
    pub arm: String,
    /// Whether a difference was shown: better or worse than the baseline with corrected p below 0.05.
    /// None where it was not.
    pub better: Option<bool>,
    /// The same in words, with its numbers.
    pub sentence: String,
}
