//! What can go wrong when a landscape is measured.

/// A result whose error is [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong when a landscape was measured.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An op, a buffer or a backend failed.
    #[error(transparent)]
    Engine(#[from] lowland_core::Error),

    /// A vector of another length than the objective or operator has.
    #[error("{what} has {got} numbers; {want} are needed, one for each parameter")]
    Length {
        /// What the vector is.
        what: &'static str,
        /// The length that is needed.
        want: usize,
        /// The length found.
        got: usize,
    },

    /// Fewer of something than the measure is defined for.
    #[error("{got} {what}; at least {least} are needed")]
    TooFew {
        /// What there are too few of, in the plural.
        what: &'static str,
        /// The least number.
        least: usize,
        /// The number asked for.
        got: usize,
    },

    /// A number that must be positive and finite is not.
    #[error("{what} is {value}; it must be positive and finite")]
    NotPositive {
        /// What the number is.
        what: &'static str,
        /// Its value.
        value: f64,
    },

    /// A number that must be 0 or more and finite is not.
    #[error("{what} is {value}; it must be at least 0 and finite")]
    Negative {
        /// What the number is.
        what: &'static str,
        /// Its value.
        value: f64,
    },

    /// A NaN or an infinity came out.
    #[error("{what} is not finite; go less far from the solution, or measure in f64")]
    NonFinite {
        /// What is not finite, and where.
        what: String,
    },

    /// A vector that must have a direction is zero.
    #[error("{what} is zero and has no direction")]
    NoDirection {
        /// What the vector is.
        what: &'static str,
    },

    /// A gradient was asked for while statistics are estimated anew at each point.
    #[error(
        "batch-norm statistics that are estimated anew at each point have no gradient; normalise \
         by `Batch`, or call `estimate_statistics` once and normalise by `Running`"
    )]
    StatisticsMove,

    /// An objective was asked to stop, and did.
    #[error("the measurement was stopped")]
    Stopped,

    /// The eigenvalues of a tridiagonal matrix did not settle.
    #[error("the eigenvalue at {row} of a tridiagonal matrix did not settle in {sweeps} sweeps")]
    NotSettled {
        /// The row.
        row: usize,
        /// The sweeps spent.
        sweeps: usize,
    },
}

/// Refuses a vector of another length.
pub(crate) fn check_length(what: &'static str, want: usize, got: usize) -> Result<()> {
    if want == got { Ok(()) } else { Err(Error::Length { what, want, got }) }
}

/// Refuses fewer than the least.
pub(crate) fn check_least(what: &'static str, least: usize, got: usize) -> Result<()> {
    if got >= least { Ok(()) } else { Err(Error::TooFew { what, least, got }) }
}

/// Refuses what is not positive and finite.
pub(crate) fn check_positive(what: &'static str, value: f64) -> Result<()> {
    if value > 0.0 && value.is_finite() { Ok(()) } else { Err(Error::NotPositive { what, value }) }
}

/// Refuses what is negative or not finite.
pub(crate) fn check_not_negative(what: &'static str, value: f64) -> Result<()> {
    if value >= 0.0 && value.is_finite() { Ok(()) } else { Err(Error::Negative { what, value }) }
}

/// Refuses a vector with a NaN or an infinity in it.
pub(crate) fn check_finite(what: &'static str, values: &[f64]) -> Result<()> {
    match values.iter().position(|value| !value.is_finite()) {
        None => Ok(()),
        Some(i) => Err(Error::NonFinite { what: format!("{what} at parameter {i}") }),
    }
}
