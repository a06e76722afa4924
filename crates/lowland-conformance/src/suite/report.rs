//! What a backend was found to do.

use std::fmt;

/// What was checked when something failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Check {
    /// The results are those of the oracle.
    Values,
    /// Every element of an output is written.
    Unwritten,
    /// Inputs stay as they are.
    Inputs,
    /// Memory beside the operands stays as it is.
    Neighbours,
    /// The same call gives the same bits.
    Repeat,
    /// The same call gives the same bits wherever its operands lie.
    Placement,
    /// The same call gives the same bits while other threads use the backend.
    Threads,
    /// A call that is supported runs, and a copy or an allocation that is right succeeds.
    Works,
    /// A call that is not supported is refused as such.
    Unsupported,
    /// A wrong number of operands is refused.
    Arity,
    /// An operand of a wrong length or type is refused.
    Operand,
    /// An output that overlaps another operand is refused.
    Overlap,
    /// A buffer of another backend is refused.
    Foreign,
    /// A label that is no class is refused.
    Label,
    /// A call that is refused writes nothing.
    Refused,
    /// What is uploaded is what is downloaded, and nothing beside it changes.
    Copy,
    /// Allocations are aligned and apart from each other.
    Allocation,
    /// Memory that cannot be had is an error.
    OutOfMemory,
    /// The count of memory is right, and memory that was let go is handed out again.
    Memory,
    /// Nothing panics.
    Panic,
}

/// Something that a backend does not do as it should.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The name of the op, or of what else was checked.
    pub subject: &'static str,
    /// What was checked.
    pub check: Check,
    /// The call: its types, sizes and flags.
    pub call: String,
    /// What was found.
    pub message: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} [{:?}] {}\n    {}", self.subject, self.check, self.call, self.message)
    }
}

/// One line of a [`Report`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// The name of the op, or of what else was checked.
    pub subject: &'static str,
    /// Calls that were checked, each float type for itself.
    pub checked: usize,
    /// Calls that the backend does not support, and refused.
    pub unsupported: usize,
    /// Calls with at least one failure.
    pub failed: usize,
}

/// What a backend was found to do. Prints as a table, after the failures.
#[derive(Clone, Debug)]
pub struct Report {
    backend: String,
    rows: Vec<Row>,
    failures: Vec<Failure>,
}

impl Report {
    pub(super) fn new(backend: &str) -> Self {
        Report { backend: backend.into(), rows: Vec::new(), failures: Vec::new() }
    }

    /// Whether nothing failed.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.failures.is_empty()
    }

    /// One row for each op, then one for each of the other checks.
    #[must_use]
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// What failed, in the order in which it was found.
    #[must_use]
    pub fn failures(&self) -> &[Failure] {
        &self.failures
    }

    fn row(&mut self, subject: &'static str) -> &mut Row {
        let found = self.rows.iter().position(|row| row.subject == subject);
        let position = found.unwrap_or_else(|| {
            self.rows.push(Row { subject, checked: 0, unsupported: 0, failed: 0 });
            self.rows.len() - 1
        });
        &mut self.rows[position]
    }
}

/// Failures that are printed in full.
const PRINTED: usize = 50;

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "conformance of the {} backend", self.backend)?;
        for failure in self.failures.iter().take(PRINTED) {
            writeln!(f, "  {failure}")?;
        }
        if self.failures.len() > PRINTED {
            writeln!(f, "  and {} more", self.failures.len() - PRINTED)?;
        }
        writeln!(f, "{:<36} {:>8} {:>12} {:>8}", "", "checked", "unsupported", "failed")?;
        for row in &self.rows {
            let Row { subject, checked, unsupported, failed } = row;
            writeln!(f, "{subject:<36} {checked:>8} {unsupported:>12} {failed:>8}")?;
        }
        Ok(())
    }
}

/// One call's line in the report while it is checked.
pub(super) struct Log<'a> {
    report: &'a mut Report,
    subject: &'static str,
    call: String,
    failed: bool,
}

impl<'a> Log<'a> {
    /// Counts the call as checked.
    pub(super) fn new(report: &'a mut Report, subject: &'static str, call: String) -> Self {
        report.row(subject).checked += 1;
        Log { report, subject, call, failed: false }
    }

    /// Counts the call as unsupported instead.
    pub(super) fn unsupported(&mut self) {
        let row = self.report.row(self.subject);
        row.checked -= 1;
        row.unsupported += 1;
    }

    /// Notes a failure.
    pub(super) fn fail(&mut self, check: Check, message: impl Into<String>) {
        if !std::mem::replace(&mut self.failed, true) {
            self.report.row(self.subject).failed += 1;
        }
        let (subject, call, message) = (self.subject, self.call.clone(), message.into());
        self.report.failures.push(Failure { subject, check, call, message });
    }

    /// Notes a failure where something is not so.
    pub(super) fn require(&mut self, holds: bool, check: Check, message: impl Into<String>) {
        if !holds {
            self.fail(check, message);
        }
    }

    /// The value of something that should have worked; notes a failure where it did not.
    pub(super) fn works<T>(&mut self, what: &str, result: lowland_core::Result<T>) -> Option<T> {
        result.map_err(|error| self.fail(Check::Works, format!("{what}: {error}"))).ok()
    }
}
