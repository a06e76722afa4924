//! The error type of the crate: it names the field, the group or the parameter, and what to do.

use crate::state_mismatch::StateMismatch;

/// A result whose error is [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What is wrong with a hyper-parameter, a parameter group, a parameter or a saved state.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A hyper-parameter outside its range.
    #[error("{field} must be {allowed}; got {value}")]
    Hyper {
        /// The method or schedule and its field, as in `miadam.kappa`.
        field: String,
        /// What it may be, and why.
        allowed: String,
        /// What it is.
        value: String,
    },

    /// A table that must name exactly one of several kinds, and names none or more.
    #[error(
        "{}exactly one {what} must be given, as a table named after it; got {given}",
        prefix(table)
    )]
    Choice {
        /// The table, as in `activation`; empty for the table of the optimizer itself.
        table: String,
        /// What there are kinds of.
        what: &'static str,
        /// The kinds that were given.
        given: String,
    },

    /// A learning rate, or what a stage made of its hyper-parameters, that is not a finite number
    /// in the type of the parameters.
    #[error("group `{group}`: {what} of step {step} is {value:e}, which is not finite in {dtype}")]
    NonFinite {
        /// The parameter group.
        group: String,
        /// The learning rate, or a scalar of a stage.
        what: String,
        /// The step, counted from 1.
        step: u64,
        /// The value.
        value: f64,
        /// The type of the parameters.
        dtype: lowland_core::DType,
    },

    /// Groups that cannot stand side by side.
    #[error("group `{group}`: {message}")]
    Group {
        /// The parameter group.
        group: String,
        /// What is wrong and what would be right.
        message: String,
    },

    /// A parameter that no group selects.
    #[error("parameter `{name}` is in none of the groups {groups}; add one that selects it")]
    Unmatched {
        /// The parameter.
        name: String,
        /// The groups there are.
        groups: String,
    },

    /// A parameter with a length, an offset or a name that it cannot have.
    #[error("parameter `{name}`: {message}")]
    Param {
        /// The parameter.
        name: String,
        /// What is wrong and what would be right.
        message: String,
    },

    /// A new update whose state slots are not those of the old.
    #[error(
        "group `{group}` holds the state slots [{have}], but the new update has [{want}]; only \
         hyper-parameters that leave the slots as they are can change during a run"
    )]
    Slots {
        /// The parameter group.
        group: String,
        /// The slots that the state has.
        have: String,
        /// The slots that the new update has.
        want: String,
    },

    /// A saved state that does not fit. Nothing was loaded.
    #[error(transparent)]
    State(Box<StateMismatch>),

    /// What the engine says.
    #[error(transparent)]
    Core(#[from] lowland_core::Error),
}

/// The name of a table in front of a message about it.
fn prefix(table: &str) -> String {
    if table.is_empty() { String::new() } else { format!("{table}: ") }
}

impl Error {
    /// An [`Error::Choice`].
    pub(crate) fn choice(
        table: &str,
        what: &'static str,
        given: impl Iterator<Item = &'static str>,
    ) -> Self {
        let names: Vec<&str> = given.collect();
        let given = if names.is_empty() { "none".into() } else { names.join(" and ") };
        Error::Choice { table: table.into(), what, given }
    }
}

/// The range check behind every `validate`. Values are shown by `Debug`, which gives very large and
/// very small floats an exponent in place of hundreds of digits.
pub(crate) fn require(
    ok: bool,
    field: impl FnOnce() -> String,
    allowed: &str,
    value: impl std::fmt::Debug,
) -> Result<()> {
    if ok {
        return Ok(());
    }
    Err(Error::Hyper { field: field(), allowed: allowed.into(), value: format!("{value:?}") })
}
