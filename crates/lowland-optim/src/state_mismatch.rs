//! Where a saved state and an optimizer differ: all of it, for one message.

use std::fmt;

use crate::error::{Error, Result};

/// Where a saved state and the parameters differ that it is to be the state of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StateMismatch {
    /// Parameters without a saved state.
    pub missing: Vec<String>,
    /// Saved states that are of no parameter, or of one that no group selects.
    pub unexpected: Vec<String>,
    /// What differs for parameters that have one.
    pub wrong: Vec<WrongState>,
    /// What groups remember of all their parameters together and is not there, as `stage.name`.
    pub missing_together: Vec<String>,
    /// What is there and no group remembers.
    pub unexpected_together: Vec<String>,
}

/// One difference between the state of a parameter and the saved one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrongState {
    /// The parameter.
    pub name: String,
    /// What differs.
    pub message: String,
}

impl fmt::Display for WrongState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {}", self.name, self.message)
    }
}

impl StateMismatch {
    /// Notes a difference.
    pub(crate) fn wrong(&mut self, name: &str, message: String) {
        self.wrong.push(WrongState { name: name.into(), message });
    }

    /// # Errors
    /// [`Error::State`] where anything differs.
    pub(crate) fn into_result(self) -> Result<()> {
        if self == StateMismatch::default() { Ok(()) } else { Err(Error::State(Box::new(self))) }
    }
}

/// Differences shown of each kind in a message; the others are counted.
const SHOWN: usize = 10;

impl fmt::Display for StateMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the saved state is not of these parameters:")?;
        let mut separator = "";
        let mut list = |what: &str, all: &mut dyn ExactSizeIterator<Item = String>| {
            let count = all.len();
            if count == 0 {
                return Ok(());
            }
            let shown: Vec<String> = all.take(SHOWN).collect();
            write!(f, "{separator} {count} {what} ({}", shown.join(", "))?;
            separator = ";";
            match count - shown.len() {
                0 => write!(f, ")"),
                more => write!(f, ", and {more} more)"),
            }
        };
        let quoted = |name: &String| format!("`{name}`");
        list("missing", &mut self.missing.iter().map(quoted))?;
        list("of no parameter", &mut self.unexpected.iter().map(quoted))?;
        list("different", &mut self.wrong.iter().map(WrongState::to_string))?;
        list("missing of all parameters together", &mut self.missing_together.iter().map(quoted))?;
        list("of no group", &mut self.unexpected_together.iter().map(quoted))
    }
}

impl std::error::Error for StateMismatch {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lists_are_cut_and_counted() {
        let names = |prefix: &str, n: usize| (0..n).map(|i| format!("{prefix}{i}")).collect();
        let mut mismatch = StateMismatch {
            missing: names("a", 13),
            unexpected: names("b", 10),
            unexpected_together: vec!["swats.x".into()],
            ..StateMismatch::default()
        };
        mismatch.wrong("w", "has taken 3 steps, the others 4".into());
        assert_eq!(
            mismatch.to_string(),
            "the saved state is not of these parameters: 13 missing (`a0`, `a1`, `a2`, `a3`, `a4`, \
             `a5`, `a6`, `a7`, `a8`, `a9`, and 3 more); 10 of no parameter (`b0`, `b1`, `b2`, `b3`, `b4`, \
             `b5`, `b6`, `b7`, `b8`, `b9`); 1 different (`w` has taken 3 steps, the others 4); \
             1 of no group (`swats.x`)"
        );
        assert!(StateMismatch::default().into_result().is_ok());
    }
}
