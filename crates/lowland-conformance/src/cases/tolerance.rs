//! How far a result may be from the oracle's.

use lowland_core::DType;

/// What is allowed between an output and the oracle's, after the latter is rounded to the output's
/// type. NaNs and infinities are equal to themselves alone; the sign of a zero is free.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Tolerance {
    /// Nothing: the op moves or picks elements.
    Exact,
    /// Of each element 4e-6 in `f32`, 1e-12 in `f64`, of its own magnitude.
    Element,
    /// Of each element `1e-6 (2 + sqrt(terms) / 10)` in `f32`, 1e-12 in `f64`, of the largest
    /// magnitude in the output.
    Largest {
        /// How many terms are summed up in an element; their roundings add up like a random walk.
        terms: usize,
        /// The least magnitude that errors are measured by. It is that of the inputs times how
        /// much they are magnified, where results cancel.
        floor: f64,
    },
}

impl Tolerance {
    /// The largest allowed error of an element whose right value is `want`, where the largest
    /// finite magnitude of all right values is `largest`.
    #[must_use]
    pub fn allowed(&self, dtype: DType, want: f64, largest: f64) -> f64 {
        let single = dtype == DType::F32;
        // A kernel may flush numbers below the normal ones to 0.
        let tiny = if single { f64::from(f32::MIN_POSITIVE) } else { f64::MIN_POSITIVE };
        match *self {
            Tolerance::Exact => 0.0,
            Tolerance::Element => tiny + if single { 4e-6 } else { 1e-12 } * want.abs(),
            Tolerance::Largest { terms, floor } => {
                let walk = 1e-6 * (2.0 + 0.1 * (terms as f64).sqrt());
                tiny + if single { walk } else { 1e-12 } * largest.max(floor)
            }
        }
    }
}
