//! What a check of golden files did, for people.

use std::collections::BTreeMap;
use std::fmt;

/// How many cases were checked, and which were not and why.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    checked: BTreeMap<String, usize>,
    skipped: BTreeMap<String, String>,
}

impl Report {
    /// Counts a case of this kind as checked.
    pub fn check(&mut self, kind: &str) {
        *self.checked.entry(kind.to_owned()).or_default() += 1;
    }

    /// Notes that a case was not checked.
    pub fn skip(&mut self, case: &str, why: impl Into<String>) {
        self.skipped.insert(case.to_owned(), why.into());
    }

    /// The number of cases checked.
    #[must_use]
    pub fn checked(&self) -> usize {
        self.checked.values().sum()
    }

    /// The number of cases checked of each kind.
    #[must_use]
    pub fn checked_by_kind(&self) -> &BTreeMap<String, usize> {
        &self.checked
    }

    /// The cases not checked, with the reason.
    #[must_use]
    pub fn skipped(&self) -> &BTreeMap<String, String> {
        &self.skipped
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.checked.keys().map(String::len).max().unwrap_or(0);
        for (kind, count) in &self.checked {
            writeln!(f, "{kind:width$}  {count} checked")?;
        }
        for (case, why) in &self.skipped {
            writeln!(f, "{case}  skipped: {why}")?;
        }
        write!(f, "{} checked, {} skipped", self.checked(), self.skipped.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_counts_by_kind_and_gives_reasons() {
        let mut report = Report::default();
        report.check("sgd");
        report.check("sgd");
        report.check("adam");
        report.skip("lion_plain", "this build has no `lion`");
        assert_eq!((report.checked(), report.skipped().len()), (3, 1));
        let text = "adam  1 checked\nsgd   2 checked\n\
                    lion_plain  skipped: this build has no `lion`\n3 checked, 1 skipped";
        assert_eq!(report.to_string(), text);
    }
}
