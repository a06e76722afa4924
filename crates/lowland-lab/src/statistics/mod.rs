//! What can be said of an experiment: means over seeds, differences to the baseline, and a verdict.

mod record;

pub use record::{
    Better, Difference, Measure, Row, Statistics, Summary, Unit, Value, Verdict, VerdictOf,
};
